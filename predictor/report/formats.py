"""An estimate as table, JSON, CSV, Markdown or HTML."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from predictor.answer import Estimate, LayerShare
from predictor.report.quantities import (
    COUNT,
    DURATION_S,
    ENERGY_WH,
    MASS_G,
    POWER_W,
    readable,
    readable_interval,
)
from predictor.report.terminal import printable, terminal_width

Format = Literal["table", "json", "csv", "markdown", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)

SHOWN_LAYERS = 5
_LONGEST_NAME = 36


def _rows(answer: Estimate) -> list[tuple[str, str, str]]:
    """Return name, estimate and interval of each quantity."""
    energy_wh = answer.energy_kwh.scaled(1e3)
    rows = [
        (
            "energy",
            readable(energy_wh.estimate, ENERGY_WH),
            readable_interval(energy_wh, ENERGY_WH),
        )
    ]
    for name, quantity, scale in (
        ("time", answer.duration_s, DURATION_S),
        ("power", answer.power_w, POWER_W),
        ("emissions", answer.emissions_gco2e, MASS_G),
    ):
        if quantity is not None:
            interval = readable_interval(quantity, scale)
            rows.append((name, readable(quantity.estimate, scale), interval))
    cost = answer.cost
    if cost is not None:
        rows.append(
            ("cost", f"{cost.estimate:.3g}", f"{cost.lower:.3g} to {cost.upper:.3g}")
        )
    if answer.cold_energy_j is not None:
        cold_wh = answer.cold_energy_j.scaled(1 / 3600)
        rows.append(
            (
                "cold part",
                readable(cold_wh.estimate, ENERGY_WH),
                readable_interval(cold_wh, ENERGY_WH),
            )
        )
    return rows


def _top_layers(answer: Estimate) -> list[LayerShare]:
    ordered = sorted(answer.layers, key=lambda layer: -layer.energy_share)
    return ordered[:SHOWN_LAYERS]


def _headline(answer: Estimate) -> list[str]:
    counts, work = answer.counts, answer.workload
    name = printable(answer.network.architecture.name, _LONGEST_NAME)
    platform = answer.chosen.model.platform
    settings = (
        f"{work.optimizer}, {work.dtype}" if work.mode == "training" else work.dtype
    )
    return [
        f"{name}: {len(counts.layers)} layers, "
        f"{readable(counts.params, COUNT)} parameters, "
        f"{readable(counts.macs, COUNT)} MACs per sample",
        f"{work.mode}, {work.epochs:,} epoch(s) of {work.samples:,} samples, "
        f"batch {work.batch_size:,} ({settings})",
        f"on {printable(platform.hardware)}, {platform.backend}; "
        f"energy {platform.energy_source}, {answer.chosen.tier} model",
    ]


def _provenance(answer: Estimate) -> str:
    model = answer.chosen.model
    energy = model.steps["energy_j"]
    errors = energy.errors[energy.chosen]
    covered = "unknown" if errors.coverage is None else f"{errors.coverage:.0%}"
    return (
        f"{printable(model.name)} ({energy.chosen}, {model.rows} rows, "
        f"{answer.chosen.digest[:12]}); on left-out networks: median error "
        f"{errors.median_ape:.1%}, MAPE {errors.mape:.1%}, "
        f"90 % intervals cover {covered}"
    )


def _table(answer: Estimate) -> str:
    from rich.console import Console
    from rich.table import Table

    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=terminal_width(),
        highlight=False,
        soft_wrap=False,
        color_system=None,  # whatever FORCE_COLOR says
    )
    for line in _headline(answer):
        console.print(line, markup=False)
    quantities = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title, justify in (
        ("", "left"),
        ("estimate", "right"),
        (f"{answer.confidence_level:.0%} interval", "left"),
    ):
        quantities.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in _rows(answer):
        quantities.add_row(*row)
    console.print()
    console.print(quantities)
    layers = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for title in ("most expensive layers", "kind"):
        layers.add_column(title, no_wrap=True, overflow="ellipsis")
    for title in ("energy", "MACs", "params"):
        layers.add_column(title, justify="right", no_wrap=True)
    for layer in _top_layers(answer):
        layers.add_row(
            printable(layer.name, _LONGEST_NAME).replace("[", r"\["),
            printable(layer.kind, 24).replace("[", r"\["),
            f"{layer.energy_share:.1%}",
            readable(layer.macs, COUNT),
            readable(layer.params, COUNT),
        )
    console.print()
    console.print(layers)
    console.print()
    for notice in answer.warnings:
        console.print(f"warning: {printable(notice.message, 400)}", markup=False)
    for notice in answer.assumptions:
        console.print(f"assumed: {printable(notice.message, 400)}", markup=False)
    console.print(f"model: {_provenance(answer)}", markup=False)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _json(answer: Estimate) -> str:
    return json.dumps(answer.to_dict(), indent=2, allow_nan=False) + "\n"


_QUANTITIES = (
    "energy_j",
    "energy_kwh",
    "duration_s",
    "power_w",
    "emissions_gco2e",
    "cold_energy_j",
    "cost",
)


def _csv(answer: Estimate) -> str:
    document = answer.to_dict()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["quantity", "estimate", "lower", "upper"])
    for name in _QUANTITIES:
        numbers = document[name]
        if isinstance(numbers, dict):
            writer.writerow(
                [name, numbers["estimate"], numbers["lower"], numbers["upper"]]
            )
    return buffer.getvalue()


def _notes(answer: Estimate) -> list[str]:
    return [
        *(f"warning: {notice.message}" for notice in answer.warnings),
        *(f"assumed: {notice.message}" for notice in answer.assumptions),
        f"model: {_provenance(answer)}",
    ]


def _markdown(answer: Estimate) -> str:
    def escaped(text: str) -> str:
        return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in text)

    def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        lines = [head, ["---"] * len(head), *rows]
        return ["| " + " | ".join(line) + " |" for line in lines]

    lines = [
        *(escaped(line) + "  " for line in _headline(answer)),
        "",
        *table(
            ("", "estimate", f"{answer.confidence_level:.0%} interval"), _rows(answer)
        ),
        "",
        *table(
            ("most expensive layers", "kind", "energy"),
            [
                (
                    escaped(printable(layer.name)),
                    escaped(printable(layer.kind)),
                    f"{layer.energy_share:.1%}",
                )
                for layer in _top_layers(answer)
            ],
        ),
        "",
        *(f"- {escaped(printable(note, 400))}" for note in _notes(answer)),
    ]
    return "\n".join(lines) + "\n"


def _html(answer: Estimate) -> str:
    def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        def cells(tag: str, row: Sequence[str]) -> str:
            return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)

        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        return f"<table><tr>{cells('th', head)}</tr>{body}</table>"

    headline = "<br>".join(html.escape(line) for line in _headline(answer))
    notes = "".join(
        f"<li>{html.escape(printable(note, 400))}</li>" for note in _notes(answer)
    )
    interval_head = f"{answer.confidence_level:.0%} interval"
    layers = [
        (printable(layer.name), printable(layer.kind), f"{layer.energy_share:.1%}")
        for layer in _top_layers(answer)
    ]
    return (
        f'<div class="watt-ahead"><p>{headline}</p>'
        f"{table(('', 'estimate', interval_head), _rows(answer))}"
        f"{table(('most expensive layers', 'kind', 'energy'), layers)}"
        f"<ul>{notes}</ul></div>\n"
    )


_RENDERERS: dict[Format, Callable[[Estimate], str]] = {
    "table": _table,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "html": _html,
}


def render(answer: Estimate, form: Format) -> str:
    """Write an estimate in one of the formats.

    Parameters
    ----------
    answer : Estimate
        What to show.
    form : {"table", "json", "csv", "markdown", "html"}
        The format.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    return _RENDERERS[form](answer)
