"""One trial: a configuration measured in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dataset_builder.meters.choice import (
    longest_window_s,
    make_meter,
    window_delay_s,
    window_s,
    window_steps,
)
from dataset_builder.meters.readings import EnergyMeter, cpu_time_s, description_fields
from dataset_builder.meters.selftest import gpu_selftest
from dataset_builder.plan.configuration import Configuration
from dataset_builder.settings import Device, TrialLimits
from dataset_builder.trial.conditions import (
    LoadSnapshot,
    Reference,
    disturbance,
    occupied,
    take_snapshot,
)
from dataset_builder.trial.device_state import GpuWatch
from dataset_builder.trial.networks import KerasJob, build_model
from dataset_builder.trial.protocol import run_trial
from dataset_builder.trial.row import (
    Row,
    condition_fields,
    energy_fields,
    idle_fields,
    workload_fields,
)
from predictor.errors import PredictorError
from predictor.sensors import opened_nvml, visible_gpus

LONGEST_MESSAGE = 500
OUT_OF_MEMORY_SIGNS = ("resource_exhausted", "out of memory", "cannot allocate memory")
DEATH_SIGNAL_OPTION = 1  # PR_SET_PDEATHSIG of prctl(2)
SELFTEST_STEPS = 20
"""Steps between two samples of power in the self-test of a counter."""

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
        What else the row says: backend, platform, data set.
    device : {"cpu", "gpu"}
        What computes.
    limits : TrialLimits
        Time and memory.
    reference : Reference, optional
        Clock and temperatures of the host's anchors; filled in by the host.
    update_s : float, default=0.1
        Time between two updates of a GPU's counter in s; filled in by the host.
    attempt : int, default=1
        How often the configuration was tried, this time included.
    directory : str, default=""
        An empty directory to stand in; the host that measures fills it in.
    log : str, default=""
        File for everything the libraries print; filled in likewise.
    """

    item: Configuration
    identity: str
    fields: Mapping[str, object]
    device: Device
    limits: TrialLimits
    reference: Reference = field(default_factory=Reference)
    update_s: float = 0.1
    attempt: int = 1
    directory: str = ""
    log: str = ""


def measure(order: TrialOrder, meter: EnergyMeter | None = None) -> Row:
    """Measure one configuration in this process.

    Parameters
    ----------
    order : TrialOrder
        What, where and how long.
    meter : EnergyMeter, optional
        By default this machine's best.

    Returns
    -------
    row : dict
        One measurement row, without its checksum.
    """
    start_s = time.monotonic()
    used_meter = meter or _meter(order)
    watch = _watch(order.device)
    start = watch()
    model = build_model(order.item)
    job = KerasJob(model, order.item)
    built_s = time.monotonic() - start_s
    description = used_meter.describe()
    result = run_trial(
        job,
        used_meter,
        window_s=window_s(description, order.update_s),
        longest_window_s=longest_window_s(description) or math.inf,
        fewest_steps=window_steps(description),
        pause=lambda: time.sleep(window_delay_s(description, random.random())),
        longest_step_s=order.limits.step_s,
        warmup_limit_s=WARMUP_SHARE * order.limits.wall_s,
        snapshot=watch,
        reference=replace(order.reference, gpu_temperature_c=None),
    )
    unfit = occupied(start) or disturbance(
        start, start, replace(order.reference, gpu_clock_mhz=None)
    )
    if unfit is not None:
        result = replace(result, invalid_reason=unfit)
    samples, epochs, calls = job.layout(result.median.steps)
    return (
        workload_fields(order.item, samples=samples * calls, epochs=epochs)
        | energy_fields(result)
        | dict(description_fields(used_meter.describe()))
        | dict(order.fields)
        | {
            "conditions": condition_fields(start, result.windows[-1].after),
            "id": order.identity,
            "attempt": order.attempt,
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
    _answer_with(connection, order, lambda: measure(order))


def idle_main(connection: Connection, order: TrialOrder, idle_s: float) -> None:
    """Measure doing nothing as the main function of a process.

    Parameters
    ----------
    connection : Connection
        Receives as in `trial_main`.
    order : TrialOrder
        Where; its configuration is not run.
    idle_s : float
        How long in s.
    """
    _answer_with(connection, order, lambda: measure_idle(order, idle_s))


def selftest_main(connection: Connection, order: TrialOrder) -> None:
    """Test the GPUs' counters of energy as the main function of a process.

    Parameters
    ----------
    connection : Connection
        Receives as in `trial_main`.
    order : TrialOrder
        Where, and whose steps are the load.
    """
    _answer_with(connection, order, lambda: selftest(order))


def describe_main(connection: Connection, order: TrialOrder) -> None:
    """Tell the meter of trials as the main function of a process.

    Parameters
    ----------
    connection : Connection
        Receives as in `trial_main`.
    order : TrialOrder
        Where; its configuration is not run.
    """
    _answer_with(
        connection,
        order,
        lambda: dict(description_fields(_meter(order).describe())),
    )


def measure_idle(
    order: TrialOrder, idle_s: float, meter: EnergyMeter | None = None
) -> Row:
    """Measure this machine doing nothing.

    Parameters
    ----------
    order : TrialOrder
        What the row says of the place.
    idle_s : float
        How long in s.
    meter : EnergyMeter, optional
        By default this machine's best.

    Returns
    -------
    row : dict
        An idle record, without its checksum.
    """
    used_meter = meter or _meter(order)
    watch = _watch(order.device)
    before = watch()
    reading = used_meter.measure_idle(idle_s)
    reason = occupied(before) or disturbance(before, watch()) or reading.doubt
    return (
        idle_fields(reading, reason)
        | dict(description_fields(used_meter.describe()))
        | dict(order.fields)
    )


def selftest(order: TrialOrder) -> Row:
    """Compare the GPUs' counters of energy with their sampled power.

    Parameters
    ----------
    order : TrialOrder
        Whose steps are the load.

    Returns
    -------
    row : dict
        A self-test record, without its checksum.
    """
    job = KerasJob(build_model(order.item), order.item)
    for steps in (2, SELFTEST_STEPS):  # compiled before the test begins
        job.prepare(steps)
        job.run()
    with opened_nvml() as nvml:
        indices = visible_gpus(nvml)
    found = [gpu_selftest(index, job.run).to_dict() for index in indices]
    return {"schema": "selftest/1", "gpus": found} | dict(order.fields)


def _meter(order: TrialOrder) -> EnergyMeter:
    return make_meter(order.directory, device=order.device)


def _watch(device: Device) -> Callable[[], LoadSnapshot]:
    gpus = GpuWatch() if device == "gpu" else None
    return lambda: take_snapshot(cpu_time_s(), gpus=gpus)


def _answer_with(
    connection: Connection, order: TrialOrder, work: Callable[[], Row]
) -> None:
    _isolate(order)
    try:
        answer: tuple[Any, ...] = ("row", work())
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
