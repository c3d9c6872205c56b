"""The self-test of a GPU's counter: how often it changes, and whether to believe it.

The counter of energy is compared with the mean of the sampled power, over the same
seconds of load; the two come from one sensor by different ways, and were seen to differ
by half.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from dataset_builder.meters.counters import nvml_counters
from predictor.errors import MeasurementError
from predictor.sensors import nvml_answer, nvml_handles, open_nvml
from predictor.units import MILLI

POLL_S = 3.0
LOAD_S = 10.0
RISE_S = 1.0
"""Time a power that is a mean of one second needs to follow the load."""

LARGEST_DISAGREEMENT = 0.10
"""Relative difference from which a counter is not believed."""

PAUSE_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What the self-test of one GPU found.

    Parameters
    ----------
    name : str
        Which GPU.
    updates : int
        How often its counter changed while it was polled.
    update_s : float or None
        Usual time between two changes in s; None where there were not two.
    duration_s : float
        Length of the load in s.
    counter_energy_j, power_energy_j : float
        Energy of the load by the counter, and by the sampled power.
    suspicion : str or None
        Why the counter is not to be believed; None where it is.
    """

    name: str
    updates: int
    update_s: float | None
    duration_s: float
    counter_energy_j: float
    power_energy_j: float
    suspicion: str | None

    @property
    def counter_suspect(self) -> bool:
        """Whether rows of this counter must not be fitted."""
        return self.suspicion is not None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values.

        Returns
        -------
        fields : dict
            The fields, and `counter_suspect`.
        """
        return asdict(self) | {"counter_suspect": self.counter_suspect}


def counter_selftest(
    name: str,
    *,
    read_energy_j: Callable[[], float],
    read_power_w: Callable[[], float],
    load: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> SelfTest:
    """Compare a counter of energy with sampled power.

    Parameters
    ----------
    name : str
        What is tested, for messages.
    read_energy_j : callable
        Returns what the counter shows, in J.
    read_power_w : callable
        Returns the power now, in W.
    load : callable
        A short piece of steady work, again and again: power is sampled after each.
        It returns when the device has finished.
    clock : callable, default=time.perf_counter
        Time in s.
    sleep : callable, default=time.sleep
        Waits, in s.

    Returns
    -------
    result : SelfTest
        Update period, both energies, and whether they agree.
    """
    changes = _changes(read_energy_j, clock, sleep)
    periods = [last - first for first, last in itertools.pairwise(changes)]
    _until(clock() + RISE_S, load, clock)
    times, powers, start_j = [clock()], [read_power_w()], read_energy_j()
    while times[-1] - times[0] < LOAD_S:
        load()
        times.append(clock())
        powers.append(read_power_w())
    counter_j = read_energy_j() - start_j
    power_j = sum(
        0.5 * (first_w + last_w) * (last_s - first_s)
        for (first_w, last_w), (first_s, last_s) in zip(
            itertools.pairwise(powers), itertools.pairwise(times), strict=True
        )
    )
    return SelfTest(
        name=name,
        updates=len(changes),
        update_s=statistics.median(periods) if periods else None,
        duration_s=times[-1] - times[0],
        counter_energy_j=counter_j,
        power_energy_j=power_j,
        suspicion=_suspicion(len(changes), counter_j, power_j),
    )


def gpu_selftest(index: int, load: Callable[[], object], nvml: Any = None) -> SelfTest:
    """Compare the counter of energy of an NVIDIA GPU with its sampled power.

    Parameters
    ----------
    index : int
        Its number in NVML.
    load : callable
        As for `counter_selftest`.
    nvml : module, optional
        What to use in place of ``pynvml``; it stays open.

    Returns
    -------
    result : SelfTest
        Update period, both energies, and whether they agree.

    Raises
    ------
    MeasurementError
        If the driver does not answer, or counter or power cannot be read.
    """
    (counter,) = nvml_counters([index], nvml)
    library = open_nvml(nvml)
    handle = nvml_handles(library)[index]

    def power_w() -> float:
        power_mw = nvml_answer(library, "nvmlDeviceGetPowerUsage", handle)
        if power_mw is None:
            raise MeasurementError(f"GPU {index}: its power cannot be read")
        return float(power_mw * MILLI)

    power_w()  # fails at once, not after the seconds of the test
    return counter_selftest(
        counter.name, read_energy_j=counter.read, read_power_w=power_w, load=load
    )


def _changes(
    read_energy_j: Callable[[], float],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> list[float]:
    end_s, shown_j = clock() + POLL_S, read_energy_j()
    moments = []
    while clock() < end_s:
        sleep(PAUSE_S)
        now_j = read_energy_j()
        if now_j != shown_j:
            moments.append(clock())
            shown_j = now_j
    return moments


def _until(
    end_s: float, load: Callable[[], object], clock: Callable[[], float]
) -> None:
    while clock() < end_s:
        load()


def _suspicion(updates: int, counter_j: float, power_j: float) -> str | None:
    if updates == 0:
        return f"the counter stood still for {POLL_S:.0f} s"
    if not (counter_j > 0 and power_j > 0):
        return f"the counter says {counter_j:.4g} J, its power {power_j:.4g} J"
    difference = abs(counter_j - power_j) / power_j
    if difference <= LARGEST_DISAGREEMENT:
        return None
    return (
        f"the counter says {counter_j:.4g} J, its power {power_j:.4g} J: "
        f"{100 * difference:.0f} % apart"
    )
