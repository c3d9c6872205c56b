"""What a training takes as a function of its epochs: a cold part, then equal ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from predictor.answer import Estimate
from predictor.estimation import estimate
from predictor.intervals import Quantity
from predictor.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A quantity that grows by as much with each epoch.

    Parameters
    ----------
    cold : Quantity
        What is taken once, before steady steps, in J or s.
    epoch : Quantity
        What each epoch takes, in J or s.

    Examples
    --------
    >>> three = Quantity(estimate=3.0, lower=2.0, upper=4.0)
    >>> Line(cold=three, epoch=three).after(2).estimate
    9.0
    """

    cold: Quantity
    epoch: Quantity

    def after(self, epochs: int) -> Quantity:
        """Return what so many epochs take.

        Parameters
        ----------
        epochs : int
            At least 1.

        Returns
        -------
        quantity : Quantity
            In J or s.
        """
        return self.cold.plus(self.epoch.scaled(epochs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a training will take, whatever the number of its epochs.

    Parameters
    ----------
    answer : Estimate
        Of the whole workload.
    energy_j : Line
        Energy in J.
    duration_s : Line or None
        Time in s; None where the fitted model has no times.
    """

    answer: Estimate
    energy_j: Line
    duration_s: Line | None

    def after(self, epochs: int) -> Estimate:
        """Return the estimate of so many epochs.

        Parameters
        ----------
        epochs : int
            At least 1.

        Returns
        -------
        estimate : Estimate
            Energy and time are of that many epochs.
        """
        time = self.duration_s
        return replace(
            self.answer,
            workload=replace(self.answer.workload, epochs=epochs),
            energy_j=self.energy_j.after(epochs),
            duration_s=None if time is None else time.after(epochs),
        )


def forecast_of(
    description: Mapping[str, Any], workload: Workload, answering: Mapping[str, Any]
) -> Forecast:
    """Forecast a training.

    Parameters
    ----------
    description : mapping
        The network as JSON values.
    workload : Workload
        What is done with it.
    answering : mapping of str to object
        Other arguments of `predictor.estimate`.

    Returns
    -------
    forecast : Forecast
        Of any number of epochs.

    Raises
    ------
    PredictorError
        As `predictor.estimate`.
    """
    answer = estimate(description, workload=workload, **answering)
    time = answer.duration_s
    return Forecast(
        answer=answer,
        energy_j=_line(answer.energy_j, answer.cold_energy_j, workload.epochs),
        duration_s=None
        if time is None
        else _line(time, answer.cold_duration_s, workload.epochs),
    )


def _line(whole: Quantity, cold: Quantity | None, epochs: int) -> Line:
    """Divide what a workload takes among its cold part and its epochs."""
    start = cold or Quantity(estimate=0.0, lower=0.0, upper=0.0)
    steady = Quantity(
        estimate=whole.estimate - start.estimate,
        lower=whole.lower - start.lower,
        upper=whole.upper - start.upper,
    )
    return Line(cold=start, epoch=steady.scaled(1 / epochs))
