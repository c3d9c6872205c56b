"""Energy meters behind one small interface."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from predictor.errors import MeasurementError
from predictor.units import kwh_to_joules

Source = Literal["measured", "modelled", "absent"]
TrackingMode = Literal["process", "machine"]

COUNTER_MODES = (
    "intel_rapl",
    "windows_emi",
    "intel_power_gadget",
    "apple_powermetrics",
)
"""CodeCarbon's names of CPU modes that read a counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Energy and time of one piece of work, by component.

    Parameters
    ----------
    cpu_energy_j, ram_energy_j : float
        Energy of processor and memory in J, never multiplied by a PUE.
    gpu_energy_j : float or None
        Energy of the GPUs in J; None without one.
    duration_s : float
        Monotonic duration in s.
    cpu_time_s : float
        Processor seconds of this process and its ended children.

    Examples
    --------
    >>> reading = Reading(
    ...     cpu_energy_j=4.0,
    ...     ram_energy_j=2.0,
    ...     gpu_energy_j=None,
    ...     duration_s=2.0,
    ...     cpu_time_s=1.0,
    ... )
    >>> reading.energy_j, reading.power_w
    (6.0, 3.0)
    """

    cpu_energy_j: float
    ram_energy_j: float
    gpu_energy_j: float | None
    duration_s: float
    cpu_time_s: float

    @property
    def energy_j(self) -> float:
        """Sum of the components in J."""
        return self.cpu_energy_j + self.ram_energy_j + (self.gpu_energy_j or 0.0)

    @property
    def power_w(self) -> float:
        """Mean power over the window in W."""
        return self.energy_j / self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterDescription:
    """Where a meter's numbers come from.

    Parameters
    ----------
    cpu_tier, ram_tier, gpu_tier : str
        ``rapl``, ``nvml_energy``, ``cpu_load_process``, ``cpu_load_machine``,
        ``constant``, ``absent`` or another counter's name.
    cpu_ceiling_w : float or None
        Power at full load that a load model assumes, in W.
    ram_power_w : float or None
        Constant power assumed for memory, in W.
    """

    cpu_tier: str
    ram_tier: str
    gpu_tier: str
    cpu_ceiling_w: float | None = None
    ram_power_w: float | None = None

    @property
    def source(self) -> str:
        """The row's `source`: counters read, or ``"modelled"`` without any."""
        names = [
            name
            for name, tier in (("nvml", self.gpu_tier), ("rapl", self.cpu_tier))
            if tier_source(tier) == "measured"
        ]
        return "+".join(names) or "modelled"


def tier_source(tier: str) -> Source:
    """Return whether a tier is measured, modelled or absent.

    Parameters
    ----------
    tier : str
        A tier of `MeterDescription`.

    Returns
    -------
    source : {"measured", "modelled", "absent"}
        What its numbers are.

    Examples
    --------
    >>> tier_source("rapl"), tier_source("cpu_load_process"), tier_source("absent")
    ('measured', 'modelled', 'absent')
    """
    if tier == "absent":
        return "absent"
    if tier == "constant" or tier.startswith("cpu_load"):
        return "modelled"
    return "measured"


class EnergyMeter(Protocol):
    """Anything that can tell the energy of a piece of work."""

    def measure(self, work: Callable[[], object]) -> Reading:
        """Run the work once and return what it took.

        Parameters
        ----------
        work : callable
            Takes no argument; returns only when the device has finished.

        Returns
        -------
        reading : Reading
            Energy and duration of that call.
        """
        ...

    def describe(self) -> MeterDescription:
        """Return where the numbers come from.

        Returns
        -------
        description : MeterDescription
            Tiers and constants.
        """
        ...


class ReplayMeter:
    """Return recorded readings, for tests on machines without a counter.

    Parameters
    ----------
    readings : iterable of Reading
        Returned in order, one per call.

    Examples
    --------
    >>> recorded = Reading(
    ...     cpu_energy_j=30.0,
    ...     ram_energy_j=0.0,
    ...     gpu_energy_j=None,
    ...     duration_s=2.0,
    ...     cpu_time_s=2.0,
    ... )
    >>> ReplayMeter([recorded]).measure(lambda: None).power_w
    15.0
    """

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings: Iterator[Reading] = iter(readings)

    def measure(self, work: Callable[[], object]) -> Reading:
        """Run the work and return the next recorded reading.

        Parameters
        ----------
        work : callable
            Called once; its result is ignored.

        Returns
        -------
        reading : Reading
            The next recorded reading.
        """
        work()
        return next(self._readings)

    def describe(self) -> MeterDescription:
        """Return tiers of a load model.

        Returns
        -------
        description : MeterDescription
            Fixed.
        """
        return MeterDescription(
            cpu_tier="cpu_load_process", ram_tier="constant", gpu_tier="absent"
        )


class CodeCarbonMeter:
    """CodeCarbon's tracker, used so that nothing outside can change its numbers.

    Offline, every parameter explicit, no output, PUE 1, one task per window. Without
    any counter the process mode is used: linear in this process' CPU time, whatever
    else the machine does. Memory is a constant then, CodeCarbon's own figure for the
    whole machine, since its figure for a process jumps with the memory in use.

    Parameters
    ----------
    directory : str
        An empty directory; CodeCarbon is told to write there, and does not.

    Notes
    -----
    CodeCarbon reads a file ``.codecarbon.config`` of the working directory and
    ``CODECARBON_*`` variables: the process must stand in a clean directory, and the
    variables are cleared here.
    """

    def __init__(self, directory: str) -> None:
        from codecarbon import OfflineEmissionsTracker
        from codecarbon.core import cpu, gpu
        from codecarbon.external.ram import RAM

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        for name in [name for name in os.environ if name.startswith("CODECARBON_")]:
            del os.environ[name]
        has_gpu = bool(gpu.is_nvidia_system() or gpu.is_rocm_system())
        counted = has_gpu or bool(cpu.is_rapl_available())
        self.tracking_mode: TrackingMode = "machine" if counted else "process"
        self.ram_power_w = float(RAM(tracking_mode="machine").total_power().W)
        self._tracker: Any = OfflineEmissionsTracker(
            country_iso_code="DEU",  # energy does not depend on it
            region=None,
            cloud_provider=None,
            cloud_region=None,
            country_2letter_iso_code=None,
            project_name="watt-ahead",
            experiment_name="trial",
            experiment_id="trial",
            measure_power_secs=15,
            api_call_interval=-1,
            api_endpoint=None,
            api_key=None,
            output_dir=directory,
            output_file="emissions.csv",
            output_methods=[],
            logging_logger=None,
            prometheus_url=None,
            output_handlers=[],
            gpu_ids=None,
            emissions_endpoint=None,
            electricitymaps_api_token=None,
            tracking_mode=self.tracking_mode,
            log_level="critical",
            on_csv_write="append",
            logger_preamble="",
            force_cpu_power=None,
            force_ram_power=self.ram_power_w,
            pue=1.0,
            wue=0.0,
            force_carbon_intensity_g_co2e_kwh=None,
            force_mode_cpu_load=False,
            allow_multiple_runs=True,
            rapl_include_dram=False,
            rapl_prefer_psys=False,
            metadata=None,
        )
        if not hasattr(self._tracker, "run_id"):
            raise MeasurementError(
                "CodeCarbon's tracker could not be made, and CodeCarbon does not say "
                "why; check that its version is one this package allows"
            )
        # The first task probes the hardware, which takes seconds.
        self._tracker.start_task("probe")
        self._tracker.stop_task("probe")
        self._windows = 0

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
            If CodeCarbon returns nothing, or no positive finite energy.
        """
        self._windows += 1
        name = f"window-{self._windows}"
        self._tracker.start_task(name)
        cpu_start, start = cpu_time_s(), time.perf_counter()
        try:
            work()
        finally:
            duration_s = time.perf_counter() - start
            cpu_s = cpu_time_s() - cpu_start
            answer = self._tracker.stop_task(name)
        if answer is None:
            raise MeasurementError(
                "CodeCarbon returned nothing for a window; its task was not running"
            )
        has_gpu = self.describe().gpu_tier != "absent"
        return Reading(
            cpu_energy_j=_joules(answer.cpu_energy, "cpu_energy"),
            ram_energy_j=_joules(answer.ram_energy, "ram_energy"),
            gpu_energy_j=_joules(answer.gpu_energy, "gpu_energy") if has_gpu else None,
            duration_s=duration_s,
            cpu_time_s=cpu_s,
        )

    def describe(self) -> MeterDescription:
        """Return which of CodeCarbon's ways is in use for each component.

        Returns
        -------
        description : MeterDescription
            Tiers and constants as CodeCarbon detected them.
        """
        cpu_tier, ceiling_w, gpu_tier = "absent", None, "absent"
        for part in self._tracker._hardware:
            kind = type(part).__name__
            if kind == "CPU":
                cpu_tier = _cpu_tier(part._mode, self.tracking_mode)
                if tier_source(cpu_tier) == "modelled":
                    ceiling_w = float(part._tdp)
            elif kind == "GPU":
                gpu_tier = "nvml_energy"
        return MeterDescription(
            cpu_tier=cpu_tier,
            ram_tier="constant",
            gpu_tier=gpu_tier,
            cpu_ceiling_w=ceiling_w,
            ram_power_w=self.ram_power_w,
        )


def window_s(description: MeterDescription) -> float:
    """Return how long a window must be at least for a meter to resolve it.

    Parameters
    ----------
    description : MeterDescription
        The meter.

    Returns
    -------
    window_s : float
        5 s for a GPU counter (updates every 0.1 s), 2 s for RAPL or a load model of
        the machine, 1 s for processor time (ticks of 10 ms).

    Examples
    --------
    >>> window_s(ReplayMeter([]).describe())
    1.0
    """
    if description.gpu_tier != "absent":
        return 5.0
    return 1.0 if description.cpu_tier == "cpu_load_process" else 2.0


def cpu_time_s() -> float:
    """Return the processor time of this process and its ended children in s.

    Returns
    -------
    cpu_time_s : float
        User and system time of all threads in s.
    """
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def check_energy(energy_j: float, component: str) -> float:
    """Return an energy if it is one.

    Parameters
    ----------
    energy_j : float
        Energy in J.
    component : str
        For the message.

    Returns
    -------
    energy_j : float
        The same.

    Raises
    ------
    MeasurementError
        If it is not finite or not positive.

    Examples
    --------
    >>> check_energy(2.0, "cpu_energy")
    2.0
    >>> check_energy(float("nan"), "cpu_energy")
    Traceback (most recent call last):
    predictor.errors.MeasurementError: the meter returned nan J as cpu_energy; ...
    """
    if not (math.isfinite(energy_j) and energy_j > 0):
        raise MeasurementError(
            f"the meter returned {energy_j!r} J as {component}; an energy is finite "
            "and positive. The window is dropped"
        )
    return energy_j


def _joules(energy_kwh: object, component: str) -> float:
    if not isinstance(energy_kwh, int | float):
        raise MeasurementError(f"the meter returned {energy_kwh!r} as {component}")
    return check_energy(kwh_to_joules(float(energy_kwh)), component)


def _cpu_tier(mode: str, tracking_mode: TrackingMode) -> str:
    if mode == "intel_rapl":
        return "rapl"
    if mode in COUNTER_MODES:
        return mode
    return f"cpu_load_{tracking_mode}" if mode == "cpu_load" else "constant"


def description_fields(description: MeterDescription) -> Mapping[str, object]:
    """Return what a row says about its meter.

    Parameters
    ----------
    description : MeterDescription
        The meter.

    Returns
    -------
    fields : mapping
        Sources, tiers and constants.

    Examples
    --------
    >>> description_fields(ReplayMeter([]).describe())["source"]
    'modelled'
    """
    return {
        "source": description.source,
        "cpu_source": tier_source(description.cpu_tier),
        "ram_source": tier_source(description.ram_tier),
        "gpu_source": tier_source(description.gpu_tier),
        "cpu_tier": description.cpu_tier,
        "ram_tier": description.ram_tier,
        "gpu_tier": description.gpu_tier,
        "cpu_ceiling_w": description.cpu_ceiling_w,
        "ram_power_w": description.ram_power_w,
    }
