"""An object that looks like NVIDIA's management library (``pynvml``)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from predictor.units import MILLI


class NVMLError(Exception):
    """What the library raises, such as for a question that is not supported."""


@dataclass(slots=True, kw_only=True)
class FakeGpu:
    """One GPU whose every value can be set; None stands for "not supported".

    Parameters
    ----------
    name, uuid : str, optional
        As the driver gives them.
    energy_j : float or None, default=0.0
        What its counter shows, in J.
    power_w : float or None, default=100.0
        Its power in W.
    throttle : int, default=0
        Reasons for low clocks, as bits.
    violation_ns : int or None, default=0
        Time throttled for heat since the driver was loaded, in ns.
    sm_clock_mhz, temperature_c, utilisation_percent : int, optional
        Its state.
    pids : tuple of int, default=()
        Processes that compute on it.
    mig : bool or None, default=False
        Whether it is divided.
    power_limit_w : float, default=700.0
        Its limit in W.
    """

    name: str = "Fake GPU"
    uuid: str = "GPU-00000000-0000-0000-0000-000000000000"
    energy_j: float | None = 0.0
    power_w: float | None = 100.0
    throttle: int = 0
    violation_ns: int | None = 0
    sm_clock_mhz: int = 1980
    temperature_c: int = 40
    utilisation_percent: int = 0
    pids: tuple[int, ...] = ()
    mig: bool | None = False
    power_limit_w: float = 700.0

    def use(self, energy_j: float) -> None:
        """Use energy.

        Parameters
        ----------
        energy_j : float
            How much, in J; less than 0 lets the counter go backwards.
        """
        self.energy_j = (self.energy_j or 0.0) + energy_j


def _milli(value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return value
    return round(value / MILLI)


_ANSWERS: dict[str, Callable[..., object]] = {
    "Name": lambda gpu: gpu.name,
    "UUID": lambda gpu: gpu.uuid,
    "TotalEnergyConsumption": lambda gpu: _milli(gpu.energy_j),
    "PowerUsage": lambda gpu: _milli(gpu.power_w),
    "EnforcedPowerLimit": lambda gpu: _milli(gpu.power_limit_w),
    "PowerManagementDefaultLimit": lambda gpu: _milli(gpu.power_limit_w),
    "CurrentClocksEventReasons": lambda gpu: gpu.throttle,
    "ViolationStatus": lambda gpu, _policy: (
        None
        if gpu.violation_ns is None
        else SimpleNamespace(violationTime=gpu.violation_ns)
    ),
    "ClockInfo": lambda gpu, _clock: gpu.sm_clock_mhz,
    "MaxClockInfo": lambda _gpu, _clock: 1980,
    "Temperature": lambda gpu, _sensor: gpu.temperature_c,
    "UtilizationRates": lambda gpu: SimpleNamespace(gpu=gpu.utilisation_percent),
    "ComputeRunningProcesses": lambda gpu: [
        SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in gpu.pids
    ],
    "MigMode": lambda gpu: None if gpu.mig is None else [int(gpu.mig)] * 2,
    "EccMode": lambda _gpu: [1, 1],
    "PersistenceMode": lambda _gpu: 1,
    "MemoryInfo": lambda _gpu: SimpleNamespace(total=2**37, free=2**37, used=0),
}


@dataclass(kw_only=True)
class FakeNvml:
    """The library; a GPU is its own handle.

    Parameters
    ----------
    gpus : list of FakeGpu
        The GPUs.
    trouble : str or None, default=None
        Why the driver does not answer.
    opened : int, default=0
        How often it is open.

    Examples
    --------
    >>> nvml = FakeNvml(gpus=[FakeGpu(energy_j=2.0)])
    >>> gpu = nvml.nvmlDeviceGetHandleByIndex(0)
    >>> nvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
    2000
    """

    gpus: list[FakeGpu] = field(default_factory=list)
    trouble: str | None = None
    opened: int = 0

    NVMLError = NVMLError
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2
    NVML_TEMPERATURE_GPU = 0
    NVML_PERF_POLICY_THERMAL = 1

    def __getattr__(self, name: str) -> Any:
        of_library: dict[str, Callable[..., object]] = {
            "nvmlInit": self._open,
            "nvmlShutdown": self._close,
            "nvmlSystemGetDriverVersion": lambda: "999.9",
            "nvmlDeviceGetCount": lambda: len(self.gpus),
            "nvmlDeviceGetHandleByIndex": lambda index: self.gpus[index],
        }
        answer = of_library.get(name) or _ANSWERS.get(
            name.removeprefix("nvmlDeviceGet")
        )
        if answer is None:
            raise AttributeError(name)
        return answer if name in of_library else _supported(answer)

    def _open(self) -> None:
        if self.trouble:
            raise NVMLError(self.trouble)
        self.opened += 1

    def _close(self) -> None:
        self.opened -= 1


def _supported(answer: Callable[..., object]) -> Callable[..., object]:
    def ask(*arguments: object) -> object:
        value = answer(*arguments)
        if value is None:
            raise NVMLError("Not Supported")
        return value

    return ask
