"""The lock under which a host measures: where it is, and who holds it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOCK_VARIABLE = "WATT_AHEAD_LOCK"
"""Environment variable that names another lock file."""

PROC = Path("/proc")

_LONGEST_COMMAND = 200

LockState = Literal["free", "held", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStatus:
    """What is known of a lock without taking it.

    Parameters
    ----------
    path : Path
        The lock file.
    state : {"free", "held", "unknown"}
        ``free`` also where the file does not exist yet.
    pid : int, optional
        The process that took it; None where the system does not tell.
    command : str, optional
        That process' command line; None where it cannot be read.
    reason : str, optional
        Why the state is unknown.
    """

    path: Path
    state: LockState
    pid: int | None = None
    command: str | None = None
    reason: str | None = None


def host_lock_path() -> Path:
    """Return the file under whose lock this host measures.

    Returns
    -------
    path : Path
        The value of ``WATT_AHEAD_LOCK``, or a file in the temporary directory.
    """
    usual = Path(tempfile.gettempdir(), "watt-ahead-measuring.lock")
    return Path(os.environ.get(LOCK_VARIABLE) or usual)


def lock_status(path: Path, *, proc: Path = PROC) -> LockStatus:
    """Tell whether a lock is held now, and by whom.

    The file is neither made nor changed, and nothing waits. A free lock is shared for
    a moment to see that it is free; who asks for it just then gets it right after.

    Parameters
    ----------
    path : Path
        The lock file.
    proc : Path, default=Path("/proc")
        Where the system lists processes and locks.

    Returns
    -------
    status : LockStatus
        The state, with the owner's process where the system tells.

    Examples
    --------
    >>> lock_status(Path("no such folder", "lock")).state
    'free'
    """
    try:
        import fcntl
    except ImportError:
        return LockStatus(
            path=path, state="unknown", reason="this system has no such locks"
        )
    try:
        # Without waiting even where somebody put a pipe there.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return LockStatus(path=path, state="free")
    except OSError as error:
        return LockStatus(path=path, state="unknown", reason=error.strerror)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _owner(os.fstat(descriptor), proc)
        return LockStatus(path=path, state="held", pid=pid, command=_command(pid, proc))
    except OSError as error:
        return LockStatus(path=path, state="unknown", reason=error.strerror)
    finally:
        os.close(descriptor)
    return LockStatus(path=path, state="free")


def _owner(file: os.stat_result, proc: Path) -> int | None:
    """Find the owner in lines such as ``1: FLOCK ADVISORY WRITE 42 fe:00:99 0 EOF``."""
    try:
        lines = (proc / "locks").read_text().splitlines()
    except OSError:
        return None
    owners: dict[str, int] = {}
    for line in lines:
        fields = line.split()  # a second field "->" is somebody who waits
        if len(fields) > 5 and fields[1] == "FLOCK":
            device, _, inode = fields[5].rpartition(":")
            if inode == str(file.st_ino):
                owners[device] = int(fields[4])
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
    if device not in owners and len(owners) == 1:
        # Layered file systems tell programs another device than they tell here.
        (device,) = owners
    pid = owners.get(device, 0)
    return pid if pid > 0 else None  # 0: a process outside this container


def _command(pid: int | None, proc: Path) -> str | None:
    if pid is None:
        return None
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it ended, and a child of it holds the lock
        return None
    text = b" ".join(words).decode(errors="replace")
    return " ".join(text.split())[:_LONGEST_COMMAND] or None
