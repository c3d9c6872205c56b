"""An estimate as table, JSON, CSV, Markdown, HTML or part of a model card."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from predictor.answer import Estimate
from predictor.report.estimate_lines import (
    LAYER_TITLES,
    headline,
    interval_title,
    layer_rows,
    notes,
    quantity_rows,
)
from predictor.report.estimate_table import render_table
from predictor.report.markdown import escaped, markdown_table
from predictor.report.model_card import render_model_card
from predictor.report.tabular import csv_text, document_text

Format = Literal["table", "json", "csv", "markdown", "html", "model-card"]
FORMATS: tuple[Format, ...] = get_args(Format)

CSV_COLUMNS = ("quantity", "estimate", "lower", "upper")
_QUANTITIES = (
    "energy_j",
    "energy_kwh",
    "duration_s",
    "power_w",
    "emissions_gco2e",
    "cold_energy_j",
    "cost",
)
_STYLE = (
    "<style>.watt-ahead{font-family:sans-serif;max-width:50em}"
    ".watt-ahead th,.watt-ahead td{text-align:left;padding:.1em 1em .1em 0}"
    ".watt-ahead table{margin-top:1em}</style>"
)


def _json(answer: Estimate) -> str:
    return document_text(answer.to_dict())


def _csv(answer: Estimate) -> str:
    document = answer.to_dict()
    rows = []
    for name in _QUANTITIES:
        numbers = document[name]
        if isinstance(numbers, dict):
            rows.append({"quantity": name, **numbers})
    return csv_text(CSV_COLUMNS, rows)


def _markdown(answer: Estimate) -> str:
    def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        return markdown_table(titles, [[*map(escaped, row)] for row in rows])

    lines = [
        *(escaped(line) + "  " for line in headline(answer)),
        "",
        *table(("", "estimate", interval_title(answer)), quantity_rows(answer)),
        "",
        *table(LAYER_TITLES, layer_rows(answer)),
        "",
        *(f"- **{kind}:** {escaped(note)}" for kind, note in notes(answer)),
    ]
    return "\n".join(lines) + "\n"


def _html(answer: Estimate) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(headline(answer)[0])}</title></head>\n"
        f"<body>{html_fragment(answer)}</body></html>\n"
    )


def html_fragment(answer: Estimate) -> str:
    """Write an estimate as a part of a page, such as a notebook's.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    text : str
        One element, escaped.
    """

    def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        def cells(tag: str, row: Sequence[str]) -> str:
            return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)

        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        return f"<table><tr>{cells('th', head)}</tr>{body}</table>"

    said = "".join(
        f"<li><strong>{html.escape(kind)}:</strong> {html.escape(note)}</li>"
        for kind, note in notes(answer)
    )
    return (
        f'<div class="watt-ahead">{_STYLE}'
        f"<p>{'<br>'.join(html.escape(line) for line in headline(answer))}</p>"
        f"{table(('', 'estimate', interval_title(answer)), quantity_rows(answer))}"
        f"{table(LAYER_TITLES, layer_rows(answer))}<ul>{said}</ul></div>"
    )


_RENDERERS: dict[Format, Callable[[Estimate], str]] = {
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "html": _html,
    "model-card": render_model_card,
}


def render(answer: Estimate, form: Format, *, colour: bool = False) -> str:
    """Write an estimate in one of the formats.

    Parameters
    ----------
    answer : Estimate
        What to show.
    form : {"table", "json", "csv", "markdown", "html", "model-card"}
        The format.
    colour : bool, default=False
        Whether a table may have colours.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "table":
        return render_table(answer, colour=colour)
    return _RENDERERS[form](answer)
