"""One trial: a configuration measured in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dataset_builder.configuration import Configuration
from dataset_builder.meters import (
    CodeCarbonMeter,
    EnergyMeter,
    description_fields,
    window_s,
)
from dataset_builder.networks import KerasJob, build_model
from dataset_builder.protocol import TrialResult, Window, run_trial
from dataset_builder.settings import Device, TrialLimits
from predictor.errors import PredictorError

Row = dict[str, Any]

LONGEST_MESSAGE = 500
OUT_OF_MEMORY_SIGNS = ("resource_exhausted", "out of memory", "cannot allocate memory")
DEATH_SIGNAL_OPTION = 1  # PR_SET_PDEATHSIG of prctl(2)
WARMUP_SHARE = 0.15
"""Share of a trial's time limit that warming up may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOrder:
    """Everything a trial process is told.

    Parameters
    ----------
    item : Configuration
        What is measured.
    identity : str
        Its identity.
    fields : mapping
        What the row says about the place: hardware, backend, platform, host.
    device : {"cpu", "gpu"}
        What computes.
    limits : TrialLimits
        Time and memory.
    directory : str
        An empty directory to stand in.
    log : str
        File for everything the libraries print.
    """

    item: Configuration
    identity: str
    fields: Mapping[str, object]
    device: Device
    limits: TrialLimits
    directory: str
    log: str


def measure(order: TrialOrder, meter: EnergyMeter | None = None) -> Row:
    """Measure one configuration in this process.

    Parameters
    ----------
    order : TrialOrder
        What, where and how long.
    meter : EnergyMeter, optional
        By default CodeCarbon's.

    Returns
    -------
    row : dict
        One measurement row, without its checksum.
    """
    started_at = datetime.now(UTC)
    start_s = time.monotonic()
    used_meter = meter or CodeCarbonMeter(order.directory)
    model = build_model(order.item)
    job = KerasJob(model, order.item)
    built_s = time.monotonic() - start_s
    description = used_meter.describe()
    result = run_trial(
        job,
        used_meter,
        window_s=window_s(description),
        longest_step_s=order.limits.step_s,
        warmup_limit_s=WARMUP_SHARE * order.limits.wall_s,
    )
    samples, epochs, calls = job.layout(result.median.steps)
    return (
        _workload_fields(order, samples * calls, epochs)
        | _energy_fields(result)
        | dict(description_fields(used_meter.describe()))
        | dict(order.fields)
        | {
            "id": order.identity,
            "started_at": started_at.isoformat(timespec="seconds"),
            "build_s": round(built_s, 3),
            "trial_s": round(time.monotonic() - start_s, 3),
        }
    )


def trial_main(connection: Connection, order: TrialOrder) -> None:
    """Run a trial as the main function of its process and send what came of it.

    Parameters
    ----------
    connection : Connection
        Receives ``("row", row)`` or ``("error", kind, message)``.
    order : TrialOrder
        What is measured.
    """
    _isolate(order)
    try:
        answer: tuple[Any, ...] = ("row", measure(order))
    except PredictorError as error:
        answer = ("error", type(error).__name__, str(error))
    except Exception as error:  # noqa: BLE001 (the process ends here)
        traceback.print_exc()
        answer = ("error", failure_kind(error), str(error)[:LONGEST_MESSAGE])
    with contextlib.suppress(BrokenPipeError):
        connection.send(answer)
    connection.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # libraries' threads and exit hooks have nothing left to say


def failure_kind(error: BaseException) -> str:
    """Return the kind of a failure, out of memory told apart on every backend.

    Parameters
    ----------
    error : BaseException
        What a library raised.

    Returns
    -------
    kind : str
        ``"oom"``, or the name of the exception's class.

    Examples
    --------
    >>> failure_kind(MemoryError()), failure_kind(ValueError("shape"))
    ('oom', 'ValueError')
    >>> failure_kind(RuntimeError("RESOURCE_EXHAUSTED: 8 bytes"))
    'oom'
    """
    text = str(error).lower()
    exhausted = any(sign in text for sign in OUT_OF_MEMORY_SIGNS)
    if isinstance(error, MemoryError) or exhausted:
        return "oom"
    return type(error).__name__


def _isolate(order: TrialOrder) -> None:
    # A group of its own, so that it can be killed with all its children; death with
    # its parent; a memory limit; a clean directory; output into the log.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(DEATH_SIGNAL_OPTION, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(1)
    if order.device == "cpu":
        limit = order.limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(order.directory)
    descriptor = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def log_tail(path: Path, *, characters: int = 600) -> str:
    """Return the end of what a trial printed.

    Parameters
    ----------
    path : Path
        The log.
    characters : int, default=600
        At most.

    Returns
    -------
    text : str
        Empty where there is no log.
    """
    try:
        return path.read_text(errors="replace")[-characters:].strip()
    except OSError:
        return ""


def _workload_fields(order: TrialOrder, samples: int, epochs: int) -> Row:
    item = order.item
    return {
        "schema": "measurement/1",
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


def _energy_fields(result: TrialResult) -> Row:
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
        "valid": result.invalid_reason is None,
        "invalid_reason": result.invalid_reason,
        "windows": [_window_fields(window) for window in result.windows],
    }


def _window_fields(window: Window) -> Row:
    return {
        "steps": window.steps,
        "energy_j": _digits(window.reading.energy_j),
        "duration_s": _digits(window.reading.duration_s),
        "cpu_time_s": _digits(window.reading.cpu_time_s),
        "valid": window.reason is None,
        "reason": window.reason,
    }


def _digits(value: float) -> float:
    # Eight significant digits: far below any meter's resolution, and short.
    return float(f"{value:.8g}")
