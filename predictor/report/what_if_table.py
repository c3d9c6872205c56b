"""What changes of a job come to, as table, JSON or CSV."""

from __future__ import annotations

import textwrap

from predictor.report.estimate_lines import headline, quantity_rows
from predictor.report.quantities import (
    DURATION_S,
    ENERGY_WH,
    MASS_G,
    readable,
    readable_ratio,
)
from predictor.report.tabular import Form, csv_text, document_text, table_lines
from predictor.report.terminal import printable, terminal_width
from predictor.savings import Outcome, WhatIf
from predictor.units import joules_to_kwh

CSV_COLUMNS = (
    *("lever", "value", "saving", "energy_j", "energy_j_lower", "energy_j_upper"),
    *("duration_s", "emissions_gco2e", "cost"),
    *("energy_ratio", "energy_ratio_lower", "energy_ratio_upper"),
    *("probability_less_energy", "in_domain"),
)
"""Columns of the CSV."""

_LONGEST_CHANGE = 26


def render_what_if(found: WhatIf, form: Form) -> str:
    """Write what changes come to.

    Parameters
    ----------
    found : WhatIf
        What to show.
    form : {"table", "json", "csv"}
        How.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "json":
        return document_text(found.to_dict())
    if form == "csv":
        return csv_text(CSV_COLUMNS, found.records())
    base = found.base
    now = ", ".join(f"{name} {value}" for name, value, _ in quantity_rows(base)[:4])
    titles = ["change", "saves", "energy", "time", "emissions"]
    titles += ["times the energy", "less"]
    lines = [
        *headline(base),
        f"as it is: {now}",
        "",
        *table_lines(titles, [_cells(one) for one in found.outcomes]),
        "",
    ]
    lines += [
        line for note in _notes(found) for line in textwrap.wrap(note, terminal_width())
    ]
    return "\n".join(lines) + "\n"


def _cells(one: Outcome) -> list[str]:
    answer, ratio, saving = one.answer, one.energy_ratio.energy, one.saving
    time, probability = answer.duration_s, one.energy_ratio.probability_less
    mark = "" if answer.verdict.in_domain else " *"
    shown = readable_ratio(ratio)
    return [
        printable(str(one.change), _LONGEST_CHANGE) + mark,
        "-" if saving is None else f"{saving:+.0%}",
        readable(1e3 * joules_to_kwh(answer.energy_j.estimate), ENERGY_WH),
        "-" if time is None else readable(time.estimate, DURATION_S),
        readable(answer.emissions_gco2e.estimate, MASS_G).removesuffix(" CO2e"),
        shown,
        "-" if shown == "1" else f"{probability:.0%}",
    ]


def _notes(found: WhatIf) -> list[str]:
    level = f"{found.base.confidence_level:.0%}"
    notes = [
        f"read: saves, how much less {found.aim} than as it is; times the energy, with "
        f"its {level} interval; less, how likely it takes less energy"
    ]
    if any(not one.answer.verdict.in_domain for one in found.outcomes):
        notes.append("*: outside the fitted range, so with wider intervals")
    seen = {note.code for note in found.base.warnings}
    for one in found.outcomes:
        for note in one.answer.warnings:
            if note.code not in (*seen, "out_of_range"):
                seen.add(note.code)
                notes.append(f"warning: {one.change}: {printable(note.message, 400)}")
    general = [one for one in found.base.warnings if one.code != "out_of_range"]
    return [*notes, *(f"warning: {printable(one.message, 400)}" for one in general)]
