"""The environment in which trials run: variables, directories, limits."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from predictor.errors import MissingExtraError, UsageError

Backend = Literal["jax", "torch", "tensorflow"]
Device = Literal["cpu", "gpu"]

BACKENDS: tuple[Backend, ...] = get_args(Backend)
DEVICES: tuple[Device, ...] = get_args(Device)

BACKEND_VARIABLE = "KERAS_BACKEND"
DEVICE_VARIABLE = "WATT_AHEAD_DEVICE"
HOME_VARIABLE = "WATT_AHEAD_TRIAL_HOME"
SWEEP_VARIABLE = "WATT_AHEAD_SWEEP"
"""Set for the process that trials are forked from: who it works for."""

GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLimits:
    """What one trial may take.

    Parameters
    ----------
    wall_s : float, default=120.0
        Longest time in s; then the trial and all its children are killed.
    memory_bytes : int, default=8 GiB
        Most memory of its own.
    step_s : float, default=4.0
        Longest step in s; a slower configuration is given up after its cold part.
    """

    wall_s: float = 120.0
    memory_bytes: int = 8 * GIBIBYTE
    step_s: float = 4.0


ZOO_LIMITS = TrialLimits(wall_s=600.0, memory_bytes=12 * GIBIBYTE, step_s=15.0)
"""Real networks are few, slow to compile, and all wanted."""


def require_backend(backend: str) -> None:
    """Refuse a backend that is unknown or not installed.

    Parameters
    ----------
    backend : str
        Keras backend.

    Raises
    ------
    UsageError
        If it is none of `BACKENDS`.
    MissingExtraError
        If Keras, CodeCarbon or the backend is not installed.

    Examples
    --------
    >>> require_backend("theano")
    Traceback (most recent call last):
    predictor.errors.UsageError: --backend must be one of jax, torch, tensorflow; ...
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"--backend must be one of {', '.join(BACKENDS)}; got {backend!r}"
        )
    for package in ("keras", "codecarbon", backend):
        if importlib.util.find_spec(package) is None:
            wanted = backend if backend == "tensorflow" else f'"watt-ahead[{backend}]"'
            raise MissingExtraError(
                f"measuring with {backend} needs the package {package!r}, which is "
                f"not installed: pip install {wanted}"
            )


def trial_variables(
    *, backend: Backend, device: Device, home: str, threads: int
) -> Mapping[str, str | None]:
    """Return the environment variables of all trials; None removes one.

    Parameters
    ----------
    backend : {"jax", "torch", "tensorflow"}
        Keras backend.
    device : {"cpu", "gpu"}
        What computes.
    home : str
        An empty directory that stands in for the home and working directory, so that
        no configuration file changes a measurement.
    threads : int
        Threads of the libraries that ask for a number.

    Returns
    -------
    variables : mapping of str to str or None
        What to set and what to remove.

    Examples
    --------
    >>> variables = trial_variables(
    ...     backend="jax", device="cpu", home="/tmp/x", threads=2
    ... )
    >>> variables["KERAS_BACKEND"], variables["JAX_PLATFORMS"]
    ('jax', 'cpu')
    """
    variables: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("CODECARBON_")
    }
    variables |= {
        BACKEND_VARIABLE: backend,
        DEVICE_VARIABLE: device,
        HOME_VARIABLE: home,
        "HOME": home,
        "KERAS_HOME": home,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MALLOC_TRIM_THRESHOLD_": None,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "JAX_COMPILATION_CACHE_DIR": None,
        "XLA_FLAGS": None,
    }
    if device == "cpu":
        variables |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    elif backend == "jax":
        variables["JAX_PLATFORMS"] = "cuda,cpu"
    return variables
