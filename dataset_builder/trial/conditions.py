"""The conditions around a window: load of others, clocks, heat; what disturbed it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.trial.device_state import GpuState, GpuWatch, cpu_state
from predictor.units import NANO

PROC = Path("/proc")
SYSTEM = Path("/sys")

FOREIGN_SHARE = 0.05
"""Load of other processes, as share of all cores, from which a window is invalid."""

STEAL_SHARE = 0.01
"""Time a hypervisor took away, as share of all cores, from which it is invalid."""

CLOCK_GAP_S = 0.1
"""Difference of clocks over a window that means a suspend or a set clock."""

SMALLEST_CLOCK_SHARE = 0.95
"""Share of the anchor's clock below which a window is invalid."""

TEMPERATURE_MARGIN_C = 5.0
"""Distance from the session's band at the start from which a window is invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSnapshot:
    """The machine's counters and state at one moment; None where it does not tell.

    Parameters
    ----------
    busy_s, steal_s : float or None
        Processor seconds busy and stolen since boot, over all cores.
    cores : int
        Number of cores the counters speak of.
    monotonic_s, wall_s, boot_s : float
        Three clocks in s: one that stands still in a suspend, the calendar's, and one
        that goes on in a suspend.
    own_cpu_s : float
        Processor seconds of this process.
    throttles : int or None, default=None
        How often cores or packages were slowed down for heat since boot.
    cpu_clock_mhz : float or None, default=None
        Clock of the fastest core: idle ones rest at their lowest.
    cpu_temperature_c : float or None, default=None
        Of the hottest package.
    gpus : tuple of GpuState, default=()
        The GPUs that compute.
    """

    busy_s: float | None
    steal_s: float | None
    cores: int
    monotonic_s: float
    wall_s: float
    boot_s: float
    own_cpu_s: float
    throttles: int | None = None
    cpu_clock_mhz: float | None = None
    cpu_temperature_c: float | None = None
    gpus: tuple[GpuState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a session's anchors were measured at; None where it is not compared.

    Clocks are only comparable where neither turbo nor a limit of power sets them: work
    of more threads, or heavier work, runs at lower clocks by design.

    Parameters
    ----------
    cpu_clock_mhz, gpu_clock_mhz : float or None, default=None
        Clock at the end of the anchor's windows.
    cpu_temperature_c, gpu_temperature_c : tuple of float or None, default=None
        Lowest and highest temperature at the start of the session's windows.
    """

    cpu_clock_mhz: float | None = None
    gpu_clock_mhz: float | None = None
    cpu_temperature_c: tuple[float, float] | None = None
    gpu_temperature_c: tuple[float, float] | None = None


def take_snapshot(
    own_cpu_s: float,
    *,
    gpus: GpuWatch | None = None,
    proc: Path = PROC,
    system: Path = SYSTEM,
) -> LoadSnapshot:
    """Read the counters now.

    Parameters
    ----------
    own_cpu_s : float
        Processor seconds of this process so far.
    gpus : GpuWatch, optional
        The GPUs that compute; opened in the process that measures, after its fork.
    proc, system : Path, optional
        Where the system's counters are.

    Returns
    -------
    snapshot : LoadSnapshot
        The counters.
    """
    busy_s = steal_s = None
    cores = os.cpu_count() or 1
    try:
        lines = (proc / "stat").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split()[0] for line in lines if line.startswith("cpu")]
    if names:
        tick = 1.0 / os.sysconf("SC_CLK_TCK")
        times = [int(field) * tick for field in lines[0].split()[1:9]]
        times += [0.0] * (8 - len(times))
        user, nice, system_s, _idle, _iowait, irq, softirq, steal = times
        busy_s, steal_s = user + nice + system_s + irq + softirq, steal
        cores = max(1, len(names) - 1)
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    state = cpu_state(system)
    monotonic_s = time.monotonic()
    return LoadSnapshot(
        busy_s=busy_s,
        steal_s=steal_s,
        cores=cores,
        monotonic_s=monotonic_s,
        wall_s=time.time(),
        boot_s=monotonic_s if boottime is None else time.clock_gettime(boottime),
        own_cpu_s=own_cpu_s,
        throttles=state.throttles,
        cpu_clock_mhz=state.clock_mhz,
        cpu_temperature_c=state.temperature_c,
        gpus=() if gpus is None else gpus.read(),
    )


def disturbance(
    before: LoadSnapshot, after: LoadSnapshot, reference: Reference | None = None
) -> str | None:
    """Return why a window between two snapshots is not valid, or None.

    Parameters
    ----------
    before, after : LoadSnapshot
        At the window's edges.
    reference : Reference, optional
        What the session's anchors were measured at.

    Returns
    -------
    reason : str or None
        The first reason found, with its number.

    Examples
    --------
    >>> from dataclasses import replace
    >>> start = LoadSnapshot(
    ...     busy_s=0.0,
    ...     steal_s=0.0,
    ...     cores=2,
    ...     monotonic_s=0.0,
    ...     wall_s=0.0,
    ...     boot_s=0.0,
    ...     own_cpu_s=0.0,
    ... )
    >>> end = replace(start, monotonic_s=1.0, wall_s=1.0, boot_s=1.0, own_cpu_s=1.5)
    >>> disturbance(start, replace(end, busy_s=1.55))
    >>> disturbance(start, replace(end, busy_s=1.9))
    'foreign load 20.0 % of the machine'
    """
    return (
        _time_gap(before, after)
        or _foreign_load(before, after)
        or _throttling(before, after)
        or (None if reference is None else _deviation(before, after, reference))
    )


def occupied(snapshot: LoadSnapshot) -> str | None:
    """Return who computes on the GPUs before a trial has begun to, or None.

    Parameters
    ----------
    snapshot : LoadSnapshot
        Taken before any own work: later, utilisation is one's own.

    Returns
    -------
    reason : str or None
        The first reason found.
    """
    for gpu in snapshot.gpus:
        if gpu.foreign_processes:
            return f"{gpu.foreign_processes} other processes on GPU {gpu.index}"
        if gpu.utilisation:
            return (
                f"GPU {gpu.index} {100 * gpu.utilisation:.0f} % busy before the start"
            )
    return None


def _time_gap(before: LoadSnapshot, after: LoadSnapshot) -> str | None:
    duration_s = after.monotonic_s - before.monotonic_s
    if abs((after.boot_s - before.boot_s) - duration_s) > CLOCK_GAP_S:
        return "the machine was suspended"
    if abs((after.wall_s - before.wall_s) - duration_s) > CLOCK_GAP_S:
        return "the clock was set"
    return None


def _foreign_load(before: LoadSnapshot, after: LoadSnapshot) -> str | None:
    for gpu in (*before.gpus, *after.gpus):
        if gpu.foreign_processes:
            return f"{gpu.foreign_processes} other processes on GPU {gpu.index}"
    capacity_s = (after.monotonic_s - before.monotonic_s) * after.cores
    if before.busy_s is None or after.busy_s is None or capacity_s <= 0:
        return None
    own_s = after.own_cpu_s - before.own_cpu_s
    foreign = (after.busy_s - before.busy_s - own_s) / capacity_s
    if foreign > FOREIGN_SHARE:
        return f"foreign load {100 * foreign:.1f} % of the machine"
    steal = ((after.steal_s or 0.0) - (before.steal_s or 0.0)) / capacity_s
    if steal > STEAL_SHARE:
        return f"stolen time {100 * steal:.1f} % of the machine"
    return None


def _throttling(before: LoadSnapshot, after: LoadSnapshot) -> str | None:
    if before.throttles is not None and after.throttles is not None:
        times = after.throttles - before.throttles
        if times > 0:
            return f"the processor was slowed down for heat {times} times"
    for first, last in zip(before.gpus, after.gpus, strict=False):
        reason = first.throttle or last.throttle
        if reason:
            return f"GPU {last.index} was slowed down: {reason}"
        if first.throttled_ns is not None and last.throttled_ns is not None:
            throttled_s = (last.throttled_ns - first.throttled_ns) * NANO
            if throttled_s > 0:
                return f"GPU {last.index} was slowed down for heat {throttled_s:.3g} s"
    return None


def _deviation(
    before: LoadSnapshot, after: LoadSnapshot, reference: Reference
) -> str | None:
    reason = _slow(
        "the processor", after.cpu_clock_mhz, reference.cpu_clock_mhz
    ) or _too_warm_or_cold(
        "the processor", before.cpu_temperature_c, reference.cpu_temperature_c
    )
    for first, last in zip(before.gpus, after.gpus, strict=False):
        name = f"GPU {last.index}"
        if not last.power_capped:
            reason = reason or _slow(name, last.sm_clock_mhz, reference.gpu_clock_mhz)
        reason = reason or _too_warm_or_cold(
            name, first.temperature_c, reference.gpu_temperature_c
        )
    return reason


def _slow(name: str, clock_mhz: float | None, usual_mhz: float | None) -> str | None:
    if clock_mhz is None or usual_mhz is None:
        return None
    share = clock_mhz / usual_mhz
    if share >= SMALLEST_CLOCK_SHARE:
        return None
    return f"clock of {name} {100 * share:.1f} % of the anchor's"


def _too_warm_or_cold(
    name: str, temperature_c: float | None, band: tuple[float, float] | None
) -> str | None:
    if temperature_c is None or band is None:
        return None
    lowest, highest = band
    if lowest - TEMPERATURE_MARGIN_C <= temperature_c <= highest + TEMPERATURE_MARGIN_C:
        return None
    return (
        f"{name} at {temperature_c:.0f} C at the start, "
        f"the session's band is {lowest:.0f} to {highest:.0f} C"
    )
