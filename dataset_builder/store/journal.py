"""Rows on disk: append-only, checksummed, safe against kills and full disks."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.dataset import row_checksum
from predictor.errors import InputFileError


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
    # A flipped byte may be a carriage return: only a line feed ends a line.
    lines = io.BytesIO(content) if end == len(content) else io.BytesIO(content[:end])
    for number, line in enumerate(lines, start=1):
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


def latest_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that count: of those with one `id`, the last.

    Nothing in a journal is edited; a row is corrected, or measured once more, by
    appending it again.

    Parameters
    ----------
    rows : iterable of mapping
        In the order of the file.

    Returns
    -------
    rows : list of dict
        One for each `id`, in the order of their first mention; rows without an `id`
        all count.

    Examples
    --------
    >>> latest_rows([{"id": "a", "n": 1}, {"id": "b"}, {"id": "a", "n": 2}])
    [{'id': 'a', 'n': 2}, {'id': 'b'}]
    """
    found: dict[object, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        found[row.get("id", number)] = dict(row)
    return list(found.values())


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
            raise InputFileError(
                f"{self.path}: a row cannot be written ({error}); make room and start "
                "again, the sweep goes on where it stopped"
            ) from error
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
    # Whole or not at all: on an error the file is as before, or not there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    length = 0
    try:
        length = os.fstat(descriptor).st_size
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        if not length:
            sync_directory(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, length)
            if not length:
                path.unlink()
        raise
    finally:
        os.close(descriptor)


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
