"""Rows on disk: append-only, checksummed, safe against kills and full disks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.errors import InputFileError

CHECKSUM_LENGTH = 12
"""Hexadecimal digits of a row's checksum: 48 bits find any flipped byte."""


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
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Wait until a directory's entries are on the disk.

    Parameters
    ----------
    directory : Path
        The directory.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
