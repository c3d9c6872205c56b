"""Tables for people, and the same numbers as JSON or CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

from predictor.report.terminal import printable, table_width

Form = Literal["table", "json", "csv"]
FORMS: tuple[Form, ...] = get_args(Form)

_WIDEST = 10_000
_GAP = 2
_NARROWEST_TEXT = 20
_LARGEST_SHOWN = 1000.0


def cell(value: object, form: str) -> str:
    """Write a number into a table.

    Parameters
    ----------
    value : object
        The number; None or NaN where there is none.
    form : str
        How, such as ``"{:.1%}"``.

    Returns
    -------
    text : str
        ``-`` for no number; with an exponent where it would be too wide.

    Examples
    --------
    >>> cell(0.5, "{:.0%}"), cell(None, "{:.0%}"), cell(2e6, "{:.0%}")
    ('50%', '-', '2e+06')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float) and abs(value) > _LARGEST_SHOWN:
        return f"{value:.0e}"
    return form.format(value)


def table_lines(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    width: int | None = None,
) -> list[str]:
    """Write a table without lines.

    Parameters
    ----------
    titles : sequence of str
        Of the columns.
    rows : sequence of sequence of str
        The cells.
    left : collection of int, default=(0,)
        Columns that stand to the left; all others stand to the right.
    width : int, optional
        Columns of the terminal; by default `table_width`.

    Returns
    -------
    lines : list of str
        The titles, then the rows. Nothing is cut: where a table is wider than the
        terminal, long text is folded, or the columns that do not fit follow below,
        again behind the first one.

    Examples
    --------
    >>> table_lines(["energy", "n"], [["mean", "10"], ["median", "9"]])
    ['energy   n', 'mean    10', 'median   9']
    >>> table_lines(["", "n", "share"], [["dense", "10", "5%"]], width=12)
    ['        n', 'dense  10', '', '       share', 'dense     5%']
    """
    from rich.cells import cell_len

    columns = list(zip(titles, *rows, strict=True))
    limit = width or table_width() or _WIDEST
    widths = [max(map(cell_len, column)) for column in columns]
    widths = _folded(widths, [place for place in left if place], limit)
    gap = _GAP if _total(widths, 1) > limit else min(_GAP, _widest_gap(widths, limit))
    lines: list[str] = []
    for part in _balanced(widths, gap, limit):
        lines += [""] if lines else []
        lines += _part_lines(
            [columns[place] for place in part],
            [widths[place] for place in part],
            {number for number, place in enumerate(part) if place in left},
            gap,
        )
    return lines


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _widest_gap(widths: Sequence[int], limit: int) -> int:
    return (limit - sum(widths)) // max(1, len(widths) - 1)


def _folded(widths: Sequence[int], text: Sequence[int], limit: int) -> list[int]:
    """Return widths such that the first column and any other fit beside each other."""
    first, *others = widths
    excess = _total(widths, _GAP) - limit
    for place in text:
        if 0 < excess <= widths[place] - _NARROWEST_TEXT:
            others[place - 1] -= excess
            return [first, *others]
    if first + _GAP + max(others, default=0) > limit:
        first = min(first, limit // 2)
    return [first, *(min(other, limit - first - _GAP) for other in others)]


def _balanced(widths: Sequence[int], gap: int, limit: int) -> list[list[int]]:
    """Divide the columns among as few tables as fit, and about equally wide ones."""
    parts = _divided(widths, gap, limit)
    if len(parts) == 1:
        return parts
    for narrower in range(limit - 1, 0, -1):
        found = _divided(widths, gap, narrower)
        if len(found) > len(parts):
            break
        parts = found
    return parts


def _divided(widths: Sequence[int], gap: int, limit: int) -> list[list[int]]:
    """Fill one table after another, each beginning with the first column."""
    parts: list[list[int]] = [[0]]
    taken = widths[0]
    for place, width in enumerate(widths[1:], start=1):
        if taken + gap + width > limit and len(parts[-1]) > 1:
            parts.append([0])
            taken = widths[0]
        parts[-1].append(place)
        taken += gap + width
    return parts


def _part_lines(
    columns: Sequence[Sequence[str]],
    widths: Sequence[int],
    left: Collection[int],
    gap: int,
) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
        justify: Literal["left", "right"] = "left" if place in left else "right"
        table.add_column(
            Text(column[0]), justify=justify, overflow="fold", max_width=width
        )
    for row in zip(*(column[1:] for column in columns), strict=True):
        table.add_row(*map(Text, row))  # as it is: a name may look like markup
    buffer = io.StringIO()
    # FORCE_COLOR would have rich write escape sequences, into files too.
    Console(file=buffer, width=_WIDEST, highlight=False, color_system=None).print(table)
    return [line.rstrip() for line in buffer.getvalue().splitlines()]


def document_text(document: Mapping[str, object]) -> str:
    r"""Write a document as JSON.

    Parameters
    ----------
    document : mapping
        JSON values.

    Returns
    -------
    text : str
        Indented; ends with a line break.

    Examples
    --------
    >>> document_text({})
    '{}\n'
    """
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    r"""Write rows as CSV.

    Parameters
    ----------
    columns : sequence of str
        Names of what is written.
    rows : sequence of mapping
        Their values; what is no column is left out.

    Returns
    -------
    text : str
        A line of names, then one per row; empty where there is no value. Text that a
        spreadsheet would take for a formula gets an apostrophe before it, and what
        could steer a terminal is left out.

    Examples
    --------
    >>> csv_text(["n", "mape"], [{"n": 2, "mape": None, "other": 1}])
    'n,mape\n2,\n'
    >>> csv_text(["name"], [{"name": "=1+1"}])
    "name\n'=1+1\n"
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _harmless(row[key]) for key in row} for row in rows)
    return buffer.getvalue()


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value, 2 * len(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
