"""What this machine is: its processor, and whether it is virtual or a container."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from predictor.doctor.check import Check, Fix
from predictor.hardware import this_cpu_name, this_hardware, usable_cores

ROOT = Path("/")

_NVIDIA_VENDOR = "0x10de"
_DISPLAY_CLASS = "0x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What decides which advice fits.

    Parameters
    ----------
    system : str
        Operating system, such as ``"Linux"``.
    is_x86 : bool
        Whether the processor is of Intel's or AMD's architecture.
    is_virtual : bool
        Whether a hypervisor runs below.
    is_container : bool
        Whether this is a container.
    has_nvidia_card : bool
        Whether an NVIDIA GPU is on the bus, with or without a driver.
    has_nvidia_driver : bool
        Whether NVIDIA's kernel module is loaded.
    """

    system: str
    is_x86: bool
    is_virtual: bool
    is_container: bool
    has_nvidia_card: bool
    has_nvidia_driver: bool


def look_around(root: Path = ROOT) -> Surroundings:
    """Return what this machine is.

    Parameters
    ----------
    root : Path, default=Path("/")
        Where the file system begins.

    Returns
    -------
    surroundings : Surroundings
        As far as the system tells.
    """
    flags = text_of(root / "proc/cpuinfo").split()
    marks = (".dockerenv", "run/.containerenv", "run/systemd/container")
    return Surroundings(
        system=platform.system(),
        is_x86=platform.machine().lower() in ("x86_64", "amd64", "i686"),
        is_virtual="hypervisor" in flags,
        is_container=any((root / mark).exists() for mark in marks),
        has_nvidia_card=any(_nvidia_cards(root)),
        has_nvidia_driver=(root / "proc/driver/nvidia/version").exists(),
    )


def check_processor(root: Path = ROOT) -> Check:
    """Name the processor as rows of measurements do.

    Parameters
    ----------
    root : Path, default=Path("/")
        Where the file system begins.

    Returns
    -------
    check : Check
        A note where a quota gives less than the cores that are seen.
    """
    cores, quota = usable_cores(), smallest_quota(root)
    facts = {
        "hardware": this_hardware(),
        "cpu": this_cpu_name(),
        "cores": cores,
        "quota_cores": quota,
    }
    finding = f"{this_hardware()}, as rows of a sweep name it"
    if quota is None or quota >= cores:
        return Check(name="processor", state="ok", finding=finding, facts=facts)
    return Check(
        name="processor",
        state="note",
        finding=(
            f"{finding}; but a quota gives this process the time of {quota:g} "
            "cores, so times depend on when it is held up"
        ),
        fixes=(
            Fix(
                purpose="give whole cores in place of a quota, with Docker",
                command=f"docker run --cpuset-cpus 0-{max(0, int(quota) - 1)} ...",
            ),
        ),
        facts=facts,
    )


def smallest_quota(root: Path = ROOT) -> float | None:
    """Return how many cores' time this process may use.

    Parameters
    ----------
    root : Path, default=Path("/")
        Where the file system begins.

    Returns
    -------
    cores : float or None
        None without a quota.
    """
    quotas = []
    for folder in control_groups(root):
        quota, _, period = text_of(folder / "cpu.max").strip().partition(" ")
        if quota.isdecimal() and period.isdecimal() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def control_groups(root: Path = ROOT) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in.

    Parameters
    ----------
    root : Path, default=Path("/")
        Where the file system begins.

    Yields
    ------
    folder : Path
        The innermost first; none where the system has no such groups.
    """
    top = root / "sys/fs/cgroup"
    for line in text_of(root / "proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            parts = [part for part in line[3:].split("/") if part not in ("", "..")]
            for length in range(len(parts), -1, -1):
                yield top.joinpath(*parts[:length])


def text_of(path: Path) -> str:
    """Return the text of a system's file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    text : str
        Empty where it cannot be read.

    Examples
    --------
    >>> text_of(Path("no such file"))
    ''
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _nvidia_cards(root: Path) -> Iterator[Path]:
    for vendor in sorted((root / "sys/bus/pci/devices").glob("*/vendor")):
        kind = text_of(vendor.with_name("class"))
        if text_of(vendor).strip() == _NVIDIA_VENDOR and kind.startswith(
            _DISPLAY_CLASS
        ):
            yield vendor.parent
