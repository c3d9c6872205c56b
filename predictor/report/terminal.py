"""Text that a terminal shows as it is."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import TextIO

_NARROWEST = 40


def printable(text: str, longest: int = 200) -> str:
    r"""Drop what could steer a terminal; names come from files of strangers.

    Parameters
    ----------
    text : str
        Anything.
    longest : int, default=200
        Columns of a terminal after which to cut; some letters take two.

    Returns
    -------
    text : str
        Of printable characters only; ``~`` at the end says that it was cut.

    Examples
    --------
    >>> printable("net\x1b[31m"), printable("a long name", 6)
    ('net?[31m', 'a lon~')
    >>> len(printable("\N{CJK UNIFIED IDEOGRAPH-5C42}" * 9, 6))
    3
    """
    shown = "".join(char if char.isprintable() else "?" for char in text)
    if shown.isascii():
        return shown if len(shown) <= longest else shown[: longest - 1] + "~"
    ends = list(accumulate(map(_columns, shown)))
    if not ends or ends[-1] <= longest:
        return shown
    return shown[: bisect_right(ends, longest - 1)] + "~"


def _columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def colour_wanted(stream: TextIO) -> bool:
    """Return whether what is written to a stream may have colours.

    Parameters
    ----------
    stream : text file
        Such as ``sys.stdout``.

    Returns
    -------
    wanted : bool
        Only a terminal's, unless ``FORCE_COLOR`` is set; never with ``NO_COLOR``
        (https://no-color.org) or on a terminal that calls itself dumb.

    Examples
    --------
    >>> import io
    >>> colour_wanted(io.StringIO())
    False
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def terminal_width() -> int:
    """Return how many columns there are to write in.

    Returns
    -------
    columns : int
        The terminal's, or ``COLUMNS``, or 80; never fewer than 40.

    Examples
    --------
    >>> terminal_width() >= 40
    True
    """
    return max(_NARROWEST, shutil.get_terminal_size((80, 24)).columns)


def table_width() -> int | None:
    """Return how wide a table may be.

    Returns
    -------
    columns : int or None
        The terminal's; None where stdout is a file or a pipe, which takes any.
    """
    return terminal_width() if sys.stdout.isatty() else None


def wrapped(text: str) -> list[str]:
    """Break a text between words at the width of the terminal.

    Parameters
    ----------
    text : str
        A sentence or a few.

    Returns
    -------
    lines : list of str
        Only a word that is too long by itself is broken.

    Examples
    --------
    >>> wrapped("in one line")
    ['in one line']
    """
    return textwrap.wrap(text, terminal_width(), break_on_hyphens=False)
