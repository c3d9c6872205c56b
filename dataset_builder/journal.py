"""Rows on disk: append-only, checksummed, safe against kills and full disks."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.errors import DatasetError, InputFileError, UsageError

CHECKSUM_LENGTH = 12
"""Hexadecimal digits of a row's checksum: 48 bits find any flipped byte."""

PATIENCE_S = 1.0
"""Waiting this long for a lock is normal and silent."""

TURN_S = 30.0
COURTESY_S = 0.02
"""Pause after giving a lock up, in which those who wait for it get it."""


def row_checksum(row: Mapping[str, object]) -> str:
    """Return the checksum of a row, whatever its `checksum` says.

    Parameters
    ----------
    row : mapping
        A row.

    Returns
    -------
    checksum : str
        12 hexadecimal digits.

    Examples
    --------
    >>> row_checksum({"a": 1}) == row_checksum({"a": 1, "checksum": "anything"})
    True
    """
    content = {key: value for key, value in row.items() if key != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:CHECKSUM_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalContent:
    """What a journal file holds.

    Parameters
    ----------
    rows : tuple of dict
        Intact rows, in order.
    damaged : tuple of int
        One-based numbers of lines that are no JSON or fail their checksum.
    torn : bytes
        An unfinished last line, left by a kill; empty where there is none.
    intact_bytes : int
        Length of the file without the torn line.
    """

    rows: tuple[dict[str, Any], ...]
    damaged: tuple[int, ...]
    torn: bytes
    intact_bytes: int


def read_journal(path: Path) -> JournalContent:
    """Read a journal, without changing it.

    Parameters
    ----------
    path : Path
        JSON Lines; a missing file is an empty journal.

    Returns
    -------
    content : JournalContent
        Intact rows, and what is wrong.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error})") from error
    end = content.rfind(b"\n") + 1
    rows, damaged = [], []
    for number, line in enumerate(content[:end].splitlines(), start=1):
        row = _parsed(line)
        if row is None:
            damaged.append(number)
        else:
            rows.append(row)
    return JournalContent(
        rows=tuple(rows),
        damaged=tuple(damaged),
        torn=content[end:],
        intact_bytes=end,
    )


class Journal:
    """A file of rows open for appending; one line and one fsync per row.

    Opening sets a torn last line aside into a file of the same name and ``.torn``.

    Parameters
    ----------
    path : Path
        JSON Lines file, made where it is missing.

    Attributes
    ----------
    content : JournalContent
        What was there on opening.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = read_journal(path)
        try:
            if self.content.torn:
                _append(path.with_name(path.name + ".torn"), self.content.torn + b"\n")
                with path.open("r+b") as stream:
                    stream.truncate(self.content.intact_bytes)
                    os.fsync(stream.fileno())
            self._length = self.content.intact_bytes
        except OSError as error:
            raise InputFileError(f"{path}: cannot be written ({error})") from error

    def append(self, row: Mapping[str, object]) -> dict[str, object]:
        """Add a row and wait until it is on the disk.

        Parameters
        ----------
        row : mapping
            JSON values; its checksum is added.

        Returns
        -------
        row : dict
            What was written.

        Raises
        ------
        InputFileError
            If it cannot be written; the file is left as it was.
        """
        written = dict(row) | {"checksum": row_checksum(row)}
        line = json.dumps(written, separators=(",", ":"), allow_nan=False) + "\n"
        try:
            _append(self.path, line.encode())
        except OSError as error:
            with contextlib.suppress(OSError), self.path.open("r+b") as stream:
                stream.truncate(self._length)
            raise InputFileError(
                f"{self.path}: a row cannot be written ({error}); make room and start "
                "again, the sweep goes on where it stopped"
            ) from error
        self._length += len(line.encode())
        return written


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that either the old or the new content is there.

    Parameters
    ----------
    path : Path
        Where; its directory exists.
    text : str
        What.

    Raises
    ------
    InputFileError
        If it cannot be written; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputFileError(f"{path}: cannot be written ({error})") from error


def read_manifest(directory: Path) -> dict[str, Any] | None:
    """Read a data set's manifest.

    Parameters
    ----------
    directory : Path
        The data set.

    Returns
    -------
    manifest : dict or None
        None where there is none.

    Raises
    ------
    DatasetError
        If it is no JSON object.
    """
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    if not isinstance(manifest, dict):
        raise DatasetError(f"{path}: must be a JSON object")
    return manifest


@contextlib.contextmanager
def owned_directory(directory: Path) -> Iterator[None]:
    """Hold a data set for oneself, or refuse at once.

    The lock is the kernel's, on the directory itself: it ends with its owner.

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
        If another process holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{directory}: another sweep is writing here; wait for it, or give "
                "another --out"
            ) from error
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
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputFileError(
                f"{self._path}: the host lock cannot be opened ({error}); name "
                "another file in WATT_AHEAD_LOCK, the same one for all users"
            ) from error
        note = f"waiting for another measurement ({self._path})"
        timer = threading.Timer(PATIENCE_S, self._say, [note])
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


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or row.get("checksum") != row_checksum(row):
        return None
    return row


def _append(path: Path, content: bytes) -> None:
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
