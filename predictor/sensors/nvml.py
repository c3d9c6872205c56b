"""NVIDIA's GPUs: which there are, and which of their counters can be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from predictor.errors import MeasurementError
from predictor.units import MILLI


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlDevice:
    """One NVIDIA GPU and what can be read of it.

    Parameters
    ----------
    index : int
        Its number in NVML.
    name, uuid : str
        As the driver gives them.
    energy_counter : bool
        Whether its total energy can be read.
    power : bool
        Whether its power can be read.
    mig : bool or None
        Whether it is cut into instances, which share its counter; None where it cannot
        be cut.
    visible : bool, default=True
        Whether this process may compute on it.
    """

    index: int
    name: str
    uuid: str
    energy_counter: bool
    power: bool
    mig: bool | None
    visible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlState:
    """What NVIDIA's management library (NVML) says.

    Parameters
    ----------
    devices : tuple of NvmlDevice
        The GPUs; empty without.
    driver_version : str or None
        Version of the driver.
    trouble : str or None
        Why there is nothing to read; None where there is.
    """

    devices: tuple[NvmlDevice, ...]
    driver_version: str | None
    trouble: str | None


def open_nvml(nvml: Any = None) -> Any:
    """Return NVIDIA's management library, ready for use.

    Parameters
    ----------
    nvml : module, optional
        What to use in place of ``pynvml``.

    Returns
    -------
    nvml : module
        Functions as in ``pynvml``.

    Raises
    ------
    MeasurementError
        If the package or the driver is missing, or the driver does not answer.
    """
    if nvml is None:
        try:
            import pynvml
        except ImportError as error:
            raise MeasurementError(
                "the package nvidia-ml-py is not installed: pip install nvidia-ml-py"
            ) from error
        nvml = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise MeasurementError(f"no NVIDIA driver answers ({error})") from error
    return nvml


@contextmanager
def opened_nvml(nvml: Any = None) -> Iterator[Any]:
    """Open NVIDIA's management library for a moment.

    Parameters
    ----------
    nvml : module, optional
        What to use in place of ``pynvml``.

    Yields
    ------
    nvml : module
        Functions as in ``pynvml``.
    """
    library = open_nvml(nvml)
    try:
        yield library
    finally:
        nvml_answer(library, "nvmlShutdown")


def nvml_answer(nvml: Any, function: str, *arguments: object) -> Any:
    """Return what a function of NVML says, or None where it has no answer.

    Parameters
    ----------
    nvml : module
        As `open_nvml` returns it.
    function : str
        Name of the function.
    *arguments : object
        What it takes.

    Returns
    -------
    answer : object
        None where device, driver or package do not support the question.
    """
    try:
        answer = getattr(nvml, function)(*arguments)
    except (AttributeError, nvml.NVMLError):
        return None
    return answer.decode() if isinstance(answer, bytes) else answer


def nvml_state(nvml: Any = None) -> NvmlState:
    """Return which NVIDIA GPUs there are and what can be read of them.

    Parameters
    ----------
    nvml : module, optional
        What to use in place of ``pynvml``.

    Returns
    -------
    state : NvmlState
        The devices, or why there are none.
    """
    try:
        with opened_nvml(nvml) as library:
            driver = nvml_answer(library, "nvmlSystemGetDriverVersion")
            visible = visible_gpus(library)
            devices = tuple(
                _device(library, index, handle, visible=index in visible)
                for index, handle in enumerate(nvml_handles(library))
            )
    except MeasurementError as error:
        return NvmlState(devices=(), driver_version=None, trouble=str(error))
    trouble = None if devices else "the NVIDIA driver shows no GPU"
    return NvmlState(devices=devices, driver_version=driver, trouble=trouble)


def nvml_handles(nvml: Any) -> tuple[Any, ...]:
    """Return the handles of all GPUs, in NVML's order.

    Parameters
    ----------
    nvml : module
        As `open_nvml` returns it.

    Returns
    -------
    handles : tuple
        What the functions of NVML take; None for a GPU that does not answer.
    """
    count = nvml_answer(nvml, "nvmlDeviceGetCount") or 0
    return tuple(
        nvml_answer(nvml, "nvmlDeviceGetHandleByIndex", index) for index in range(count)
    )


def visible_gpus(nvml: Any) -> tuple[int, ...]:
    """Return the numbers of the GPUs that this process may compute on.

    Parameters
    ----------
    nvml : module
        As `open_nvml` returns it.

    Returns
    -------
    indices : tuple of int
        Those that ``CUDA_VISIBLE_DEVICES`` names by number or by identity; all where
        it is not set.
    """
    handles = nvml_handles(nvml)
    variable = os.environ.get("CUDA_VISIBLE_DEVICES")
    if variable is None:
        return tuple(range(len(handles)))
    names = [name.strip() for name in variable.split(",") if name.strip()]
    found = []
    for index, handle in enumerate(handles):
        identity = nvml_answer(nvml, "nvmlDeviceGetUUID", handle) or ""
        if any(
            name == str(index)
            or (name.startswith("GPU-") and identity.startswith(name))
            for name in names
        ):
            found.append(index)
    return tuple(found)


def gpu_environment(nvml: Any = None) -> Mapping[str, object]:
    """Return what of the visible GPUs' settings may change a measurement.

    Parameters
    ----------
    nvml : module, optional
        What to use in place of ``pynvml``.

    Returns
    -------
    settings : mapping
        JSON values that stay the same while nobody changes a setting: driver, and per
        GPU name, short hash of its identity, limits of power and clock, ECC, MIG.

    Examples
    --------
    >>> sorted(gpu_environment())
    ['devices', 'driver']
    """
    try:
        with opened_nvml(nvml) as library:
            handles = nvml_handles(library)
            return {
                "driver": nvml_answer(library, "nvmlSystemGetDriverVersion"),
                "devices": [
                    _settings(library, handles[index])
                    for index in visible_gpus(library)
                ],
            }
    except MeasurementError:
        return {"driver": None, "devices": []}


def _device(nvml: Any, index: int, handle: Any, *, visible: bool) -> NvmlDevice:
    energy = nvml_answer(nvml, "nvmlDeviceGetTotalEnergyConsumption", handle)
    return NvmlDevice(
        index=index,
        name=nvml_answer(nvml, "nvmlDeviceGetName", handle) or "unknown GPU",
        uuid=nvml_answer(nvml, "nvmlDeviceGetUUID", handle) or "",
        energy_counter=energy is not None,
        power=nvml_answer(nvml, "nvmlDeviceGetPowerUsage", handle) is not None,
        mig=_mig(nvml, handle),
        visible=visible,
    )


def _mig(nvml: Any, handle: Any) -> bool | None:
    modes = nvml_answer(nvml, "nvmlDeviceGetMigMode", handle)
    return None if modes is None else bool(modes[0])


def _settings(nvml: Any, handle: Any) -> dict[str, object]:
    def ask(function: str, *arguments: object) -> Any:
        return nvml_answer(nvml, function, handle, *arguments)

    def watts(function: str) -> float | None:
        power_mw = ask(function)
        return None if power_mw is None else float(power_mw * MILLI)

    ecc = ask("nvmlDeviceGetEccMode")
    identity = ask("nvmlDeviceGetUUID") or ""
    return {
        "name": ask("nvmlDeviceGetName"),
        "identity": hashlib.sha256(identity.encode()).hexdigest()[:8],
        "power_limit_w": watts("nvmlDeviceGetEnforcedPowerLimit"),
        "default_power_limit_w": watts("nvmlDeviceGetPowerManagementDefaultLimit"),
        "largest_sm_clock_mhz": ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
        "largest_memory_clock_mhz": ask(
            "nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM
        ),
        "sm_clock_setting_mhz": ask(
            "nvmlDeviceGetApplicationsClock", nvml.NVML_CLOCK_SM
        ),
        "ecc": None if ecc is None else bool(ecc[0]),
        "mig": _mig(nvml, handle),
        "persistence": ask("nvmlDeviceGetPersistenceMode"),
    }
