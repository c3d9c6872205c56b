"""What a forecast says while a network is trained."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.answer import Estimate
from predictor.forecasting.laps import Lap
from predictor.forecasting.recording import Actual
from predictor.hardware import MODELLED
from predictor.intervals import Quantity
from predictor.report.quantities import (
    DURATION_S,
    ENERGY_WH,
    MASS_G,
    Scale,
    readable,
    readable_interval,
)
from predictor.units import joules_to_kwh


def _energy(energy_j: Quantity) -> str:
    return _with_interval(energy_j.scaled(1e3 * joules_to_kwh(1.0)), ENERGY_WH)


def _with_interval(quantity: Quantity, scale: Scale) -> str:
    return (
        f"{readable(quantity.estimate, scale)} ({readable_interval(quantity, scale)})"
    )


def forecast_sentence(answer: Estimate) -> str:
    """Say what a training will take.

    Parameters
    ----------
    answer : Estimate
        Of the whole training.

    Returns
    -------
    sentence : str
        One line.
    """
    parts = [f"{_energy(answer.energy_j)} of {_kind(answer)} energy"]
    if answer.duration_s is not None:
        parts.append(_with_interval(answer.duration_s, DURATION_S))
    parts.append(_with_interval(answer.emissions_gco2e, MASS_G))
    work = answer.workload
    return (
        f"forecast of {work.epochs:,} epoch(s) of {answer.network.architecture.name}, "
        f"{answer.confidence_level:.0%} interval, {answer.chosen.tier} model: "
        f"{', '.join(parts)}"
    )


def refined_sentence(
    answer: Estimate, done: int, planned: int, laps: Sequence[Lap]
) -> str:
    """Say what a training will have taken, after its first epochs.

    Parameters
    ----------
    answer : Estimate
        With what was measured in it.
    done, planned : int
        Epochs.
    laps : sequence of Lap
        Those done.

    Returns
    -------
    sentence : str
        One line.
    """
    assert answer.duration_s is not None
    parts = [_with_interval(answer.duration_s, DURATION_S)]
    if laps[-1].energy_j is not None:
        parts.append(_energy(answer.energy_j))
    return (
        f"after {done:,} of {planned:,} epochs, the whole will take {', '.join(parts)}"
    )


def ended_sentence(forecast: Estimate, actual: Actual) -> str:
    """Say what a training took, and what had been forecast of it.

    Parameters
    ----------
    forecast : Estimate
        Of the epochs that were done.
    actual : Actual
        What was measured.

    Returns
    -------
    sentence : str
        One line.
    """
    took = readable(actual.duration_s, DURATION_S)
    if forecast.duration_s is not None:
        took += f" (forecast {_with_interval(forecast.duration_s, DURATION_S)})"
    if actual.energy_j is None:
        energy = f"its energy is not known: {actual.no_energy}"
    else:
        energy_wh = readable(1e3 * joules_to_kwh(actual.energy_j), ENERGY_WH)
        kind = "modelled" if actual.source == MODELLED else "measured"
        energy = (
            f"{energy_wh} of {kind} energy (forecast {_energy(forecast.energy_j)}, "
            f"{_kind(forecast)})"
        )
    return f"{len(actual.laps):,} epoch(s) took {took}; {energy}"


def _kind(answer: Estimate) -> str:
    return answer.chosen.model.platform.energy_source
