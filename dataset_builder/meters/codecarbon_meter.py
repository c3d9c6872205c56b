"""CodeCarbon as a meter, used so that nothing outside can change its numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from dataset_builder.meters.codecarbon_tracker import new_tracker
from dataset_builder.meters.readings import (
    MeterDescription,
    Reading,
    check_energy,
    cpu_time_s,
    tier_source,
)
from dataset_builder.settings import Device
from predictor.errors import MeasurementError
from predictor.units import kwh_to_joules

COUNTER_MODES = (
    "intel_rapl",
    "windows_emi",
    "intel_power_gadget",
    "apple_powermetrics",
)
"""CodeCarbon's names of CPU modes that read a counter."""


class CodeCarbonMeter:
    """CodeCarbon's tracker, used so that nothing outside can change its numbers.

    Offline, every parameter explicit, no output, PUE 1, one task per window. Where no
    counter of the processor is readable its process mode is used: linear in this
    process' time, whatever else the machine does. Memory is a constant, CodeCarbon's
    own figure for the whole machine, since its figure for a process jumps with the
    memory in use.

    Parameters
    ----------
    directory : str
        An empty directory; CodeCarbon is told to write there, and does not.
    device : {"cpu", "gpu"}, default="cpu"
        What computes; GPUs that do not compute are not part of a measurement.

    Raises
    ------
    MeasurementError
        If CodeCarbon is of another version than this was written for, cannot be
        started, or reads nothing of the GPU that computes.

    Notes
    -----
    CodeCarbon reads a file ``.codecarbon.config`` of the working directory and
    ``CODECARBON_*`` variables: the process must stand in a clean directory, and the
    variables are cleared here.
    """

    def __init__(self, directory: str, *, device: Device = "cpu") -> None:
        self._tracker = new_tracker(directory)
        self._windows = 0
        if device == "cpu":
            parts = self._tracker._hardware
            self._tracker._hardware = [part for part in parts if not _is_gpu(part)]
        elif self.describe().gpu_tier == "absent":
            raise MeasurementError(
                "CodeCarbon sees no GPU, so the energy of one cannot be measured; "
                "`predictor doctor` says why, and --device cpu measures the processor"
            )

    @property
    def gpu_indices(self) -> tuple[int, ...]:
        """Numbers of the GPUs that are watched, in the driver's order."""
        return tuple(device.gpu_index for device in self._gpus())

    def measure(self, work: Callable[[], object]) -> Reading:
        """Run the work once inside a task of its own.

        Parameters
        ----------
        work : callable
            Takes no argument; returns only when the device has finished.

        Returns
        -------
        reading : Reading
            Energy and duration of that call.

        Raises
        ------
        MeasurementError
            If CodeCarbon raises, returns nothing, or no positive finite energy.
        """
        return self._measure(work, idle=False)

    def measure_idle(self, seconds: float) -> Reading:
        """Sleep inside a task of its own.

        Parameters
        ----------
        seconds : float
            How long in s.

        Returns
        -------
        reading : Reading
            The model of this process' load says about 0 J for the processor.

        Raises
        ------
        MeasurementError
            If CodeCarbon raises, returns nothing, or a counter did not move.
        """
        return self._measure(lambda: time.sleep(seconds), idle=True)

    def describe(self) -> MeterDescription:
        """Return which of CodeCarbon's ways is in use for each component.

        Returns
        -------
        description : MeterDescription
            Tiers and constants as CodeCarbon detected them.
        """
        cpu_tier, ceiling_w = "absent", None
        for part in self._tracker._hardware:
            if type(part).__name__ == "CPU":
                cpu_tier = _cpu_tier(part._mode, part._tracking_mode)
                if tier_source(cpu_tier) == "modelled":
                    ceiling_w = float(part._tdp)
        return MeterDescription(
            cpu_tier=cpu_tier,
            ram_tier="constant",
            gpu_tier=gpu_tier(self._gpus()),
            cpu_ceiling_w=ceiling_w,
            ram_power_w=self._tracker._force_ram_power,
        )

    def _measure(self, work: Callable[[], object], *, idle: bool) -> Reading:
        self._windows += 1
        name = f"window-{self._windows}"
        before_s = time.perf_counter()
        self._ask("start_task", name)
        cpu_start_s, start_s = cpu_time_s(), time.perf_counter()
        try:
            work()
        finally:
            end_s = time.perf_counter()
            cpu_s = cpu_time_s() - cpu_start_s
            answer = self._ask("stop_task", name)
        duration_s = end_s - start_s
        metering_s = time.perf_counter() - before_s - duration_s
        if answer is None:
            raise MeasurementError(
                "CodeCarbon returned nothing for a window; its task was not running"
            )
        described = self.describe()
        may_be_zero = idle and tier_source(described.cpu_tier) == "modelled"
        gpu_energy_j = None
        if described.gpu_tier != "absent":
            gpu_energy_j = _joules(answer.gpu_energy, "gpu_energy")
        return Reading(
            cpu_energy_j=_joules(answer.cpu_energy, "cpu_energy", zero=may_be_zero),
            ram_energy_j=_joules(answer.ram_energy, "ram_energy"),
            gpu_energy_j=gpu_energy_j,
            duration_s=duration_s,
            cpu_time_s=cpu_s,
            metering_s=metering_s,
        )

    def _ask(self, function: str, name: str) -> Any:
        try:
            return getattr(self._tracker, function)(name)
        except Exception as error:
            raise MeasurementError(
                f"CodeCarbon failed in {function}: {str(error) or type(error).__name__}"
            ) from error

    def _gpus(self) -> list[Any]:
        return [
            device
            for part in filter(_is_gpu, self._tracker._hardware)
            for device in part.devices.devices
            if device.gpu_index in part._get_gpu_ids()
        ]


def gpu_tier(devices: Iterable[Any]) -> str:
    """Return how CodeCarbon reads the energy of GPUs.

    Parameters
    ----------
    devices : iterable
        CodeCarbon's GPU devices.

    Returns
    -------
    tier : str
        ``"nvml_energy"`` where all have a counter of energy, ``"nvml_power"`` where
        the power of one must be sampled; ``"absent"`` without any.

    Raises
    ------
    MeasurementError
        If one tells neither energy nor power.

    Examples
    --------
    >>> gpu_tier([])
    'absent'
    """
    tier = "absent"
    for device in devices:
        maker = "nvml" if "Nvidia" in type(device).__name__ else "amdsmi"
        if not device._use_power_fallback:
            tier = f"{maker}_energy" if tier == "absent" else tier
            continue
        if not device._read_power_watts():
            raise MeasurementError(
                f"GPU {device.gpu_index} tells neither energy nor power, as an "
                "instance of a divided GPU (MIG): measure on a whole one"
            )
        tier = f"{maker}_power"
    return tier


def _is_gpu(part: object) -> bool:
    return type(part).__name__ == "GPU"


def _joules(energy_kwh: object, component: str, *, zero: bool = False) -> float:
    if not isinstance(energy_kwh, int | float):
        raise MeasurementError(f"the meter returned {energy_kwh!r} as {component}")
    if zero and energy_kwh == 0:
        return 0.0
    return check_energy(kwh_to_joules(float(energy_kwh)), component)


def _cpu_tier(mode: str, tracking_mode: str) -> str:
    if mode == "intel_rapl":
        return "rapl"
    if mode in COUNTER_MODES:
        return mode
    return f"cpu_load_{tracking_mode}" if mode == "cpu_load" else "constant"
