"""What a measurement was made on: device, versions, threads, and the load beside it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.settings import Backend, Device
from predictor.hardware import this_cpu_name, this_hardware, usable_cores

PACKAGES = ("keras", "codecarbon", "jax", "jaxlib", "torch", "tensorflow", "numpy")
"""Packages whose versions decide what is measured."""

PROC = Path("/proc")
CPU_DIRECTORY = Path("/sys/devices/system/cpu/cpu0/cpufreq")

FOREIGN_SHARE = 0.05
"""Load of other processes, as share of all cores, from which a window is invalid."""

STEAL_SHARE = 0.01
"""Time a hypervisor took away, as share of all cores, from which it is invalid."""

CLOCK_GAP_S = 0.1
"""Difference of clocks over a window that means a suspend or a set clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSnapshot:
    """Counters of the machine at one moment.

    Parameters
    ----------
    busy_s, steal_s : float or None
        Processor seconds busy and stolen since boot, over all cores; None where the
        system does not tell.
    cores : int
        Number of cores the counters speak of.
    monotonic_s, wall_s, boot_s : float
        Three clocks in s: one that stands still in a suspend, the calendar's, and one
        that goes on in a suspend.
    own_cpu_s : float
        Processor seconds of this process.
    """

    busy_s: float | None
    steal_s: float | None
    cores: int
    monotonic_s: float
    wall_s: float
    boot_s: float
    own_cpu_s: float


def take_snapshot(own_cpu_s: float, *, proc: Path = PROC) -> LoadSnapshot:
    """Read the counters now.

    Parameters
    ----------
    own_cpu_s : float
        Processor seconds of this process so far.
    proc : Path, default=Path("/proc")
        Where the system's counters are.

    Returns
    -------
    snapshot : LoadSnapshot
        The counters.
    """
    busy_s = steal_s = None
    cores = os.cpu_count() or 1
    try:
        lines = (proc / "stat").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split()[0] for line in lines if line.startswith("cpu")]
    if names:
        tick = 1.0 / os.sysconf("SC_CLK_TCK")
        times = [int(field) * tick for field in lines[0].split()[1:9]]
        times += [0.0] * (8 - len(times))
        user, nice, system, _idle, _iowait, irq, softirq, steal = times
        busy_s, steal_s = user + nice + system + irq + softirq, steal
        cores = max(1, len(names) - 1)
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    monotonic_s = time.monotonic()
    return LoadSnapshot(
        busy_s=busy_s,
        steal_s=steal_s,
        cores=cores,
        monotonic_s=monotonic_s,
        wall_s=time.time(),
        boot_s=monotonic_s if boottime is None else time.clock_gettime(boottime),
        own_cpu_s=own_cpu_s,
    )


def disturbance(before: LoadSnapshot, after: LoadSnapshot) -> str | None:
    """Return why a window between two snapshots is not valid, or None.

    Parameters
    ----------
    before, after : LoadSnapshot
        At the window's edges.

    Returns
    -------
    reason : str or None
        The first reason found, with its number.

    Examples
    --------
    >>> from dataclasses import replace
    >>> start = LoadSnapshot(
    ...     busy_s=0.0,
    ...     steal_s=0.0,
    ...     cores=2,
    ...     monotonic_s=0.0,
    ...     wall_s=0.0,
    ...     boot_s=0.0,
    ...     own_cpu_s=0.0,
    ... )
    >>> end = replace(start, monotonic_s=1.0, wall_s=1.0, boot_s=1.0, own_cpu_s=1.5)
    >>> disturbance(start, replace(end, busy_s=1.55))
    >>> disturbance(start, replace(end, busy_s=1.9))
    'foreign load 20.0 % of the machine'
    """
    duration_s = after.monotonic_s - before.monotonic_s
    if abs((after.boot_s - before.boot_s) - duration_s) > CLOCK_GAP_S:
        return "the machine was suspended"
    if abs((after.wall_s - before.wall_s) - duration_s) > CLOCK_GAP_S:
        return "the clock was set"
    capacity_s = duration_s * after.cores
    if before.busy_s is None or after.busy_s is None or capacity_s <= 0:
        return None
    own_s = after.own_cpu_s - before.own_cpu_s
    foreign = (after.busy_s - before.busy_s - own_s) / capacity_s
    if foreign > FOREIGN_SHARE:
        return f"foreign load {100 * foreign:.1f} % of the machine"
    steal = ((after.steal_s or 0.0) - (before.steal_s or 0.0)) / capacity_s
    if steal > STEAL_SHARE:
        return f"stolen time {100 * steal:.1f} % of the machine"
    return None


def gpu_names() -> tuple[str, ...]:
    """Return the names of the NVIDIA GPUs, with driver version.

    Returns
    -------
    names : tuple of str
        Empty without a GPU or its driver.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(
            query, check=True, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())


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
        "gpus": list(gpu_names()) if device == "gpu" else [],
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
