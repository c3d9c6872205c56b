"""Heat, clocks and other users of processor and GPUs, as the system tells them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from predictor.sensors import nvml_answer, nvml_handles, open_nvml, visible_gpus
from predictor.units import MILLI

CLOCK_CORES = 8
"""Cores whose clock is read; an idle one may take 10 ms to answer."""

CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
CPU_ZONES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal")
"""Names of a processor's temperature under hwmon, and as a thermal zone."""

THROTTLE_BITS = {
    0x08: "hardware slowdown",
    0x20: "heat (software)",
    0x40: "heat",
    0x80: "power brake",
}
"""NVML's reasons for low clocks that are no limit of power at work."""

POWER_CAP_BIT = 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuState:
    """Heat and clock of the processor; None where the system does not tell.

    Parameters
    ----------
    throttles : int or None
        How often cores or packages were slowed down for heat since boot.
    clock_mhz : float or None
        Of the fastest core that was asked.
    temperature_c : float or None
        Of the hottest package.
    """

    throttles: int | None
    clock_mhz: float | None
    temperature_c: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """State of one GPU; None where it does not tell.

    Parameters
    ----------
    index : int
        Its number in NVML.
    throttle : str or None
        Why its clocks are low just now, unless for its limit of power.
    throttled_ns : int or None
        Time throttled for heat since the driver was loaded, in ns.
    power_capped : bool
        Whether its limit of power sets its clock.
    sm_clock_mhz, temperature_c : float or None
        Clock and temperature.
    utilisation : float or None
        Share of the last moment in which anything computed.
    foreign_processes : int
        Processes that compute on it and are not of this session.
    """

    index: int
    throttle: str | None
    throttled_ns: int | None
    power_capped: bool
    sm_clock_mhz: float | None
    temperature_c: float | None
    utilisation: float | None
    foreign_processes: int


def cpu_state(system: Path) -> CpuState:
    """Read heat and clock of the processor.

    Parameters
    ----------
    system : Path
        Where the system shows them; ``/sys``.

    Returns
    -------
    state : CpuState
        What is there to read; what is there is looked up once.

    Examples
    --------
    >>> cpu_state(Path("/nowhere")).throttles is None
    True
    """
    throttles, clocks, temperatures = _files(system)
    counts = _numbers(throttles)
    return CpuState(
        throttles=int(sum(counts)) if counts else None,
        clock_mhz=max((khz * MILLI for khz in _numbers(clocks)), default=None),
        temperature_c=max(
            (millis * MILLI for millis in _numbers(temperatures)), default=None
        ),
    )


class GpuWatch:
    """The GPUs that compute, watched through NVIDIA's library.

    Make it in the process that measures: the library does not outlive a fork.

    Parameters
    ----------
    nvml : module, optional
        What to use in place of ``pynvml``; it stays open.
    session_of : callable, default=os.getsid
        Returns the session of a process, or raises `OSError`.

    Raises
    ------
    MeasurementError
        If the library or the driver is missing.
    """

    def __init__(
        self, nvml: Any = None, *, session_of: Callable[[int], int] = os.getsid
    ) -> None:
        self._nvml = open_nvml(nvml)
        self._session_of = session_of
        handles = nvml_handles(self._nvml)
        self._gpus = [(index, handles[index]) for index in visible_gpus(self._nvml)]

    def read(self) -> tuple[GpuState, ...]:
        """Read the state of all GPUs.

        Returns
        -------
        states : tuple of GpuState
            In NVML's order.
        """
        return tuple(self._state(index, handle) for index, handle in self._gpus)

    def _state(self, index: int, handle: Any) -> GpuState:
        def ask(function: str, *arguments: object) -> Any:
            return nvml_answer(self._nvml, function, handle, *arguments)

        nvml = self._nvml
        bits = ask("nvmlDeviceGetCurrentClocksEventReasons") or 0
        reasons = [text for bit, text in THROTTLE_BITS.items() if bits & bit]
        violation = ask("nvmlDeviceGetViolationStatus", nvml.NVML_PERF_POLICY_THERMAL)
        usage = ask("nvmlDeviceGetUtilizationRates")
        processes = ask("nvmlDeviceGetComputeRunningProcesses") or []
        return GpuState(
            index=index,
            throttle=", ".join(reasons) or None,
            throttled_ns=None if violation is None else violation.violationTime,
            power_capped=bool(bits & POWER_CAP_BIT),
            sm_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            temperature_c=ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            utilisation=None if usage is None else usage.gpu / 100,
            foreign_processes=self._foreign([process.pid for process in processes]),
        )

    def _foreign(self, pids: Iterable[int]) -> int:
        own, foreign, unknown = 0, 0, 0
        for pid in pids:
            try:
                same = self._session_of(pid) == self._session_of(0)
            except OSError:
                unknown += 1
            else:
                own, foreign = own + same, foreign + (not same)
        # In a container the driver may give this very process its number outside.
        return foreign + max(0, unknown - (0 if own else 1))


@cache
def _files(system: Path) -> tuple[tuple[Path, ...], tuple[Path, ...], tuple[Path, ...]]:
    cpus = system / "devices" / "system" / "cpu"
    throttles = cpus.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
    clocks = sorted(cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    temperatures = [
        path
        for sensor in (system / "class" / "hwmon").glob("*")
        if _name(sensor / "name") in CPU_SENSORS
        for path in sensor.glob("temp1_input")
    ] or [
        zone / "temp"
        for zone in (system / "class" / "thermal").glob("thermal_zone*")
        if _name(zone / "type") in CPU_ZONES
    ]
    step = max(1, len(clocks) // CLOCK_CORES)
    return tuple(sorted(throttles)), tuple(clocks[::step]), tuple(sorted(temperatures))


def _name(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _numbers(paths: Iterable[Path]) -> list[float]:
    numbers = []
    for path in paths:
        try:
            numbers.append(float(path.read_text()))
        except (OSError, ValueError):
            continue
    return numbers
