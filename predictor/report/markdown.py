"""Markdown of which no part can be a command, whatever a stranger's file is named."""

from __future__ import annotations

import re
from collections.abc import Sequence

from predictor.report.terminal import printable

_HARMLESS = re.compile(r"[\w ./+=,:~()\[\]{}*#'!?;%^$-]*", re.ASCII)
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,:;()'/%+-]*")
_PLAIN = re.compile(r"[A-Za-z0-9 /-]")


def code(text: str, longest: int = 100) -> str:
    """Write untrusted text as code, in which nothing is a link, a mention or HTML.

    Parameters
    ----------
    text : str
        Anything.
    longest : int, default=100
        Where to cut.

    Returns
    -------
    markdown : str
        On one line; fit for a table's cell.

    Examples
    --------
    >>> code("nets/small.json")
    '`nets/small.json`'
    >>> code("@all <b>|`")
    '<code>&#64;all &#60;b&#62;&#124;&#96;</code>'
    """
    shown = printable(text, longest)
    if shown.strip() == shown != "" and _HARMLESS.fullmatch(shown):
        return f"`{shown}`"
    escaped = "".join(
        char if _PLAIN.fullmatch(char) else f"&#{ord(char)};" for char in shown
    )
    return f"<code>{escaped}</code>"


def prose(text: str, longest: int = 200) -> str:
    """Write text of which some may be untrusted as plain words, or else as code.

    Parameters
    ----------
    text : str
        Anything.
    longest : int, default=200
        Where to cut.

    Returns
    -------
    markdown : str
        On one line; fit for a table's cell.

    Examples
    --------
    >>> prose("AMD EPYC (2 cores)"), prose("*EPYC*")
    ('AMD EPYC (2 cores)', '`*EPYC*`')
    """
    shown = printable(text, longest)
    if _WORDS.fullmatch(shown) and "www." not in shown.lower() and "://" not in shown:
        return shown
    return code(text, longest)


def escaped(text: str) -> str:
    r"""Write text so that Markdown shows it as it is.

    Parameters
    ----------
    text : str
        Anything; names come from files of strangers.

    Returns
    -------
    text : str
        With a backslash before what Markdown would take for its own.

    Examples
    --------
    >>> print(escaped("conv_1 | <b>"))
    conv\_1 \| \<b\>
    """
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in text)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table: the first column to the left, all others to the right.

    Parameters
    ----------
    titles : sequence of str
        Of the columns.
    rows : sequence of sequence of str
        The cells, as Markdown.

    Returns
    -------
    lines : list of str
        The titles, a line, then the rows.

    Examples
    --------
    >>> markdown_table(["", "n"], [["all", "3"]])
    ['|  | n |', '|:--|--:|', '| all | 3 |']
    """
    line = "|:--|" + "--:|" * (len(titles) - 1)
    return [
        f"| {' | '.join(titles)} |",
        line,
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
