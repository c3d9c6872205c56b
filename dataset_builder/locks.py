"""Kernel locks that end with their owner: one per data set, one per host."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from predictor.errors import InputFileError, UsageError
from predictor.measuring_lock import lock_status

LOCK_FILE = ".lock"
"""File inside a data set that is locked where its directory cannot be."""

PATIENCE_S = 1.0
"""Waiting this long for a lock is normal and silent."""

TURN_S = 30.0
COURTESY_S = 0.02
"""Pause after giving a lock up, in which those who wait for it get it."""


@contextlib.contextmanager
def owned_directory(directory: Path) -> Iterator[None]:
    """Hold a data set for oneself, or refuse at once.

    The lock is the kernel's, on the directory itself: it ends with its owner. Network
    file systems only lock what is open for writing, so there it is on a file inside.

    Parameters
    ----------
    directory : Path
        The data set.

    Yields
    ------
    nothing : None
        The directory is held within the block.

    Raises
    ------
    UsageError
        If another process holds it; names that process where the system tells.
    InputFileError
        If the directory cannot be opened or locked.
    """
    try:
        descriptor = _locked(directory)
    except BlockingIOError as error:
        raise UsageError(
            f"{directory}: another sweep is writing here{_holder(directory)}; "
            "wait for it, or give another --out"
        ) from error
    except OSError as error:
        raise InputFileError(f"{directory}: cannot be locked ({error})") from error
    try:
        yield
    finally:
        os.close(descriptor)


class HostLock:
    """The lock under which one process of a host measures at a time.

    It is held for a turn of several trials, then offered to those who wait.

    Parameters
    ----------
    path : Path
        Lock file, made where it is missing and never removed.
    say : callable
        Told once when waiting takes longer than a second.
    turn_s : float, default=30.0
        Length of a turn in s.
    """

    def __init__(
        self, path: Path, say: Callable[[str], None], *, turn_s: float = TURN_S
    ) -> None:
        self._path = path
        self._say = say
        self._turn_s = turn_s
        self._descriptor: int | None = None
        self._since_s = 0.0

    def acquire(self) -> None:
        """Hold the lock from here on; wait for it where the turn is over.

        Raises
        ------
        InputFileError
            If the lock file cannot be opened.
        """
        if self._descriptor is not None:
            if time.monotonic() - self._since_s < self._turn_s:
                return
            self.release()
            time.sleep(COURTESY_S)
        try:
            descriptor = _open(self._path)
        except OSError as error:
            raise InputFileError(
                f"{self._path}: the host lock cannot be opened ({error}); name "
                "another file in WATT_AHEAD_LOCK, the same one for all users"
            ) from error
        timer = threading.Timer(PATIENCE_S, self._tell)
        timer.daemon = True
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Blocking, not polling: the kernel serves those who wait in turn.
                timer.start()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        except BaseException:
            os.close(descriptor)
            raise
        finally:
            timer.cancel()
        self._descriptor, self._since_s = descriptor, time.monotonic()

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _tell(self) -> None:
        holder = _holder(self._path)
        self._say(f"waiting for another measurement{holder} ({self._path})")


def _locked(directory: Path) -> int:
    try:
        return _held(os.open(directory, os.O_RDONLY))
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
    return _held(os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644))


def _held(descriptor: int) -> int:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: Path) -> int:
    # Read-only where it is there: another user's file cannot be opened to write.
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)


def _holder(path: Path) -> str:
    status = lock_status(path)
    if status.pid is None:
        return ""
    command = f": {status.command}" if status.command else ""
    return f", process {status.pid}{command}"
