"""What an energy belongs to: device, backend, number format and meter."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MODELLED = "modelled"
"""The only meter name that reads no sensor."""

_CPU_INFO = Path("/proc/cpuinfo")
_NAME_KEYS = ("model name", "hardware", "cpu model", "model")  # by architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where an energy was measured; models are fitted to one at a time.

    Parameters
    ----------
    hardware : str
        Name of the device or devices.
    backend : str
        Framework that computed, such as ``"jax"``.
    dtype : str
        Number format of the computation, such as ``"float32"``.
    source : str
        Meter, such as ``"nvml"``; ``"modelled"`` where no sensor was read.

    Examples
    --------
    >>> here = Platform(hardware="X1", backend="jax", dtype="float32", source="rapl")
    >>> here.energy_source, here.label
    ('measured', 'X1, jax, float32, rapl')
    """

    hardware: str
    backend: str
    dtype: str
    source: str

    @property
    def energy_source(self) -> Literal["measured", "modelled"]:
        """Whether a sensor was read or a power model integrated."""
        return "modelled" if self.source == MODELLED else "measured"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The fields in order, to sort and to group by."""
        return self.hardware, self.backend, self.dtype, self.source

    @property
    def label(self) -> str:
        """The fields in one line, for people."""
        return ", ".join(self.key)

    @property
    def slug(self) -> str:
        """Backend, dtype and meter as part of a folder's name."""
        return "-".join((self.backend, self.dtype, self.source)).replace("+", "-")


def cpu_name(cpu_info: str) -> str | None:
    r"""Return the name of the processor in the text of ``/proc/cpuinfo``.

    Parameters
    ----------
    cpu_info : str
        Lines of ``key : value``.

    Returns
    -------
    name : str or None
        Name of the first processor as its vendor writes it, with single spaces; None
        where none is given.

    Examples
    --------
    >>> cpu_name("processor : 0\nmodel name : Some(R)  Core 9\n")
    'Some(R) Core 9'
    """
    values: dict[str, str] = {}
    for line in cpu_info.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            values.setdefault(key.strip().lower(), value.strip())
    for key in _NAME_KEYS:
        name = " ".join(values.get(key, "").split())
        if name and not name.isdigit():
            return name
    return None


def this_cpu_name() -> str:
    """Return the name of this machine's processor.

    Returns
    -------
    name : str
        As the vendor writes it; at least the architecture, such as ``"x86_64"``.

    Examples
    --------
    >>> this_cpu_name() != ""
    True
    """
    try:
        name = cpu_name(_CPU_INFO.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        name = None
    return name or platform.processor() or platform.machine() or "unknown processor"


def usable_cores() -> int:
    """Return the number of processor cores that this process may use.

    Returns
    -------
    cores : int
        At least 1.

    Examples
    --------
    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def this_hardware() -> str:
    """Return the name under which this machine's processor is measured.

    Returns
    -------
    hardware : str
        Processor and usable cores, such as ``"AMD EPYC (2 cores)"``: the same work on
        fewer cores takes other energy.

    Examples
    --------
    >>> this_hardware().startswith(this_cpu_name())
    True
    """
    cores = usable_cores()
    return f"{this_cpu_name()} ({cores} core{'' if cores == 1 else 's'})"
