"""How untrusted files are opened and parsed: what is refused, and in which words."""

import json
import math
import os
import stat
from typing import IO, Any

from predictor.errors import InputFileError

LARGEST_FILE_BYTES = 64 * 2**20
"""EfficientNetB7, one of the largest descriptions, has 0.8 MB."""
DEEPEST_JSON = 100
MOST_LAYERS = 100_000
LONGEST_NAME = 1_000

_CONTAINERS = frozenset({dict, list, tuple})


def open_regular_file(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading, refusing what is no regular file.

    Parameters
    ----------
    path : str or path-like
        Where the file is.

    Returns
    -------
    file : binary file
        To be closed by the caller.

    Raises
    ------
    InputFileError
        If it is missing, unreadable, empty, a directory, a pipe or a device.

    Examples
    --------
    >>> open_regular_file("no/such/file.json")
    Traceback (most recent call last):
    predictor.errors.InputFileError: cannot read 'no/such/file.json': No such file ...
    """
    shown = os.fspath(path)
    # Opening a pipe would wait for its other end; O_NONBLOCK does not.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputFileError(
                f"cannot read {shown!r}: it is not a regular file; give a .json or "
                ".keras file"
            )
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except InputFileError:
        raise  # also a ValueError, and already a sentence
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputFileError(
            f"cannot read {shown!r}: {reason}; check the path"
        ) from error
    file = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise InputFileError(f"cannot read {shown!r}: it is not a regular file")
    if status.st_size == 0:
        file.close()
        raise InputFileError(f"cannot read {shown!r}: the file is empty")
    return file


def read_capped(file: IO[bytes], where: str) -> bytes:
    """Read a whole file of at most `LARGEST_FILE_BYTES`.

    Parameters
    ----------
    file : binary file
        Positioned at its beginning.
    where : str
        Name of the file, for the message.

    Returns
    -------
    content : bytes
        All of it.

    Raises
    ------
    InputFileError
        If it is larger; then no more than the limit has been read.

    Examples
    --------
    >>> import io
    >>> read_capped(io.BytesIO(b"{}"), "net.json")
    b'{}'
    """
    try:
        size = os.fstat(file.fileno()).st_size
    except (OSError, AttributeError):  # not a file of the system, such as in a zip
        size = 0
    content = b""
    if size <= LARGEST_FILE_BYTES:
        content = file.read(LARGEST_FILE_BYTES + 1)
        size = len(content)
    if size > LARGEST_FILE_BYTES:
        raise InputFileError(
            f"cannot read {where!r}: it is larger than "
            f"{LARGEST_FILE_BYTES // 2**20} MiB; a network description has no weights "
            "and is far smaller"
        )
    return content


def parse_json(content: bytes, where: str) -> object:
    """Parse JSON text, refusing everything whose meaning is not certain.

    Parameters
    ----------
    content : bytes
        UTF-8, a byte order mark allowed.
    where : str
        Name of the file, for the message.

    Returns
    -------
    value : object
        Nested at most `DEEPEST_JSON` levels, all numbers finite.

    Raises
    ------
    InputFileError
        If it is no JSON, holds a key twice, a number that is not finite or has
        thousands of digits, or is nested too deeply.

    Examples
    --------
    >>> parse_json(b'{"a": 1}', "net.json")
    {'a': 1}
    >>> parse_json(b'{"a": 1, "a": 2}', "net.json")
    Traceback (most recent call last):
    predictor.errors.InputFileError: cannot read 'net.json': key 'a' stands twice ...
    """

    def refuse(message: str) -> InputFileError:
        return InputFileError(f"cannot read {where!r}: {message}")

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(items)
        if len(found) != len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise refuse(f"key {twice!r:.60} stands twice in one object; remove one")
        return found

    def real(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise refuse(f"the number {text:.30} is too large; numbers must be finite")
        return number

    def constant(text: str) -> float:
        raise refuse(f"the number {text} is not allowed; numbers must be finite")

    try:
        value = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=pairs,
            parse_float=real,
            parse_constant=constant,
        )
    except InputFileError:
        raise
    except UnicodeDecodeError as error:
        raise refuse(
            f"byte {error.start} is not UTF-8; give a JSON or .keras file"
        ) from error
    except json.JSONDecodeError as error:
        raise refuse(
            f"no valid JSON at line {error.lineno}, column {error.colno} "
            f"({error.msg}); the file may be cut off"
        ) from error
    except ValueError as error:
        raise refuse(
            "an integer has thousands of digits; sizes must be below 2**63"
        ) from error
    except RecursionError as error:
        raise refuse(f"nested deeper than {DEEPEST_JSON} levels") from error
    check_depth(value, where)
    return value


def check_depth(value: object, where: str) -> None:
    """Refuse a JSON value that is nested too deeply.

    Parameters
    ----------
    value : object
        A parsed JSON value.
    where : str
        Name of the file, for the message.

    Raises
    ------
    InputFileError
        If lists and objects are nested deeper than `DEEPEST_JSON` levels.

    Examples
    --------
    >>> check_depth({"a": [1, 2]}, "net.json")
    """
    level: list[Any] = [value] if type(value) in _CONTAINERS else []
    for _ in range(DEEPEST_JSON):
        if not level:
            return
        level = [
            inside
            for outer in level
            for inside in (outer.values() if type(outer) is dict else outer)
            if type(inside) in _CONTAINERS
        ]
    if level:
        raise InputFileError(
            f"cannot read {where!r}: nested deeper than {DEEPEST_JSON} levels"
        )
