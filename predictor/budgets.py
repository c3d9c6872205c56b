"""Limits on what a workload may take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from predictor.answer import Estimate
from predictor.errors import UsageError
from predictor.intervals import Quantity
from predictor.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Limits; None is no limit.

    Parameters
    ----------
    energy_kwh : float, optional
        IT energy in kWh.
    emissions_gco2e : float, optional
        Emissions in gCO2e.
    duration_h : float, optional
        Time in hours.
    cost : float, optional
        Money, in the currency of the price.
    on : {"estimate", "upper"}, default="estimate"
        What is held against the limits: the estimate or the interval's upper end.

    Raises
    ------
    UsageError
        If a limit is negative or not finite, or `on` is unknown.
    """

    energy_kwh: float | None = None
    emissions_gco2e: float | None = None
    duration_h: float | None = None
    cost: float | None = None
    on: str = "estimate"

    def __post_init__(self) -> None:
        if self.on not in {"estimate", "upper"}:
            raise UsageError(f"--budget-on must be estimate or upper, got {self.on!r}")
        for name in ("energy_kwh", "emissions_gco2e", "duration_h", "cost"):
            limit = getattr(self, name)
            if limit is not None and not (math.isfinite(limit) and limit >= 0):
                raise UsageError(
                    f"the budget on {name} must be finite and not negative, "
                    f"got {limit!r}"
                )

    def exceeded_by(self, answer: Estimate) -> list[str]:
        """Return a sentence for each limit that an estimate exceeds.

        Parameters
        ----------
        answer : Estimate
            What is held against the limits.

        Returns
        -------
        sentences : list of str
            Empty within all budgets.

        Raises
        ------
        UsageError
            If a limit is on a quantity that this estimate does not have.
        """
        hours = answer.duration_s and answer.duration_s.scaled(1 / SECONDS_PER_HOUR)
        sentences = []
        for name, limit, quantity, remedy in (
            ("energy_kwh", self.energy_kwh, answer.energy_kwh, ""),
            ("emissions_gco2e", self.emissions_gco2e, answer.emissions_gco2e, ""),
            ("duration_h", self.duration_h, hours, "the model has no times"),
            ("cost", self.cost, answer.cost, "give --price"),
        ):
            if limit is None:
                continue
            if not isinstance(quantity, Quantity):
                raise UsageError(f"a budget on {name} cannot be checked: {remedy}")
            value = quantity.upper if self.on == "upper" else quantity.estimate
            if value > limit:
                sentences.append(
                    f"{name} {value:.4g} ({self.on}) exceeds the budget {limit:.4g}"
                )
        return sentences
