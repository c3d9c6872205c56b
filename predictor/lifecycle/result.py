"""The answer about life cycles, and the document that is printed of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from predictor.carbon import CarbonIntensity, emissions_gco2e, facility_energy_j
from predictor.intervals import Quantity
from predictor.lifecycle.comparing import PayOff
from predictor.lifecycle.description import Variant
from predictor.lifecycle.energies import Sum
from predictor.lifecycle.formulas import overhead_share
from predictor.models import ChosenModel
from predictor.notices import Notice
from predictor.units import joules_to_kwh

SCHEMA_VERSION = 1

PHASES = ("search", "training", "use")
"""In order of a life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseAnswer:
    """What one phase takes.

    Parameters
    ----------
    sum : Sum
        Its energy and time.
    share : Quantity or None
        Its part of the life cycle's energy; None where that is 0.
    static_share : Quantity or None
        The part of its energy that would be drawn without computing; None where that
        is not known.
    """

    sum: Sum
    share: Quantity | None
    static_share: Quantity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessedVariant:
    """What one variant takes over its life.

    Parameters
    ----------
    variant : Variant
        What was asked.
    carbon : CarbonIntensity
        Of its electricity.
    pue : float
        Power usage effectiveness of its site.
    phases : mapping of str to PhaseAnswer
        ``search``, ``training``, ``use``, as far as there are any.
    whole : Sum
        All of them: ``EC`` of the paper, without PUE.
    inference_energy_j : Quantity or None
        IT energy of one inference in J, without the cold part: ``I``.
    invested_energy_j : Quantity
        What is spent before the first inference, in J: search, training, and the cold
        part of use.
    break_even_inferences : Quantity or None
        Number of inferences after which use has taken as much as search and training.
    overhead : Quantity or None
        Energy of training over that of inference on the same samples, less one: ``o``.
    static_share : Quantity or None
        The part of the energy that would be drawn without computing; None where that
        is not known.
    """

    variant: Variant
    carbon: CarbonIntensity
    pue: float
    phases: Mapping[str, PhaseAnswer]
    whole: Sum
    inference_energy_j: Quantity | None
    invested_energy_j: Quantity
    break_even_inferences: Quantity | None
    overhead: Quantity | None
    static_share: Quantity | None

    @property
    def energy_j(self) -> Quantity:
        """IT energy of the life cycle in J, without PUE."""
        return self.whole.energy_j

    @property
    def emissions_factor_g_per_j(self) -> float:
        """Emissions of a joule of IT energy in gCO2e, with PUE."""
        return emissions_gco2e(
            1.0,
            carbon_intensity_g_per_kwh=self.carbon.carbon_intensity_g_per_kwh,
            pue=self.pue,
        )

    @property
    def cost_per_j(self) -> float | None:
        """Price of a joule of IT energy, with PUE; None without a price."""
        price = self.variant.place.price_per_kwh
        return None if price is None else joules_to_kwh(price) * self.pue

    def facility_energy_kwh(self, energy_j: Quantity) -> Quantity:
        """Return what the site draws for an IT energy.

        Parameters
        ----------
        energy_j : Quantity
            IT energy in J.

        Returns
        -------
        energy_kwh : Quantity
            With PUE, in kWh.
        """
        return energy_j.scaled(joules_to_kwh(facility_energy_j(1.0, pue=self.pue)))

    def emissions_gco2e(self, energy_j: Quantity) -> Quantity:
        """Return the emissions of an IT energy.

        Parameters
        ----------
        energy_j : Quantity
            IT energy in J.

        Returns
        -------
        emissions_gco2e : Quantity
            With PUE, in gCO2e.
        """
        return energy_j.scaled(self.emissions_factor_g_per_j)

    def cost(self, energy_j: Quantity) -> Quantity | None:
        """Return the price of an IT energy.

        Parameters
        ----------
        energy_j : Quantity
            IT energy in J.

        Returns
        -------
        cost : Quantity or None
            With PUE, in the price's currency; None without a price.
        """
        factor = self.cost_per_j
        return None if factor is None else energy_j.scaled(factor)

    def to_dict(self) -> dict[str, object]:
        """Return its part of the document.

        Returns
        -------
        document : dict
            A quantity is estimate, lower and upper.
        """
        share = None
        if self.overhead is not None:
            share = overhead_share(self.overhead.estimate)
        return {
            "name": self.variant.name,
            "carbon": {**asdict(self.carbon), "pue": self.pue},
            "price_per_kwh": self.variant.place.price_per_kwh,
            "phases": {
                name: self._phase(name) if name in self.phases else None
                for name in PHASES
            },
            **self._energies(self.whole),
            "inferences": None
            if self.variant.use is None
            else self.variant.use.inferences,
            "inference_energy_j": _numbers(self.inference_energy_j),
            "invested_energy_j": _numbers(self.invested_energy_j),
            "break_even_inferences": _numbers(self.break_even_inferences),
            "overhead": _numbers(self.overhead),
            "overhead_share": share,
            "static_share": _numbers(self.static_share),
        }

    def _phase(self, name: str) -> dict[str, object]:
        phase = self.phases[name]
        document: dict[str, object] = {
            "basis": phase.sum.basis,
            "share": _numbers(phase.share),
            **self._energies(phase.sum),
            "static_share": _numbers(phase.static_share),
        }
        search = self.variant.search
        if name == "search" and search is not None:
            document |= {
                "kind": search.kind,
                "trainings": search.number,
                "candidates": search.candidates,
                "seed": search.seed,
            }
        return document

    def _energies(self, taken: Sum) -> dict[str, object]:
        energy_j = taken.energy_j
        return {
            "energy_j": energy_j.to_dict(),
            "energy_kwh": energy_j.scaled(joules_to_kwh(1.0)).to_dict(),
            "facility_energy_kwh": self.facility_energy_kwh(energy_j).to_dict(),
            "duration_s": _numbers(taken.duration_s),
            "emissions_gco2e": self.emissions_gco2e(energy_j).to_dict(),
            "cost": _numbers(self.cost(energy_j)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantComparison:
    """One variant against the first.

    Parameters
    ----------
    name, against : str
        The variant, and the one it is compared with.
    energy_ratio : Quantity or None
        Its IT energy over the other's; None where the other takes none.
    emissions_ratio : Quantity or None
        Its emissions over the other's; None where the other has none.
    pay_off : PayOff or None
        From how many inferences on it takes less energy; None where one of both has
        no use.
    """

    name: str
    against: str
    energy_ratio: Quantity | None
    emissions_ratio: Quantity | None
    pay_off: PayOff | None

    def to_dict(self) -> dict[str, object]:
        """Return its part of the document.

        Returns
        -------
        document : dict
            A quantity is estimate, lower and upper.
        """
        return {
            "name": self.name,
            "against": self.against,
            "energy_ratio": _numbers(self.energy_ratio),
            "emissions_ratio": _numbers(self.emissions_ratio),
            "pay_off": None if self.pay_off is None else asdict(self.pay_off),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What life cycles take, and how they compare.

    Parameters
    ----------
    name : str
        Of the description.
    variants : tuple of AssessedVariant
        In the order written.
    comparisons : tuple of VariantComparison
        All but the first against the first.
    chosen : ChosenModel or None
        The fitted model that answers; None where everything is given.
    confidence_level : float
        Of every interval.
    idle_power_w : float or None
        Power of the idle machine in W; None where nobody said.
    warnings, assumptions : tuple of Notice
        What limits the answer, and what it rests on.
    """

    name: str
    variants: tuple[AssessedVariant, ...]
    comparisons: tuple[VariantComparison, ...]
    chosen: ChosenModel | None
    confidence_level: float
    idle_power_w: float | None
    warnings: tuple[Notice, ...]
    assumptions: tuple[Notice, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; a quantity is estimate, lower and upper.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "confidence_level": self.confidence_level,
            "idle_power_w": self.idle_power_w,
            "hardware": self._hardware(),
            "model": self._model(),
            "variants": [one.to_dict() for one in self.variants],
            "comparisons": [one.to_dict() for one in self.comparisons],
            "warnings": [asdict(notice) for notice in self.warnings],
            "assumptions": [asdict(notice) for notice in self.assumptions],
        }

    def _hardware(self) -> dict[str, object] | None:
        if self.chosen is None:
            return None
        platform = self.chosen.model.platform
        return {
            "name": platform.hardware,
            "backend": platform.backend,
            "tier": self.chosen.tier,
            "energy_source": platform.energy_source,
        }

    def _model(self) -> dict[str, object] | None:
        if self.chosen is None:
            return None
        energy = self.chosen.model.steps["energy_j"]
        errors = energy.errors[energy.chosen]
        return {
            "name": self.chosen.model.name,
            "regressor": energy.chosen,
            "digest": self.chosen.digest,
            "rows": self.chosen.model.rows,
            "mape": errors.mape,
            "coverage": errors.coverage,
        }


def _numbers(quantity: Quantity | None) -> dict[str, float] | None:
    return None if quantity is None else quantity.to_dict()
