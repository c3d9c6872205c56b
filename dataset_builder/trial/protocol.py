"""The protocol of one trial: cold call, warm-up, calibration, windows, validity."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from dataset_builder.meters.readings import EnergyMeter, Reading, cpu_time_s
from dataset_builder.trial.conditions import (
    LoadSnapshot,
    Reference,
    disturbance,
    take_snapshot,
)
from predictor.errors import MeasurementError

PROTOCOL = 2
"""Version of the protocol: 2 added anchors, idle power and retried attempts."""

COLD_STEPS = 2
"""Steps of the cold call: the first compiles, the second shows whether it is done."""

FIRST_BLOCK_S = 0.2
"""Shortest warm-up block in s: long against the cost of a call."""

AGREEMENT = 0.05
"""Relative difference of two warm-up blocks that counts as stable."""

WARMUP_STEPS = 10
WARMUP_S = 1.0
"""Warm-up lasts at least this many steps, or this long where steps are slow."""

WINDOWS = 3
EXTRA_WINDOWS = 2
"""Windows added where the first ones spread by more than `WIDE_SPREAD`: ten in the
two processes of a repeated configuration."""

RETRIES = 3
"""Windows repeated at most because something disturbed them, or fell short."""

FEWEST_VALID = 2
STALL_SHARE = 0.5
"""Processor time over time below which a first call was kept waiting."""

STALL_FLOOR_S = 0.5
WIDE_SPREAD = 0.05
WINDOW_MARGIN = 1.2
"""Windows are planned this much longer than the floor, so that few fall below it."""

SMALLEST_COLD_SHARE = 1e-3
"""Floor of the cold part, as share of a steady window: it is never zero."""


class Job(Protocol):
    """Something whose steps can be run."""

    def prepare(self, steps: int) -> int:
        """Make the data of the next run ready, outside of any window.

        Parameters
        ----------
        steps : int
            Steps wanted.

        Returns
        -------
        steps : int
            Steps that the next run does, at least as many.
        """
        ...

    def run(self) -> object:
        """Run the prepared steps and return when the device has finished.

        Returns
        -------
        nothing : object
            Ignored.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One measured window.

    Parameters
    ----------
    reading : Reading or None
        Energy and time; None where the meter failed.
    steps : int
        Steps done.
    reason : str or None
        Why it is not valid; None where it is.
    after : LoadSnapshot
        The machine at its end.
    """

    reading: Reading | None
    steps: int
    reason: str | None
    after: LoadSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """The steps of one window that was read.

    Parameters
    ----------
    reading : Reading
        Energy and time.
    steps : int
        Steps done.
    """

    reading: Reading
    steps: int

    @property
    def energy_per_step_j(self) -> float:
        """Energy of one step in J."""
        return self.reading.energy_j / self.steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial found.

    Parameters
    ----------
    median : Steady
        The window of the median energy per step among the valid ones.
    windows : tuple of Window
        All windows, in order.
    cold : Reading
        What the first call took beyond its steps' steady share.
    cold_reason : str or None
        Why the cold part is not valid; the steady part may be all the same.
    cold_steps : int
        Steps of the first call.
    warmup_steps : int
        Steps run between the first call and the first window.
    relative_spread : float
        Standard deviation over mean of the valid windows' energy per step.
    invalid_reason : str or None
        Why the trial as a whole is not valid.
    """

    median: Steady
    windows: tuple[Window, ...]
    cold: Reading
    cold_reason: str | None
    cold_steps: int
    warmup_steps: int
    relative_spread: float
    invalid_reason: str | None


def run_trial(
    job: Job,
    meter: EnergyMeter,
    *,
    window_s: float,
    longest_window_s: float = math.inf,
    fewest_steps: int = 1,
    longest_step_s: float = math.inf,
    warmup_limit_s: float = 3.0,
    pause: Callable[[], object] | None = None,
    snapshot: Callable[[], LoadSnapshot] | None = None,
    reference: Reference | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TrialResult:
    """Measure a job.

    ::

        | cold call | warm-up: blocks until two agree | window | window | window |
          measured    not measured, gives the steps     measured, checked, retried

    Parameters
    ----------
    job : Job
        What is run; never run before.
    meter : EnergyMeter
        What measures.
    window_s : float
        Shortest valid window in s.
    longest_window_s : float, default=inf
        Longest valid window in s: beyond it a counter may have wrapped twice.
    fewest_steps : int, default=1
        Fewest steps of a window.
    longest_step_s : float, default=inf
        Longest step accepted in s.
    warmup_limit_s : float, default=3.0
        Longest warm-up in s, after which the windows begin anyway.
    pause : callable, optional
        Called before each window, such as to vary a counter's phase.
    snapshot : callable, optional
        Reads the machine's load.
    reference : Reference, optional
        What the session's anchors were measured at.
    clock : callable, default=time.monotonic
        Times the warm-up in s.

    Returns
    -------
    result : TrialResult
        All windows, and the cold part.

    Raises
    ------
    MeasurementError
        If a step is longer than `longest_step_s`, or the meter reads no window.
    """
    watch = snapshot or _snapshot
    cold_steps = job.prepare(COLD_STEPS)
    before = watch()
    cold = meter.measure(job.run)
    cold_reason = disturbance(before, watch()) or cold.doubt or _stall(cold)
    step_s, warmup_steps = _warm_up(
        job, clock, longest_step_s=longest_step_s, limit_s=warmup_limit_s
    )
    measure = partial(
        _window,
        job,
        meter,
        limits=(window_s, longest_window_s),
        watch=watch,
        reference=reference,
    )
    windows: list[Window] = []
    valid: list[Steady] = []
    steps = max(fewest_steps, _steps_of_window(step_s, window_s))
    wanted = WINDOWS
    while len(valid) < wanted and len(windows) - len(valid) < RETRIES:
        if pause is not None:
            pause()
        window = measure(steps)
        windows.append(window)
        valid = [_steady(item) for item in windows if item.reason is None]
        if window.reading and window.reading.duration_s < window_s:
            rate = window.reading.duration_s / window.steps
            steps = max(steps + 1, _steps_of_window(rate, window_s))
        if len(valid) == WINDOWS and relative_spread(valid) > WIDE_SPREAD:
            wanted = WINDOWS + EXTRA_WINDOWS
    enough = len(valid) >= FEWEST_VALID
    judged = valid if enough else [_steady(item) for item in windows if item.reading]
    if not judged:
        raise MeasurementError(f"no window could be read: {windows[-1].reason}")
    median = median_window(judged)
    return TrialResult(
        median=median,
        windows=tuple(windows),
        cold=_excess(cold, median, cold_steps),
        cold_reason=cold_reason,
        cold_steps=cold_steps,
        warmup_steps=warmup_steps,
        relative_spread=relative_spread(judged),
        invalid_reason=None if enough else _reason(windows),
    )


def median_window(windows: list[Steady]) -> Steady:
    """Return the window of the median energy per step; of two, the lower.

    Parameters
    ----------
    windows : list of Steady
        At least one.

    Returns
    -------
    window : Steady
        One of them.
    """
    ordered = sorted(windows, key=lambda window: window.energy_per_step_j)
    return ordered[(len(ordered) - 1) // 2]


def relative_spread(windows: list[Steady]) -> float:
    """Return the standard deviation over the mean of the energy per step.

    Parameters
    ----------
    windows : list of Steady
        At least one; a single one has spread 0.

    Returns
    -------
    relative_spread : float
        The ratio.
    """
    energies = [window.energy_per_step_j for window in windows]
    if len(energies) < 2:
        return 0.0
    return statistics.stdev(energies) / statistics.fmean(energies)


def _snapshot() -> LoadSnapshot:
    return take_snapshot(cpu_time_s())


def _stall(reading: Reading) -> str | None:
    # Compiling computes all the time; a call that does not was kept waiting, as by a
    # host that must first find memory for its guest. GPUs may compute alone.
    if reading.gpu_energy_j is not None or reading.duration_s < STALL_FLOOR_S:
        return None
    share = reading.cpu_time_s / reading.duration_s
    return f"computing only {100 * share:.0f} % of it" if share < STALL_SHARE else None


def _warm_up(
    job: Job, clock: Callable[[], float], *, longest_step_s: float, limit_s: float
) -> tuple[float, int]:
    steps, total_steps, total_s = 1, 0, 0.0
    previous_s: float | None = None
    while True:
        done = job.prepare(steps)
        start_s = clock()
        job.run()
        elapsed_s = clock() - start_s
        total_steps += done
        total_s += elapsed_s
        step_s = elapsed_s / done
        if step_s > longest_step_s:
            raise MeasurementError(
                f"one step takes {step_s:.1f} s; at most {longest_step_s:.1f} s are "
                "measured. Use a smaller batch or a smaller network"
            )
        if elapsed_s < FIRST_BLOCK_S:
            steps = max(2 * steps, min(100 * steps, int(FIRST_BLOCK_S / step_s)))
            continue
        agrees = previous_s is not None and (
            abs(step_s - previous_s) <= AGREEMENT * previous_s
        )
        enough = total_steps >= WARMUP_STEPS or total_s >= WARMUP_S
        if (agrees and enough) or total_s >= limit_s:
            return step_s, total_steps
        previous_s = step_s


def _excess(cold: Reading, median: Steady, cold_steps: int) -> Reading:
    steady = median.reading
    share = cold_steps / median.steps

    def beyond(first: float, usual: float) -> float:
        return max(first - share * usual, SMALLEST_COLD_SHARE * usual)

    gpu_j = None
    if cold.gpu_energy_j is not None and steady.gpu_energy_j is not None:
        gpu_j = beyond(cold.gpu_energy_j, steady.gpu_energy_j)
    return Reading(
        cpu_energy_j=beyond(cold.cpu_energy_j, steady.cpu_energy_j),
        ram_energy_j=beyond(cold.ram_energy_j, steady.ram_energy_j),
        gpu_energy_j=gpu_j,
        duration_s=beyond(cold.duration_s, steady.duration_s),
        cpu_time_s=beyond(cold.cpu_time_s, steady.cpu_time_s),
    )


def _steps_of_window(step_s: float, window_s: float) -> int:
    return max(1, math.ceil(WINDOW_MARGIN * window_s / step_s))


def _window(
    job: Job,
    meter: EnergyMeter,
    steps: int,
    *,
    limits: tuple[float, float],
    watch: Callable[[], LoadSnapshot],
    reference: Reference | None,
) -> Window:
    done = job.prepare(steps)
    before = watch()
    try:
        reading = meter.measure(job.run)
    except MeasurementError as error:
        return Window(reading=None, steps=done, reason=str(error), after=watch())
    after = watch()
    reason = disturbance(before, after, reference) or reading.doubt
    if reason is None and not limits[0] <= reading.duration_s <= limits[1]:
        side, limit_s = (
            ("below", limits[0])
            if reading.duration_s < limits[0]
            else ("above", limits[1])
        )
        reason = f"window of {reading.duration_s:.2f} s is {side} {limit_s:.2f} s"
    return Window(reading=reading, steps=done, reason=reason, after=after)


def _steady(window: Window) -> Steady:
    assert window.reading is not None
    return Steady(reading=window.reading, steps=window.steps)


def _reason(windows: list[Window]) -> str:
    reasons = [window.reason for window in windows if window.reason]
    return f"{len(reasons)} of {len(windows)} windows invalid: {reasons[-1]}"
