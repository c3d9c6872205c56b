"""The fields of a row, from what a trial found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dataset_builder.meters.readings import Reading
from dataset_builder.plan.configuration import Configuration
from dataset_builder.trial.conditions import LoadSnapshot
from dataset_builder.trial.protocol import TrialResult, Window
from predictor.dataset import SCHEMA

Row = dict[str, Any]


def workload_fields(item: Configuration, *, samples: int, epochs: int) -> Row:
    """Return what a row says of network and workload.

    Parameters
    ----------
    item : Configuration
        What was measured.
    samples, epochs : int
        Of the median window.

    Returns
    -------
    fields : dict
        JSON values.
    """
    return {
        "schema": SCHEMA,
        "network_sha256": item.network_sha256,
        "name": item.name,
        "family": item.family,
        "group": item.group,
        "mode": item.mode,
        "batch_size": item.batch_size,
        "samples": samples,
        "epochs": epochs,
        "optimizer": item.optimizer,
        "dtype": item.dtype,
        "loss": item.loss,
        "repeat": item.repeat,
        "split": None,
    }


def energy_fields(result: TrialResult) -> Row:
    """Return what a row says of energy, time and validity.

    Parameters
    ----------
    result : TrialResult
        What a trial found.

    Returns
    -------
    fields : dict
        JSON values.
    """
    steady, cold = result.median.reading, result.cold
    gpu_j = None
    if steady.gpu_energy_j is not None and cold.gpu_energy_j is not None:
        gpu_j = _digits(steady.gpu_energy_j + cold.gpu_energy_j)
    return {
        "energy_j": _digits(steady.energy_j + cold.energy_j),
        "duration_s": _digits(steady.duration_s + cold.duration_s),
        "cpu_energy_j": _digits(steady.cpu_energy_j + cold.cpu_energy_j),
        "ram_energy_j": _digits(steady.ram_energy_j + cold.ram_energy_j),
        "gpu_energy_j": gpu_j,
        "steady_energy_j": _digits(steady.energy_j),
        "steady_duration_s": _digits(steady.duration_s),
        "cold_energy_j": _digits(cold.energy_j),
        "cold_duration_s": _digits(cold.duration_s),
        "cold_steps": result.cold_steps,
        "cold_valid": result.cold_reason is None,
        "cold_invalid_reason": result.cold_reason,
        "cpu_time_s": _digits(steady.cpu_time_s),
        "steps_measured": result.median.steps,
        "warmup_steps": result.warmup_steps,
        "relative_spread": round(result.relative_spread, 5),
        "metering_share": _metering_share(result.windows),
        "valid": result.invalid_reason is None,
        "invalid_reason": result.invalid_reason,
        "windows": [_window_fields(window) for window in result.windows],
    }


def condition_fields(start: LoadSnapshot, end: LoadSnapshot) -> Row:
    """Return what a row says of clocks and temperatures.

    Parameters
    ----------
    start : LoadSnapshot
        Before the trial.
    end : LoadSnapshot
        At the end of its last window.

    Returns
    -------
    fields : dict
        JSON values; what the machine does not tell is left out. Of several GPUs the
        slowest clock and the warmest temperature count.
    """
    found = {
        "cpu_clock_mhz": end.cpu_clock_mhz,
        "cpu_temperature_c": start.cpu_temperature_c,
        "gpu_clock_mhz": _known(min, (gpu.sm_clock_mhz for gpu in end.gpus)),
        "gpu_temperature_c": _known(max, (gpu.temperature_c for gpu in start.gpus)),
    }
    return {name: value for name, value in found.items() if value is not None}


def _known(
    choose: Callable[[list[float]], float], values: Iterable[float | None]
) -> float | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None


def idle_fields(reading: Reading, reason: str | None) -> Row:
    """Return what an idle record says of energy, time and validity.

    Parameters
    ----------
    reading : Reading
        Energy and time of doing nothing.
    reason : str or None
        Why it is not valid; None where it is.

    Returns
    -------
    fields : dict
        JSON values.
    """
    gpu_j = reading.gpu_energy_j
    return {
        "schema": "idle/1",
        "duration_s": _digits(reading.duration_s),
        "energy_j": _digits(reading.energy_j),
        "cpu_energy_j": _digits(reading.cpu_energy_j),
        "ram_energy_j": _digits(reading.ram_energy_j),
        "gpu_energy_j": None if gpu_j is None else _digits(gpu_j),
        "idle_power_w": _digits(reading.power_w),
        "valid": reason is None,
        "invalid_reason": reason,
    }


def _window_fields(window: Window) -> Row:
    reading = window.reading
    return {
        "steps": window.steps,
        "energy_j": None if reading is None else _digits(reading.energy_j),
        "duration_s": None if reading is None else _digits(reading.duration_s),
        "cpu_time_s": None if reading is None else _digits(reading.cpu_time_s),
        "valid": window.reason is None,
        "reason": window.reason,
    }


def _metering_share(windows: Iterable[Window]) -> float:
    read = [window.reading for window in windows if window.reading is not None]
    inside_s = sum(reading.duration_s for reading in read)
    return round(sum(reading.metering_s for reading in read) / inside_s, 6)


def _digits(value: float) -> float:
    # Eight significant digits: far below any meter's resolution, and short.
    return float(f"{value:.8g}")
