"""Networks side by side, as table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.answer import Estimate
from predictor.comparison import Comparison, Contradiction, Ratio
from predictor.report.quantities import (
    COUNT,
    DURATION_S,
    ENERGY_WH,
    readable,
    readable_ratio,
    times,
)
from predictor.report.tabular import Form, csv_text, document_text, table_lines
from predictor.report.terminal import printable, wrapped
from predictor.units import joules_to_kwh

CSV_COLUMNS = (
    *("name", "params", "macs"),
    *("energy_j", "energy_j_lower", "energy_j_upper", "duration_s", "emissions_gco2e"),
    *("energy_ratio", "energy_ratio_lower", "energy_ratio_upper", "probability_less"),
)
"""Columns of the CSV."""

SHOWN = 3
_LONGEST_NAME = 16
_LONGEST_CHANGE = 24
_METRICS = {"macs": "MACs", "params": "parameters"}


def render_comparison(comparison: Comparison, form: Form) -> str:
    """Write a comparison.

    Parameters
    ----------
    comparison : Comparison
        What to show.
    form : {"table", "json", "csv"}
        How.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "json":
        return document_text(comparison.to_dict())
    pairs = list(
        zip(comparison.estimates, comparison.labels, comparison.ratios, strict=True)
    )
    if form == "csv":
        return csv_text(CSV_COLUMNS, comparison.records())
    first = comparison.estimates[0]
    work, platform = first.workload, first.chosen.model.platform
    titles = ["", "params", "MACs", "energy", "time"]
    titles += ["times the first", "less"]
    lines = [
        *wrapped(
            f"{work.mode}, {work.epochs:,} epoch(s) of {work.samples:,} samples, "
            f"batch {work.batch_size:,} ({work.optimizer}, {work.dtype})"
        ),
        *wrapped(
            f"on {printable(platform.hardware)}, {platform.backend}; "
            f"energy {platform.energy_source}, {first.chosen.tier} model"
        ),
        "",
        *table_lines(titles, [_cells(*pair) for pair in pairs]),
        "",
    ]
    notes = [
        *_contradictions(comparison.contradictions, comparison.labels),
        *_warnings(comparison.estimates, comparison.labels),
        f"read: times the first, with its {first.confidence_level:.0%} interval from "
        "the errors of quotients of two networks that were left out; less: how likely "
        "it takes less than the first",
    ]
    for note in notes:
        lines += wrapped(printable(note, 400))
    return "\n".join(lines) + "\n"


def _cells(estimate: Estimate, label: str, ratio: Ratio) -> list[str]:
    energy, is_first = ratio.energy, ratio.energy.lower == ratio.energy.upper
    time = estimate.duration_s
    return [
        _shown(label),
        readable(estimate.counts.params, COUNT),
        readable(estimate.counts.macs, COUNT),
        readable(1e3 * joules_to_kwh(estimate.energy_j.estimate), ENERGY_WH),
        "-" if time is None else readable(time.estimate, DURATION_S),
        readable_ratio(energy),
        "-" if is_first else f"{ratio.probability_less:.0%}",
    ]


def _shown(label: str) -> str:
    name, space, change = label.rpartition(" ")
    if "=" not in change or not space:
        return printable(label, _LONGEST_NAME)
    return f"{printable(name, _LONGEST_NAME)} {printable(change, _LONGEST_CHANGE)}"


def _contradictions(found: Sequence[Contradiction], labels: Sequence[str]) -> list[str]:
    sentences = [
        f"warning: by {_METRICS[one.metric]}, {_shown(labels[one.more])} looks "
        f"{times(1 / one.said)} times cheaper than {_shown(labels[one.less])}; it "
        f"takes {times(one.ratio)} times its energy"
        for one in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        sentences.append(
            f"warning: {len(found) - SHOWN} more pairs are ranked the wrong way round "
            "by MACs or parameters (--format json lists them)"
        )
    return sentences


def _warnings(estimates: Sequence[Estimate], labels: Sequence[str]) -> list[str]:
    general = estimates[0].warnings
    sentences = [
        f"warning: {one.message}" for one in general if one.code != "out_of_range"
    ]
    outside = [
        _shown(label)
        for one, label in zip(estimates, labels, strict=True)
        if not one.verdict.in_domain
    ]
    if outside:
        sentences.append(
            "warning: outside the fitted range, so with wider intervals: "
            + ", ".join(outside)
        )
    return sentences
