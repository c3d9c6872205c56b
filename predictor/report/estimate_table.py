"""An estimate as a table for a terminal."""

from __future__ import annotations

import io

from predictor.answer import Estimate
from predictor.report.estimate_lines import (
    LAYER_TITLES,
    headline,
    interval_title,
    layer_rows,
    notes,
    quantity_rows,
)
from predictor.report.terminal import terminal_width

_STYLES = {"warning": "yellow", "matters most": "bold"}


def render_table(answer: Estimate, *, colour: bool = False) -> str:
    """Write an estimate for a terminal.

    Parameters
    ----------
    answer : Estimate
        What to show.
    colour : bool, default=False
        Whether to mark what matters by colour.

    Returns
    -------
    text : str
        As wide as the terminal; ends with a line break.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=terminal_width(),
        highlight=False,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
    first, *rest = headline(answer)
    console.print(Text(first, style="bold"))
    for line in rest:
        console.print(Text(line))
    quantities = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    quantities.add_column("", no_wrap=True)
    quantities.add_column("estimate", justify="right", no_wrap=True, style="bold")
    quantities.add_column(interval_title(answer), no_wrap=True)
    for row in quantity_rows(answer):
        quantities.add_row(*map(Text, row))
    layers = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, title in enumerate(LAYER_TITLES):
        numbers = title in ("energy", "MACs", "params")
        layers.add_column(
            title,
            justify="right" if numbers else "left",
            no_wrap=place > 1,
            overflow="fold",
        )
    for cells in layer_rows(answer):
        layers.add_row(*map(Text, cells))
    for part in (quantities, layers):
        console.print()
        console.print(part)
    console.print()
    for kind, note in notes(answer):
        console.print(Text(f"{kind}: {note}", style=_STYLES.get(kind, "")))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
