"""The meter in use, and how long its windows are."""

from __future__ import annotations

from collections.abc import Iterable

from dataset_builder.meters.counters import nvml_counters, rapl_counters
from dataset_builder.meters.cross_check import CrossCheckedMeter
from dataset_builder.meters.readings import EnergyMeter, MeterDescription
from dataset_builder.settings import Device
from predictor.sensors import RaplZone, rapl_zones

COUNTER_WINDOW_S = 2.0
"""Shortest window of RAPL and of a load model of the whole machine."""

PROCESS_WINDOW_S = 1.0
"""Shortest window of a model of this process' time: ticks of 10 ms are 1 % of it."""

GPU_WINDOW_S = 5.0
GPU_SAMPLED_WINDOW_S = 10.0
"""Shortest window where power is read once a second and is itself a mean of one."""

GPU_UPDATES = 50
"""Updates of a GPU's counter in a window at least: one more or less is 2 % then."""

GPU_STEPS = 32
"""Repetitions in a window at least, so that a part-time sensor meets every phase."""

LARGEST_DELAY_S = 0.1
"""One period of a GPU's sensor."""


def make_meter(directory: str, *, device: Device = "cpu") -> EnergyMeter:
    """Return the best meter this machine has.

    Parameters
    ----------
    directory : str
        An empty directory; nothing is written there.
    device : {"cpu", "gpu"}, default="cpu"
        What computes; NVIDIA's library is opened for ``"gpu"`` only.

    Returns
    -------
    meter : EnergyMeter
        CodeCarbon's numbers, checked against the counters where they can be read.

    Raises
    ------
    MeasurementError
        If CodeCarbon is of a version that was not tried, cannot be started, or reads
        nothing of the GPU that computes.
    """
    from dataset_builder.meters.codecarbon_meter import CodeCarbonMeter

    meter = CodeCarbonMeter(directory, device=device)
    counters = rapl_counters(rapl_zones())
    if meter.describe().gpu_tier == "nvml_energy":
        counters += nvml_counters(meter.gpu_indices)
    return CrossCheckedMeter(meter, counters) if counters else meter


def window_s(description: MeterDescription, update_s: float = 0.1) -> float:
    """Return how long a window must be at least for a meter to resolve it.

    Parameters
    ----------
    description : MeterDescription
        The meter.
    update_s : float, default=0.1
        Time between two updates of a GPU's counter in s, as its self-test found it.

    Returns
    -------
    window_s : float
        In s. A counter read in the middle of a period is off by up to one update at
        each end; a sampled power by one sample.

    Examples
    --------
    >>> description = MeterDescription(
    ...     cpu_tier="cpu_load_process", ram_tier="constant", gpu_tier="absent"
    ... )
    >>> window_s(description)
    1.0
    """
    if description.gpu_tier == "absent":
        by_process = description.cpu_tier == "cpu_load_process"
        return PROCESS_WINDOW_S if by_process else COUNTER_WINDOW_S
    if description.gpu_tier.endswith("_power"):
        return GPU_SAMPLED_WINDOW_S
    return max(GPU_WINDOW_S, GPU_UPDATES * update_s)


def window_steps(description: MeterDescription) -> int:
    """Return how many steps a window must have at least.

    Parameters
    ----------
    description : MeterDescription
        The meter.

    Returns
    -------
    steps : int
        32 on a GPU, whose sensor may look only part of the time; 1 elsewhere.

    Examples
    --------
    >>> description = MeterDescription(
    ...     cpu_tier="rapl", ram_tier="constant", gpu_tier="nvml_energy"
    ... )
    >>> window_steps(description)
    32
    """
    return 1 if description.gpu_tier == "absent" else GPU_STEPS


def window_delay_s(description: MeterDescription, fraction: float) -> float:
    """Return how long to wait before a window, to vary the phase of a sensor.

    Parameters
    ----------
    description : MeterDescription
        The meter.
    fraction : float
        A random number from 0 to 1.

    Returns
    -------
    delay_s : float
        Up to 0.1 s on a GPU; 0 s elsewhere.

    Examples
    --------
    >>> description = MeterDescription(
    ...     cpu_tier="rapl", ram_tier="constant", gpu_tier="nvml_energy"
    ... )
    >>> window_delay_s(description, 0.5)
    0.05
    """
    return 0.0 if description.gpu_tier == "absent" else fraction * LARGEST_DELAY_S


def longest_window_s(
    description: MeterDescription, zones: Iterable[RaplZone] | None = None
) -> float | None:
    """Return how long a window may be at most, so that no counter starts again twice.

    Parameters
    ----------
    description : MeterDescription
        The meter.
    zones : iterable of RaplZone, optional
        The processor's counters; by default this machine's.

    Returns
    -------
    longest_s : float or None
        Half the time in which the smallest counter may start again, at 1000 W for a
        package; None where nothing limits a window.

    Examples
    --------
    >>> description = MeterDescription(
    ...     cpu_tier="cpu_load_process", ram_tier="constant", gpu_tier="absent"
    ... )
    >>> longest_window_s(description) is None
    True
    """
    if description.cpu_tier != "rapl":
        return None
    counters = rapl_counters(rapl_zones() if zones is None else zones)
    limits = [counter.longest_s for counter in counters]
    return min((limit for limit in limits if limit is not None), default=None)
