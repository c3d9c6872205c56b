"""Energy counters, read directly at both ends of a window.

Of the processor all packages are added, each once: a package that repeats another's
counter is left out. Memory (DRAM) is a number of its own, and only where its counter
lies beside the packages: below a package it may be part of it. The counter of the whole
platform (psys) has another scope and is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from dataset_builder.meters.readings import CountedEnergy
from predictor.errors import MeasurementError
from predictor.sensors import RaplZone, nvml_handles, open_nvml, zone_energy_uj
from predictor.units import MICRO, MILLI

RAPL_CEILING_W = 1000.0
"""More than any processor package draws: the largest of 2025 are made for 500 W."""

GPU_CEILING_W = 3000.0
"""More than any GPU draws: the largest of 2025 are made for 1400 W."""

RAPL_UPDATE_S = 0.001
GPU_UPDATE_S = 0.1
PATIENCE = 20
"""A counter that misses this many updates stands still."""

Component = Literal["cpu", "dram", "gpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter of energy and what is known of it.

    Parameters
    ----------
    name : str
        For messages.
    component : {"cpu", "dram", "gpu"}
        What it counts.
    read : callable
        Returns J since an unknown moment, or raises `MeasurementError`.
    ceiling_w : float
        More than what it counts can draw, in W.
    update_s : float
        Usual time between two updates in s.
    range_j : float or None, default=None
        Largest value before it starts again at zero, in J; None where it never does.
    """

    name: str
    component: Component
    read: Callable[[], float]
    ceiling_w: float
    update_s: float
    range_j: float | None = None

    @property
    def longest_s(self) -> float | None:
        """Half the shortest time in which it may start again; None where it never does.

        One start can be seen and corrected, a second cannot.
        """
        return None if self.range_j is None else 0.5 * self.range_j / self.ceiling_w


Value = float | MeasurementError
"""What a counter showed, or why it could not be read."""


def rapl_counters(zones: Iterable[RaplZone]) -> tuple[Counter, ...]:
    """Return the processor's counters that make up its energy.

    Parameters
    ----------
    zones : iterable of RaplZone
        All counters of the machine.

    Returns
    -------
    counters : tuple of Counter
        Empty where no package can be read. A package that cannot be read beside one
        that can is among them, and makes every reading doubtful.
    """
    packages: dict[str, RaplZone] = {}
    memory = []
    for zone in zones:
        if zone.kind == "package" and zone.mirrors is None:
            known = packages.get(zone.name)
            if known is None or not known.readable:
                packages[zone.name] = zone
        elif zone.kind == "dram" and zone.inside is None and zone.readable:
            memory.append(zone)
    if not any(zone.readable for zone in packages.values()):
        return ()
    return (
        *(_rapl_counter(zone, "cpu", zone.name) for zone in packages.values()),
        *(_rapl_counter(zone, "dram", zone.path.name) for zone in memory),
    )


def nvml_counters(indices: Iterable[int], nvml: Any = None) -> tuple[Counter, ...]:
    """Return the energy counters of NVIDIA GPUs.

    Parameters
    ----------
    indices : iterable of int
        Which GPUs.
    nvml : module, optional
        What to use in place of ``pynvml``; it stays open.

    Returns
    -------
    counters : tuple of Counter
        One per GPU.

    Raises
    ------
    MeasurementError
        If the library or the driver is missing.
    """
    library = open_nvml(nvml)
    handles = nvml_handles(library)
    return tuple(
        Counter(
            name=f"GPU {index}",
            component="gpu",
            read=partial(_gpu_energy_j, library, handles[index], index),
            ceiling_w=GPU_CEILING_W,
            update_s=GPU_UPDATE_S,
        )
        for index in indices
    )


def read_counters(counters: Sequence[Counter]) -> tuple[Value, ...]:
    """Read all counters now.

    Parameters
    ----------
    counters : sequence of Counter
        What is read.

    Returns
    -------
    values : tuple
        In the same order.
    """
    values: list[Value] = []
    for counter in counters:
        try:
            values.append(counter.read())
        except MeasurementError as error:
            values.append(error)
    return tuple(values)


def energy_between(
    counter: Counter, before: Value, after: Value, duration_s: float
) -> float | None:
    """Return the energy between two readings of a counter.

    Parameters
    ----------
    counter : Counter
        What was read.
    before, after : float or MeasurementError
        What it showed, in J.
    duration_s : float
        Time between the two in s.

    Returns
    -------
    energy_j : float or None
        More than 0 J, one start at zero corrected; None where the window was too short
        for the counter to move.

    Raises
    ------
    MeasurementError
        If the counter was not readable, stood still, went backwards, shows more than
        can be, or may have started again twice.

    Examples
    --------
    >>> counter = Counter(
    ...     name="package-0",
    ...     component="cpu",
    ...     read=lambda: 0.0,
    ...     ceiling_w=1000.0,
    ...     update_s=0.001,
    ...     range_j=262144.0,
    ... )
    >>> energy_between(counter, 262100.0, 56.0, 2.0)
    100.0
    """
    for value in (before, after):
        if isinstance(value, MeasurementError):
            raise value
    assert isinstance(before, float)
    assert isinstance(after, float)
    if counter.longest_s is not None and duration_s > counter.longest_s:
        raise MeasurementError(
            f"{counter.name}: may start again twice in {duration_s:.1f} s; windows of "
            f"at most {counter.longest_s:.1f} s can be read"
        )
    energy_j = after - before
    if energy_j < 0 and counter.range_j is not None:
        energy_j += counter.range_j
    most_j = counter.ceiling_w * (duration_s + PATIENCE * counter.update_s)
    if energy_j < 0 or (after < before and energy_j > most_j):
        raise MeasurementError(f"{counter.name}: went backwards")
    if energy_j > most_j:
        raise MeasurementError(
            f"{counter.name}: shows {energy_j / duration_s:.0f} W, more than can be "
            f"({counter.ceiling_w:.0f} W)"
        )
    if energy_j > 0:
        return energy_j
    if duration_s > PATIENCE * counter.update_s:
        raise MeasurementError(f"{counter.name}: stood still for {duration_s:.1f} s")
    return None


def counted_energy(
    counters: Sequence[Counter],
    before: Sequence[Value],
    after: Sequence[Value],
    duration_s: float,
) -> tuple[CountedEnergy, str | None]:
    """Return the energy between two readings of all counters.

    Parameters
    ----------
    counters : sequence of Counter
        What was read.
    before, after : sequence
        As `read_counters` returns them.
    duration_s : float
        Time between the two in s.

    Returns
    -------
    energy : CountedEnergy
        A component is None where one of its counters is not to be trusted.
    doubt : str or None
        Why processor or GPUs are not.
    """
    sums: dict[Component, float | None] = {}
    doubt = None
    for counter, first, last in zip(counters, before, after, strict=True):
        try:
            energy_j = energy_between(counter, first, last, duration_s)
        except MeasurementError as error:
            energy_j = None
            if counter.component != "dram":  # no meter's energy rests on it
                doubt = doubt or str(error)
        known_j = sums.get(counter.component, 0.0)
        sums[counter.component] = (
            None if energy_j is None or known_j is None else known_j + energy_j
        )
    energy = CountedEnergy(
        cpu_energy_j=sums.get("cpu"),
        dram_energy_j=sums.get("dram"),
        gpu_energy_j=sums.get("gpu"),
    )
    return energy, doubt


def _rapl_counter(zone: RaplZone, component: Component, name: str) -> Counter:
    return Counter(
        name=name,
        component=component,
        read=partial(_rapl_energy_j, zone),
        ceiling_w=RAPL_CEILING_W,
        update_s=RAPL_UPDATE_S,
        range_j=None if zone.range_uj is None else zone.range_uj * MICRO,
    )


def _rapl_energy_j(zone: RaplZone) -> float:
    return zone_energy_uj(zone) * MICRO


def _gpu_energy_j(nvml: Any, handle: Any, index: int) -> float:
    try:
        energy_mj = nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError as error:
        raise MeasurementError(f"GPU {index}: cannot be read ({error})") from error
    if not energy_mj >= 0:
        raise MeasurementError(f"GPU {index}: shows {energy_mj!r}, which is no energy")
    return float(energy_mj * MILLI)
