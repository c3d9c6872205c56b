"""What a training runs on, asked of frameworks that are imported already."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from typing import Any

from predictor import __version__
from predictor.errors import ArchitectureError
from predictor.forecasting.counters import Device
from predictor.hardware import this_hardware
from predictor.sensors import nvml_state

_GPUS = ("gpu", "cuda", "rocm")
_WRAPPERS = {
    "DistributedDataParallel": "module",
    "DataParallel": "module",
    "OptimizedModule": "_orig_mod",
}
"""Where PyTorch's wrappers keep what they wrap."""

_FRAMEWORKS = ("jax", "torch", "tensorflow")


def unwrapped(network: Any) -> Any:
    """Return the network inside what only spreads or compiles it.

    Parameters
    ----------
    network : object
        Such as PyTorch's ``DistributedDataParallel``, whose parts all processes call
        together: one alone would wait for ever.

    Returns
    -------
    network : object
        The module inside, or what was given.

    Raises
    ------
    ArchitectureError
        If its weights are spread over processes, so that one alone cannot trace it.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(network, torch.nn.Module):
        return network
    while type(network).__name__ in _WRAPPERS:
        network = getattr(network, _WRAPPERS[type(network).__name__])
    if any(type(one).__name__ == "DTensor" for one in network.parameters()) or any(
        type(one).__name__.startswith(("FSDP", "FullySharded"))
        for one in network.modules()
    ):
        raise ArchitectureError(
            f"the weights of {type(network).__name__!r} are spread over processes; "
            "give the network as it was before"
        )
    return network


def backend_of(network: object) -> str:
    """Return the name of the framework that computes.

    Parameters
    ----------
    network : object
        A Keras model, a PyTorch module, or a description of either.

    Returns
    -------
    backend : str
        ``unknown`` for a description where not exactly one is imported.
    """
    keras, torch = sys.modules.get("keras"), sys.modules.get("torch")
    if keras is not None and isinstance(network, keras.Model):
        return str(keras.backend.backend())
    if torch is not None and isinstance(network, torch.nn.Module):
        return "torch"
    found = [name for name in _FRAMEWORKS if name in sys.modules]
    return found[0] if len(found) == 1 else "unknown"


def device_of(backend: str) -> Device:
    """Return what computes.

    Parameters
    ----------
    backend : str
        As of `backend_of`.

    Returns
    -------
    device : {"cpu", "gpu", "other"}
        The processor where the framework has not begun to use another device.
    """
    framework: Any = sys.modules.get(backend)
    if backend == "torch" and framework is not None:
        return "gpu" if framework.cuda.is_initialized() else "cpu"
    if backend == "jax" and framework is not None:
        name = str(framework.default_backend())
        return "cpu" if name == "cpu" else "gpu" if name in _GPUS else "other"
    if backend == "tensorflow" and framework is not None:
        return "gpu" if framework.config.list_logical_devices("GPU") else "cpu"
    return "cpu" if backend == "unknown" else "other"


def hardware_name(device: Device) -> str:
    """Return the name of what computes, as rows of this machine have it.

    Parameters
    ----------
    device : {"cpu", "gpu", "other"}
        What computes.

    Returns
    -------
    hardware : str
        Such as ``"AMD EPYC (2 cores)"`` or ``"NVIDIA H200"``.
    """
    if device == "cpu":
        return this_hardware()
    names = [one.name for one in nvml_state().devices if one.visible]
    return names[0] if names and device == "gpu" else f"unknown {device} device"


def versions_of(backend: str) -> Mapping[str, str]:
    """Return the versions of what computes.

    Parameters
    ----------
    backend : str
        As of `backend_of`.

    Returns
    -------
    versions : mapping of str to str
        Of this package, Python and the frameworks in use.
    """
    versions = {"watt-ahead": __version__, "python": platform.python_version()}
    for name in ("keras", backend):
        if name in sys.modules:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
    return versions
