"""What a meter returns: energies and times, and where the numbers come from."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from predictor.errors import MeasurementError

Source = Literal["measured", "modelled", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEnergy:
    """Energy that counters read directly gave for one piece of work, in J.

    Each is None where there is no such counter, or where it is not to be trusted.

    Parameters
    ----------
    cpu_energy_j : float or None, default=None
        All processor packages.
    dram_energy_j : float or None, default=None
        Memory that no package includes.
    gpu_energy_j : float or None, default=None
        The GPUs that the meter watches.

    Examples
    --------
    >>> CountedEnergy(cpu_energy_j=30.0).gpu_energy_j is None
    True
    """

    cpu_energy_j: float | None = None
    dram_energy_j: float | None = None
    gpu_energy_j: float | None = None


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
    doubt : str or None, default=None
        Why the meter itself does not trust this reading; None where it does.
    counted : CountedEnergy or None, default=None
        What counters that were read directly said of the same work.
    metering_s : float, default=0.0
        Time that reading the meter took, in s, at both ends together.

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
    doubt: str | None = None
    counted: CountedEnergy | None = None
    metering_s: float = 0.0

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
        ``rapl``, ``nvml_energy`` (a counter of energy), ``nvml_power`` (sampled power),
        ``cpu_load_process``, ``cpu_load_machine``, ``constant``, ``absent`` or another
        counter's name.
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
        """The row's `source`: counters read, or ``"modelled"`` without any.

        Rows of different sources are never fitted together.
        """
        names = []
        if tier_source(self.gpu_tier) == "measured":
            names.append(self.gpu_tier.removesuffix("_energy"))
        if tier_source(self.cpu_tier) == "measured":
            names.append("rapl")
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

    def measure_idle(self, seconds: float) -> Reading:
        """Do nothing for a while and return what that took.

        Parameters
        ----------
        seconds : float
            How long in s.

        Returns
        -------
        reading : Reading
            A model of this process' load says 0 J for the processor, and that is no
            error here; a counter never does.
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
    >>> description = MeterDescription(
    ...     cpu_tier="cpu_load_process", ram_tier="constant", gpu_tier="absent"
    ... )
    >>> description_fields(description)["source"]
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
