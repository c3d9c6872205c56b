"""Tables for people, and the same numbers as JSON or CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

Form = Literal["table", "json", "csv"]
FORMS: tuple[Form, ...] = get_args(Form)

_WIDEST = 10_000
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

    Returns
    -------
    lines : list of str
        The titles, then the rows; as wide as what is in them: nothing is cut.

    Examples
    --------
    >>> table_lines(["energy", "n"], [["mean", "10"], ["median", "9"]])
    ['energy   n', 'mean    10', 'median   9']
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        justify: Literal["left", "right"] = "left" if place in left else "right"
        table.add_column(Text(title), justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))  # as it is: a name may look like markup
    buffer = io.StringIO()
    Console(file=buffer, width=_WIDEST, highlight=False).print(table)
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
        spreadsheet would take for a formula gets an apostrophe before it.

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
    writer.writerows({key: _no_formula(row[key]) for key in row} for row in rows)
    return buffer.getvalue()


def _no_formula(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
