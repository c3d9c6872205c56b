"""Energy counters that a training can be read by, each as joules that only grow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from predictor.errors import MeasurementError
from predictor.hardware import MODELLED
from predictor.sensors import (
    RaplZone,
    nvml_answer,
    nvml_handles,
    open_nvml,
    rapl_zones,
    visible_gpus,
    zone_energy_uj,
)
from predictor.units import MICRO, MILLI, kwh_to_joules

Device = Literal["cpu", "gpu", "other"]

PACKAGE_CEILING_W = 1000.0
"""More than any processor package draws: the largest of 2025 are made for 500 W."""

RAPL_SHORTEST_S = 0.02
GPU_SHORTEST_S = 2.0
"""Twenty updates of the counter, usually every 0.001 s and 0.1 s; a window that is
shorter says little."""


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """Joules that only grow.

    Parameters
    ----------
    source : str
        Meter, as rows name it.
    read_j : callable
        Returns J since an unknown moment, or raises.
    shortest_s : float, default=0.0
        Windows below this, in s, say too little.
    close : callable, optional
        Lets go of what was opened.
    """

    source: str
    read_j: Callable[[], float]
    shortest_s: float = 0.0
    close: Callable[[], None] = _nothing


def tracker_counter(tracker: Any) -> EnergyCounter:
    """Return the energy of a CodeCarbon tracker that the user has started.

    Parameters
    ----------
    tracker : object
        Such as ``codecarbon.EmissionsTracker``.

    Returns
    -------
    counter : EnergyCounter
        Without the PUE that CodeCarbon multiplies by. It is called modelled: the
        memory always is, and the tracker does not say of its total what else is.
    """

    def read_j() -> float:
        refresh = getattr(tracker, "_measure_power_and_energy_if_stale", None)
        if callable(refresh) and getattr(tracker, "_start_time", None) is not None:
            refresh()
        total = getattr(tracker, "_total_energy", None)
        if total is not None:
            energy_kwh = total.kWh
        else:
            energy_kwh = tracker.final_emissions_data.energy_consumed
        return kwh_to_joules(float(energy_kwh)) / float(getattr(tracker, "_pue", 1.0))

    return EnergyCounter(source=MODELLED, read_j=read_j)


def machine_counter(
    device: Device, *, nvml: Any = None, zones: Sequence[RaplZone] | None = None
) -> EnergyCounter | None:
    """Return the counter of what computes here, where it can be read.

    Parameters
    ----------
    device : {"cpu", "gpu", "other"}
        What computes.
    nvml : module, optional
        What to use in place of ``pynvml``.
    zones : sequence of RaplZone, optional
        The processor's counters; by default this machine's.

    Returns
    -------
    counter : EnergyCounter or None
        Of all GPUs that ``CUDA_VISIBLE_DEVICES`` leaves visible, and of all processor
        packages, whoever else uses them; None where what computes has no counter.
    """
    parts: list[EnergyCounter] = []
    if device == "gpu":
        gpus = _gpus(nvml)
        if gpus is None:
            return None
        parts.append(gpus)
    elif device == "other":
        return None
    packages = _packages(rapl_zones() if zones is None else zones)
    if packages is not None:
        parts.append(packages)
    if not parts:
        return None

    def close() -> None:
        for part in parts:
            part.close()

    return EnergyCounter(
        source="+".join(part.source for part in parts),
        read_j=lambda: sum(part.read_j() for part in parts),
        shortest_s=max(part.shortest_s for part in parts),
        close=close,
    )


def _gpus(nvml: Any) -> EnergyCounter | None:
    try:
        library = open_nvml(nvml)
    except MeasurementError:
        return None
    every = nvml_handles(library)
    handles = [every[index] for index in visible_gpus(library)]

    def energy_mj(handle: Any) -> Any:
        return nvml_answer(library, "nvmlDeviceGetTotalEnergyConsumption", handle)

    def is_cut(handle: Any) -> bool:  # instances share the counter with strangers
        modes = nvml_answer(library, "nvmlDeviceGetMigMode", handle)
        return modes is not None and bool(modes[0])

    if not handles or any(is_cut(one) or energy_mj(one) is None for one in handles):
        nvml_answer(library, "nvmlShutdown")
        return None

    def read_j() -> float:
        energies = [energy_mj(handle) for handle in handles]
        if None in energies:
            raise MeasurementError("a GPU's energy cannot be read any more")
        return float(sum(energies) * MILLI)

    return EnergyCounter(
        source="nvml",
        read_j=read_j,
        shortest_s=GPU_SHORTEST_S,
        close=lambda: nvml_answer(library, "nvmlShutdown"),
    )


def _packages(zones: Sequence[RaplZone]) -> EnergyCounter | None:
    packages: dict[str, RaplZone] = {}
    for zone in zones:
        if zone.kind == "package" and zone.mirrors is None:
            packages.setdefault(zone.name, zone)
    if not packages or not all(zone.readable for zone in packages.values()):
        return None
    memory = [
        zone
        for zone in zones
        if zone.kind == "dram" and zone.inside is None and zone.readable
    ]
    meter = _WrappingSum([*packages.values(), *memory])
    return EnergyCounter(
        source="rapl",
        read_j=meter.read_j,
        shortest_s=RAPL_SHORTEST_S,
        close=meter.close,
    )


class _WrappingSum:
    """Adds counters that start again at zero, read often enough to see each time."""

    def __init__(self, zones: Sequence[RaplZone]) -> None:
        self._zones = tuple(zones)
        self._lock = threading.Lock()
        self._last = [zone_energy_uj(zone) for zone in zones]
        self._total_uj = 0
        self._trouble: MeasurementError | None = None
        self._closed = threading.Event()
        ranges = [zone.range_uj for zone in zones if zone.range_uj]
        if ranges:
            # Half the shortest time in which one may start again.
            pause_s = 0.5 * min(ranges) * MICRO / PACKAGE_CEILING_W
            thread = threading.Thread(target=self._keep, args=(pause_s,), daemon=True)
            thread.start()

    def read_j(self) -> float:
        with self._lock:
            self._add()
            if self._trouble is not None:
                raise self._trouble
            return self._total_uj * MICRO

    def close(self) -> None:
        self._closed.set()

    def _add(self) -> None:
        try:
            now = [zone_energy_uj(zone) for zone in self._zones]
        except MeasurementError as error:
            self._trouble = error
            return
        for zone, before, after in zip(self._zones, self._last, now, strict=True):
            grown = after - before
            self._total_uj += grown if grown >= 0 else grown + (zone.range_uj or 0)
        self._last = now

    def _keep(self, pause_s: float) -> None:
        while not self._closed.wait(pause_s):
            with self._lock:
                self._add()
