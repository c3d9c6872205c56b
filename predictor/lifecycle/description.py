"""What a life cycle is: phases of variants, and where and how they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from predictor.carbon import CarbonIntensity, carbon_intensity, check_pue
from predictor.errors import UsageError
from predictor.freezing import Frozen
from predictor.lifecycle.tables import LARGEST
from predictor.workload import Workload

SearchKind = Literal["given", "equal", "listed", "grid", "random"]
NetworkSource: TypeAlias = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Work whose energy is known, not predicted.

    Parameters
    ----------
    energy_j : float
        IT energy in J, above 0.
    duration_s : float or None, default=None
        How long it takes in s, where that is known.
    overhead : float or None, default=None
        ``o`` of the paper, where the energy comes from its formula.
    """

    energy_j: float
    duration_s: float | None = None
    overhead: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """A training, or inferences, that a fitted model prices.

    Parameters
    ----------
    network : str or mapping
        Path of the network, or its description.
    workload : Workload
        What is done with it.
    frozen : str, int, float or None, default=None
        Which layers are not trained; see `predictor.freezing`.
    reading : mapping, default={}
        What the network leaves open, as arguments of `predictor.estimate`.
    where : str
        The phase, for messages.
    """

    network: NetworkSource
    workload: Workload
    frozen: Frozen | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    where: str


Phase: TypeAlias = Given | Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The trainings of an architecture search.

    Parameters
    ----------
    trainings : tuple of (Phase, int)
        Each with how often it is done.
    kind : {"given", "equal", "listed", "grid", "random"}
        How they were written down.
    candidates : int or None, default=None
        Trainings in the grid, of which all or some are done.
    seed : int or None, default=None
        Of the random choice.
    """

    trainings: tuple[tuple[Phase, int], ...]
    kind: SearchKind
    candidates: int | None = None
    seed: int | None = None

    @property
    def number(self) -> int:
        """How many trainings there are: ``H`` of the paper."""
        return sum(times for _, times in self.trainings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The inferences of a network's life.

    Parameters
    ----------
    inferences : int
        How many: ``e`` of the paper.
    work : Phase
        All of them, or one where there are none; of `Given` always one.
    """

    inferences: int
    work: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where electricity comes from; what is None is not said.

    Parameters
    ----------
    region : str or None, default=None
        Code of a place.
    carbon_intensity_g_per_kwh : float or None, default=None
        Carbon intensity in gCO2e/kWh instead of the region's.
    pue : float or None, default=None
        Power usage effectiveness of the site.
    price_per_kwh : float or None, default=None
        Price of a kWh.

    Examples
    --------
    >>> Place(region="DEU", pue=1.2).over(Place(region="FRA", price_per_kwh=0.3))
    Place(region='DEU', carbon_intensity_g_per_kwh=None, pue=1.2, price_per_kwh=0.3)
    """

    region: str | None = None
    carbon_intensity_g_per_kwh: float | None = None
    pue: float | None = None
    price_per_kwh: float | None = None

    def over(self, other: Place) -> Place:
        """Return what this place says, and else what another says.

        Parameters
        ----------
        other : Place
            Heard where this one is silent. A region with its carbon intensity is one
            thing: it comes from one of both.

        Returns
        -------
        place : Place
            Both together.
        """
        silent = self.region is None and self.carbon_intensity_g_per_kwh is None
        grid = other if silent else self
        return Place(
            region=grid.region,
            carbon_intensity_g_per_kwh=grid.carbon_intensity_g_per_kwh,
            pue=_first(self.pue, other.pue),
            price_per_kwh=_first(self.price_per_kwh, other.price_per_kwh),
        )

    def settled(self) -> tuple[CarbonIntensity, float]:
        """Return carbon intensity and PUE, with defaults where nothing is said.

        Returns
        -------
        carbon : CarbonIntensity
            The world's where no place is said.
        pue : float
            1 where none is said.

        Raises
        ------
        UsageError
            If a number is out of its range, or the region is not known.
        """
        for name, value in (
            ("price", self.price_per_kwh),
            ("carbon intensity", self.carbon_intensity_g_per_kwh),
            ("PUE", self.pue),
        ):
            if value is not None and not 0 <= value <= LARGEST:
                raise UsageError(
                    f"{name} must be finite and not negative, at most {LARGEST:g}; "
                    f"got {value!r}"
                )
        carbon = carbon_intensity(
            self.region, override_g_per_kwh=self.carbon_intensity_g_per_kwh
        )
        return carbon, check_pue(1.0 if self.pue is None else self.pue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to come to a network and to use it.

    Parameters
    ----------
    name : str
        What it is called.
    place : Place
        Where it happens.
    search : Search or None
        None where nothing is searched.
    training : Phase or None
        The final training; None where a trained network is taken.
    use : Use or None
        None where it is not looked at.
    """

    name: str
    place: Place
    search: Search | None
    training: Phase | None
    use: Use | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How a description wants to be answered; what is None is not said.

    Parameters
    ----------
    model : str or None, default=None
        Folder of a fitted model.
    hardware : str or None, default=None
        Name of a known fitted model.
    confidence_level : float or None, default=None
        Of the intervals.
    idle_power_w : float or None, default=None
        Power of the idle machine in W.
    """

    model: str | None = None
    hardware: str | None = None
    confidence_level: float | None = None
    idle_power_w: float | None = None

    def over(self, other: Answering) -> Answering:
        """Return what this says, and else what another says.

        Parameters
        ----------
        other : Answering
            Heard where this one is silent. Model and hardware are one thing: they come
            from one of both.

        Returns
        -------
        answering : Answering
            Both together.
        """
        named = other if self.model is None and self.hardware is None else self
        return Answering(
            model=named.model,
            hardware=named.hardware,
            confidence_level=_first(self.confidence_level, other.confidence_level),
            idle_power_w=_first(self.idle_power_w, other.idle_power_w),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A life cycle to be answered.

    Parameters
    ----------
    name : str
        What it is called.
    variants : tuple of Variant
        In the order written; the first is the one compared with.
    answering : Answering
        How it is to be answered.
    """

    name: str
    variants: tuple[Variant, ...]
    answering: Answering

    def completed(self, place: Place, answering: Answering) -> Description:
        """Return the description with what it leaves open.

        Parameters
        ----------
        place : Place
            For variants that do not say it.
        answering : Answering
            For what it does not say.

        Returns
        -------
        description : Description
            What it says stays.
        """
        return replace(
            self,
            variants=tuple(
                replace(one, place=one.place.over(place)) for one in self.variants
            ),
            answering=self.answering.over(answering),
        )

    def overridden(self, place: Place, answering: Answering) -> Description:
        """Return the description with something else than it says.

        Parameters
        ----------
        place : Place
            For every variant.
        answering : Answering
            How it is to be answered instead.

        Returns
        -------
        description : Description
            What neither says stays open.
        """
        return replace(
            self,
            variants=tuple(
                replace(one, place=place.over(one.place)) for one in self.variants
            ),
            answering=answering.over(self.answering),
        )


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
