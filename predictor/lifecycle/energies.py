"""Energies of phases: sums of what is given and what is predicted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from predictor.intervals import Quantity
from predictor.lifecycle.formulas import static_share
from predictor.workload import Mode

Basis = Literal["given", "predicted", "mixed"]

NOTHING = Quantity(estimate=0.0, lower=0.0, upper=0.0)


def exactly(value: float) -> Quantity:
    """Return a number that is known.

    Parameters
    ----------
    value : float
        Any.

    Returns
    -------
    quantity : Quantity
        Its interval is the number alone.

    Examples
    --------
    >>> exactly(2.0)
    Quantity(estimate=2.0, lower=2.0, upper=2.0)
    """
    return Quantity(estimate=value, lower=value, upper=value)


def summed(quantities: Iterable[Quantity]) -> Quantity:
    """Add quantities, assuming that all err to the same side.

    Parameters
    ----------
    quantities : iterable of Quantity
        In the same unit and at the same confidence level.

    Returns
    -------
    quantity : Quantity
        Sums of estimates and of ends, which is never too narrow.

    Examples
    --------
    >>> summed([exactly(1.0), Quantity(estimate=2.0, lower=1.0, upper=4.0)])
    Quantity(estimate=3.0, lower=2.0, upper=5.0)
    """
    found = list(quantities)
    return Quantity(
        estimate=math.fsum(one.estimate for one in found),
        lower=math.fsum(one.lower for one in found),
        upper=math.fsum(one.upper for one in found),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One piece of work, and how its energy is known.

    Parameters
    ----------
    mode : {"training", "inference"}
        What is done.
    energy_j : Quantity
        IT energy in J.
    cold_energy_j : Quantity
        The part of it that is spent once, in J.
    duration_s : Quantity or None
        How long it takes in s.
    log_half_width : float
        Of the energy's interval at most; 0 where it is given.
    power_log_half_width : float
        Of the mean power's interval; 0 where energy and time are given.
    widening : float
        Factor on half-widths, at least 1; more outside the fitted range.
    is_given : bool
        Whether it is not predicted.
    step : object, default=None
        Names what is repeated in it; equal steps err alike.
    """

    mode: Mode
    energy_j: Quantity
    cold_energy_j: Quantity = NOTHING
    duration_s: Quantity | None = None
    log_half_width: float = 0.0
    power_log_half_width: float = 0.0
    widening: float = 1.0
    is_given: bool = False
    step: object = None

    @property
    def identity(self) -> object:
        """Equal for parts that are the same work, done as often."""
        return self.step, self.energy_j.estimate

    @property
    def cold_share(self) -> float:
        """The part of the energy that is spent once."""
        return self.cold_energy_j.estimate / self.energy_j.estimate

    def times(self, number: int) -> Part:
        """Return the same work done several times.

        Parameters
        ----------
        number : int
            How often.

        Returns
        -------
        part : Part
            Energies and time times the number.
        """
        duration_s = self.duration_s
        return replace(
            self,
            energy_j=self.energy_j.scaled(number),
            cold_energy_j=self.cold_energy_j.scaled(number),
            duration_s=None if duration_s is None else duration_s.scaled(number),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What several pieces of work take together.

    Parameters
    ----------
    parts : tuple of Part
        Any number.
    """

    parts: tuple[Part, ...]

    @property
    def energy_j(self) -> Quantity:
        """IT energy in J; ends are sums of ends."""
        return summed(part.energy_j for part in self.parts)

    @property
    def cold_energy_j(self) -> Quantity:
        """What of it is spent once by each part, in J."""
        return summed(part.cold_energy_j for part in self.parts)

    @property
    def duration_s(self) -> Quantity | None:
        """Time in s, one after the other; None where that of a part is not known."""
        known = [part.duration_s for part in self.parts if part.duration_s is not None]
        return summed(known) if len(known) == len(self.parts) else None

    @property
    def basis(self) -> Basis:
        """Whether it is given, predicted, or both."""
        kinds = {part.is_given for part in self.parts}
        if len(kinds) == 2:
            return "mixed"
        return "predicted" if kinds == {False} else "given"

    def static_share(self, idle_power_w: float | None) -> Quantity | None:
        """Return the part of the energy that would be drawn without computing.

        Parameters
        ----------
        idle_power_w : float or None
            Power of the idle machine in W.

        Returns
        -------
        share : Quantity or None
            None where the idle power or a time is not known, or the idle power exceeds
            the mean power. Its interval is the widest of the mean powers'.
        """
        duration_s, energy_j = self.duration_s, self.energy_j
        if idle_power_w is None or duration_s is None or not energy_j.estimate:
            return None
        share = static_share(
            idle_power_w, duration_s=duration_s.estimate, energy_j=energy_j.estimate
        )
        if share > 1:
            return None
        factor = math.exp(max(part.power_log_half_width for part in self.parts))
        return Quantity(
            estimate=share, lower=share / factor, upper=min(share * factor, 1.0)
        )


def share_of(part: Quantity, others: Quantity) -> Quantity | None:
    """Return what a quantity is of the sum of itself and others.

    Parameters
    ----------
    part, others : Quantity
        In the same unit, not negative.

    Returns
    -------
    share : Quantity or None
        Smallest where the part is at its lower end and the others at their upper, and
        the other way round; None where both are 0.

    Examples
    --------
    >>> share_of(exactly(1.0), Quantity(estimate=3.0, lower=1.0, upper=9.0))
    Quantity(estimate=0.25, lower=0.1, upper=0.5)
    """
    if not part.estimate + others.estimate:
        return None
    return Quantity(
        estimate=part.estimate / (part.estimate + others.estimate),
        lower=part.lower / (part.lower + others.upper),
        upper=part.upper / (part.upper + others.lower),
    )


def widest(parts: Sequence[Part]) -> float:
    """Return the largest factor on half-widths.

    Parameters
    ----------
    parts : sequence of Part
        Any number.

    Returns
    -------
    factor : float
        At least 1.

    Examples
    --------
    >>> widest([])
    1.0
    """
    return max((part.widening for part in parts), default=1.0)
