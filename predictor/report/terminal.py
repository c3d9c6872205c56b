"""Text that a terminal shows as it is."""

from __future__ import annotations

import shutil

_NARROWEST = 40


def printable(text: str, longest: int = 200) -> str:
    r"""Drop what could steer a terminal; names come from files of strangers.

    Parameters
    ----------
    text : str
        Anything.
    longest : int, default=200
        Where to cut.

    Returns
    -------
    text : str
        Of printable characters only; ``~`` at the end says that it was cut.

    Examples
    --------
    >>> printable("net\x1b[31m"), printable("a long name", 6)
    ('net?[31m', 'a lon~')
    """
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "~"


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
