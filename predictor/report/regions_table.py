"""Places whose carbon intensity is known, as table, JSON or CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from predictor.carbon import Region
from predictor.report.tabular import Form, csv_text, document_text, table_lines
from predictor.report.terminal import printable, terminal_width

SCHEMA_VERSION = 1
CSV_COLUMNS = ("code", "name", "kind", "carbon_intensity_g_per_kwh", "year", "source")
"""Columns of the CSV, and keys of each region in the JSON."""

_NAME_WIDTH = 30


def render_regions(regions: Sequence[Region], form: Form) -> str:
    """Write a list of regions.

    Parameters
    ----------
    regions : sequence of Region
        What to show.
    form : {"table", "json", "csv"}
        How.

    Returns
    -------
    text : str
        Ends with a line break. In the table, sources stand below it, by number.
    """
    rows = [asdict(region) for region in regions]
    if form == "json":
        return document_text({"schema_version": SCHEMA_VERSION, "regions": rows})
    if form == "csv":
        return csv_text(CSV_COLUMNS, rows)
    numbers: dict[str, int] = {}
    cells = []
    for region in regions:
        number = numbers.setdefault(region.source, len(numbers) + 1)
        name, *rest = textwrap.wrap(printable(_place(region.name)), _NAME_WIDTH)
        intensity = f"{region.carbon_intensity_g_per_kwh:.1f}"
        year = "-" if region.year is None else str(region.year)
        cells.append([printable(region.code), name, intensity, year, f"[{number}]"])
        cells += [["", f"  {more}", "", "", ""] for more in rest]
    titles = ["code", "name", "g/kWh", "year", "by"]
    lines = [*table_lines(titles, cells, left=(0, 1)), ""]
    for source, number in numbers.items():
        lines += textwrap.wrap(
            printable(f"[{number}] {source}"), terminal_width(), subsequent_indent="  "
        )
    return "\n".join(lines) + "\n"


def _place(name: str) -> str:
    # Without the provider, which the code says.
    provider, comma, place = name.partition("Platform, ")
    return place if comma else provider
