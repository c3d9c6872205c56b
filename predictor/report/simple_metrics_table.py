"""How simple metrics do beside the model, as table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.report.quantities import COUNT, readable
from predictor.report.tabular import Form, cell, csv_text, document_text, table_lines
from predictor.report.terminal import printable, wrapped
from predictor.simple_metrics import (
    SIMPLE_METRICS,
    MetricResult,
    MetricStudy,
    PairSide,
)

_COLUMNS = (
    ("Spearman", "spearman", "{:.3f}"),
    ("families", "spearman_in_families", "{:.3f}"),
    ("median", "median_ape", "{:.1%}"),
    ("MAPE", "mape", "{:.1%}"),
    ("within 20%", "within_20", "{:.0%}"),
    ("worst", "worst_ape", "{:.0%}"),
    ("wrong pairs", "wrong_pairs", "{:.1%}"),
    ("n", "n", "{:d}"),
)
CSV_COLUMNS = (
    *("platform", "mode", "metric", "ex_ante", "target", "n"),
    *("spearman", "spearman_in_families"),
    *("median_ape", "mape", "within_20", "worst_ape"),
    *("paired_by", "pairs", "wrong_pairs"),
)
"""Columns of the CSV; pairs one by one are in the JSON."""

_LONGEST_NAME = 18
_UNITS = {"energy_j": "J", "duration_s": "s"}
_LEGEND = (
    "Spearman: rank correlation with the bare metric; families: its mean within "
    "families. Errors: of a line fitted on the metric without the row's network, in "
    "logarithms; beside params, nodes and layers the batch size is given. FLOPs are "
    "twice the MACs and would have the numbers of macs. tdp_time, the measured time "
    "times the mean power, is known only afterwards. chosen is this predictor."
)


def render_study(study: MetricStudy, form: Form) -> str:
    """Write what judging simple metrics found.

    Parameters
    ----------
    study : MetricStudy
        What to show.
    form : {"table", "json", "csv"}
        How.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "json":
        return document_text(study.to_dict())
    if form == "csv":
        rows = [one.to_dict() | {"target": study.target} for one in study.results]
        return csv_text(CSV_COLUMNS, rows)
    floor = study.noise_floor
    lines = [
        *wrapped(
            f"{study.target} of a step; model: {study.model_split}; lines: "
            f"{study.split}; rows: {study.rows}; noise floor: "
            + ("not measured" if floor is None else f"{floor:.1%}")
        ),
        *wrapped(_LEGEND),
    ]
    blocks: dict[tuple[str, str], list[MetricResult]] = {}
    for result in study.results:
        blocks.setdefault((result.platform, result.mode), []).append(result)
    last = {one.platform: one.mode for one in study.results}  # both modes, if any
    for (platform, mode), results in blocks.items():
        lines += ["", *wrapped(f"{printable(platform)}; {mode}"), *_errors(results)]
        lines += wrapped(_what_pairs(results[0], study.pair_threshold))
        if mode == last[platform]:
            for result in results:
                lines += _worst_pairs(result, _UNITS[study.target])
    return "\n".join(lines) + "\n"


def _errors(results: Sequence[MetricResult]) -> list[str]:
    titles = ["metric", *(title for title, _, _ in _COLUMNS)]
    rows = [
        [
            result.metric,
            *(cell(getattr(result, field), form) for _, field, form in _COLUMNS),
        ]
        for result in results
    ]
    return table_lines(titles, rows)


def _what_pairs(result: MetricResult, threshold: float) -> str:
    kind = "with one batch size"
    if result.paired_by == "sample":
        kind = "with any batch sizes, by sample"
    return (
        f"wrong pairs: of {result.pairs} pairs of rows of two networks {kind}, "
        f"more than {threshold:.0%} apart"
    )


def _worst_pairs(result: MetricResult, unit: str) -> list[str]:
    if not result.worst_pairs:
        return []
    side = ["batch", result.metric, f"{unit}/sample"]
    rows = [
        [
            *_side(pair.favoured, result.metric),
            *_side(pair.slighted, result.metric),
            f"{pair.ratio:.3g}",
            pair.mode,
        ]
        for pair in result.worst_pairs
    ]
    titles = ["takes more", *side, "takes less", *side, "ratio", "mode"]
    return [
        "",
        f"ranked the wrong way round by {result.metric}:",
        *table_lines(titles, rows, left=(0, 4, 9)),
    ]


def _side(side: PairSide, metric: str) -> list[str]:
    said = f"{side.said:.3g}"
    if metric in SIMPLE_METRICS:
        said = readable(side.said, COUNT)
    name = printable(side.name, _LONGEST_NAME)
    return [name, str(side.batch_size), said, f"{side.actual:.3g}"]
