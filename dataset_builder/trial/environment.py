"""What a measurement was made on: device, versions, threads."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dataset_builder.settings import Backend, Device
from predictor.hardware import this_cpu_name, this_hardware, usable_cores
from predictor.sensors import gpu_environment, nvml_state

PACKAGES = ("keras", "codecarbon", "jax", "jaxlib", "torch", "tensorflow", "numpy")
"""Packages whose versions decide what is measured."""

CPU_DIRECTORY = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def gpu_names() -> tuple[str, ...]:
    """Return the names of the NVIDIA GPUs to compute on, with driver version.

    Returns
    -------
    names : tuple of str
        Empty without a GPU or its driver.
    """
    state = nvml_state()
    return tuple(
        f"{gpu.name}, {state.driver_version}" for gpu in state.devices if gpu.visible
    )


def host_hash() -> str:
    """Return a short hash that tells hosts apart without naming them.

    Returns
    -------
    host : str
        8 hexadecimal digits.
    """
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def hardware_name(device: Device) -> str:
    """Return the name of the computing device, as rows give it.

    Parameters
    ----------
    device : {"cpu", "gpu"}
        What computes.

    Returns
    -------
    name : str
        Such as ``"AMD EPYC (2 cores)"``.
    """
    if device == "gpu":
        names = gpu_names()
        return names[0].split(",")[0] if names else "unknown GPU"
    return this_hardware()


def describe_environment(backend: Backend, device: Device) -> Mapping[str, object]:
    """Return everything about machine and software that may change a measurement.

    Parameters
    ----------
    backend : {"jax", "torch", "tensorflow"}
        Keras backend.
    device : {"cpu", "gpu"}
        What computes.

    Returns
    -------
    environment : mapping
        JSON values; `environment_sha256` of it identifies it.
    """
    return {
        "hardware": hardware_name(device),
        "device": device,
        "backend": backend,
        "cpu": this_cpu_name(),
        "cores": usable_cores(),
        "threads": usable_cores(),
        "memory_bytes": _memory_bytes(),
        "gpus": gpu_environment() if device == "gpu" else None,
        "governor": _text(CPU_DIRECTORY / "scaling_governor"),
        "largest_frequency_khz": _text(CPU_DIRECTORY / "cpuinfo_max_freq"),
        "system": platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "host": host_hash(),
    }


def environment_sha256(environment: Mapping[str, object]) -> str:
    """Return the content hash of an environment.

    Parameters
    ----------
    environment : mapping
        As `describe_environment` returns it.

    Returns
    -------
    digest : str
        SHA-256 in hexadecimal.

    Examples
    --------
    >>> len(environment_sha256({"cores": 2}))
    64
    """
    text = json.dumps(environment, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Return what differs between two descriptions, however deep inside.

    Parameters
    ----------
    old, new : mapping
        JSON values, such as environments.

    Returns
    -------
    differences : list of str
        One sentence part for each value, by its path.

    Examples
    --------
    >>> differences({"cores": 2, "gpus": [{"ecc": True}]}, {"gpus": [{"ecc": False}]})
    ['cores was 2, is None', 'gpus.0.ecc was True, is False']
    """
    before, now = dict(_values(old)), dict(_values(new))
    return [
        f"{path} was {before.get(path)!r}, is {now.get(path)!r}"
        for path in sorted({*before, *now})
        if before.get(path) != now.get(path)
    ]


def _values(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    inside: Iterable[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        inside = enumerate(value)
    else:
        yield path, value
    for key, item in inside:
        yield from _values(item, f"{path}.{key}" if path else f"{key}")


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
