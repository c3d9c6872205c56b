"""Whether one could measure well right now: lock, load, clock, memory, disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from predictor.doctor.check import Check, Fix
from predictor.doctor.machine import ROOT, control_groups, text_of
from predictor.hardware import usable_cores
from predictor.measuring_lock import LOCK_VARIABLE, LockStatus

GIBIBYTE = 1024**3

BUSY_SHARE = 0.2
"""Load average per core from which others are likely to spoil windows."""

LEAST_MEMORY_BYTES = 4 * GIBIBYTE
"""The largest networks of a sweep take about 3 GiB."""

LEAST_DISK_BYTES = GIBIBYTE


def check_lock(status: LockStatus) -> Check:
    """Say whether this host is free to measure.

    Parameters
    ----------
    status : LockStatus
        What is known of the lock.

    Returns
    -------
    check : Check
        With how to name another lock.
    """
    facts = {
        "path": str(status.path),
        "state": status.state,
        "pid": status.pid,
        "command": status.command,
    }
    refusal = status.reason or _refusal(status.path)
    another = Fix(
        purpose="name another lock, the same one for all who measure here",
        command=f"export {LOCK_VARIABLE}=/path/to/lock",
    )
    if refusal is not None:
        return Check(
            name="measuring_lock",
            state="missing",
            finding=f"{status.path} cannot be used ({refusal})",
            fixes=(another,),
            facts=facts,
        )
    if status.state == "free":
        return Check(
            name="measuring_lock",
            state="ok",
            finding=f"{status.path} is free ({LOCK_VARIABLE} names another)",
            facts=facts,
        )
    owner = "another process" if status.pid is None else f"process {status.pid}"
    if status.command is not None:
        owner += f": {status.command}"
    return Check(
        name="measuring_lock",
        state="note",
        finding=(
            f"{status.path} is held by {owner}; a sweep waits for its turn, as two "
            f"measurements at once spoil each other ({LOCK_VARIABLE} names another)"
        ),
        facts=facts,
    )


def _refusal(path: Path) -> str | None:
    """Return why a sweep could not open the lock, or None."""
    if path.exists():
        return None if os.access(path, os.R_OK) else "not readable"
    if not path.parent.is_dir():
        return "its folder does not exist"
    return None if os.access(path.parent, os.W_OK) else "its folder is not writable"


def check_load(averages: tuple[float, float, float] | None = None) -> Check:
    """Say how busy the machine is.

    Parameters
    ----------
    averages : tuple of float, optional
        Load averages over 1, 5 and 15 minutes; by default the system's.

    Returns
    -------
    check : Check
        A note where others leave too little rest to measure.

    Examples
    --------
    >>> check_load((0.0, 0.0, 0.0)).state
    'ok'
    """
    cores = usable_cores()
    if averages is None:
        try:
            averages = os.getloadavg()
        except (AttributeError, OSError):
            return Check(
                name="load",
                state="note",
                finding=f"this system tells no load average ({cores} cores)",
                facts={"load_averages": None, "cores": cores},
            )
    is_busy = averages[0] > BUSY_SHARE * cores
    finding = "load average {:.2f}, {:.2f}, {:.2f}".format(*averages)
    finding += f" on {cores} core{'' if cores == 1 else 's'}"
    if is_busy:
        finding += (
            "; windows in which others take over 5 % of the machine are repeated, so "
            "a sweep will be slow"
        )
    return Check(
        name="load",
        state="note" if is_busy else "ok",
        finding=finding,
        facts={"load_averages": list(averages), "cores": cores},
    )


def check_governor(root: Path = ROOT) -> Check:
    """Say who sets the processor's clock.

    Parameters
    ----------
    root : Path, default=Path("/")
        Where the file system begins.

    Returns
    -------
    check : Check
        A note where the clock follows the load.
    """
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    governors = sorted({text_of(path).strip() for path in files} - {""})
    facts: dict[str, object] = {"governors": governors}
    if not governors:
        return Check(
            name="governor",
            state="ok",
            finding="the system names none; virtual machines mostly do not",
            facts=facts,
        )
    if governors == ["performance"]:
        return Check(name="governor", state="ok", finding="performance", facts=facts)
    return Check(
        name="governor",
        state="note",
        finding=f"{', '.join(governors)}: the clock follows the load, so times vary",
        fixes=(
            Fix(
                purpose="for steadier times, until the next start of the machine",
                command=(
                    "echo performance |\n"
                    "  sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
                ),
            ),
        ),
        facts=facts,
    )


def check_memory(root: Path = ROOT) -> Check:
    """Say how much memory is left for a trial.

    Parameters
    ----------
    root : Path, default=Path("/")
        Where the file system begins.

    Returns
    -------
    check : Check
        A note where large networks would not fit.
    """
    import psutil

    memory = psutil.virtual_memory()
    available = min([int(memory.available), *_left_in_groups(root)])
    is_little = available < LEAST_MEMORY_BYTES
    finding = f"{available / GIBIBYTE:.1f} of {memory.total / GIBIBYTE:.1f} GiB free"
    if is_little:
        finding += "; a sweep's largest networks take about 3 GiB and will fail"
    return Check(
        name="memory",
        state="note" if is_little else "ok",
        finding=finding,
        facts={"available_bytes": available, "total_bytes": int(memory.total)},
    )


def _left_in_groups(root: Path) -> list[int]:
    left = []
    for folder in control_groups(root):
        limit = text_of(folder / "memory.max").strip()
        used = text_of(folder / "memory.current").strip()
        if limit.isdecimal() and used.isdecimal():
            left.append(max(0, int(limit) - int(used)))
    return left


def check_disk(folder: Path | None = None) -> Check:
    """Say how much room there is for a data set.

    Parameters
    ----------
    folder : Path, optional
        Where it would be; by default the working directory.

    Returns
    -------
    check : Check
        A note where there is little.
    """
    try:
        where = Path.cwd() if folder is None else folder
        free = shutil.disk_usage(where).free
    except OSError as error:
        return Check(
            name="disk",
            state="note",
            finding=f"the working directory cannot be looked at ({error.strerror})",
            facts={"free_bytes": None},
        )
    is_little = free < LEAST_DISK_BYTES
    finding = f"{free / GIBIBYTE:.1f} GiB free in {where}"
    if is_little:
        finding += "; that may not do for a data set and its log"
    return Check(
        name="disk",
        state="note" if is_little else "ok",
        finding=finding,
        facts={"free_bytes": free},
    )
