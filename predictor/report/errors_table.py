"""The error table of an evaluation, as text."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.dataset import Measurement
from predictor.evaluation import Evaluation
from predictor.report.tabular import cell, csv_text, table_lines
from predictor.report.terminal import printable, wrapped

_COLUMNS = (
    ("median", "median_ape", "{:.1%}"),
    ("MAPE", "mape", "{:.1%}"),
    ("within 20%", "within_20", "{:.0%}"),
    ("worst", "worst_ape", "{:.0%}"),
    ("Spearman", "spearman", "{:.3f}"),
    ("R2", "r2", "{:.3f}"),
    ("coverage", "coverage", "{:.0%}"),
    ("n", "n", "{:d}"),
)

PREDICTION_COLUMNS = (
    *("row", "name", "group", "family", "macs", "params", "mode", "batch_size"),
    *("platform", "target"),
    *("regressor", "predicted", "actual", "relative_error", "log_half_width"),
)
"""Columns of `predictions_csv`."""


def render_errors(evaluation: Evaluation) -> str:
    """Write the error table, one block per platform and target.

    Parameters
    ----------
    evaluation : Evaluation
        What to show.

    Returns
    -------
    text : str
        Ends with a line break; the best candidate is not marked, the automatic
        choice is the row ``chosen``.
    """
    floor = evaluation.noise_floor
    lines = wrapped(
        f"split: {evaluation.split}; rows: {evaluation.rows}; noise floor: "
        + ("not measured" if floor is None else f"{floor:.1%}")
    )
    results = evaluation.results()
    for platform, target in dict.fromkeys(
        (r["platform"], r["target"]) for r in results
    ):
        titles = [str(target), *(title for title, _, _ in _COLUMNS)]
        rows = [
            [
                str(result["regressor"]),
                *(cell(result[field], form) for _, field, form in _COLUMNS),
            ]
            for result in results
            if (result["platform"], result["target"]) == (platform, target)
        ]
        lines += ["", *wrapped(printable(str(platform))), *table_lines(titles, rows)]
    return "\n".join(lines) + "\n"


def predictions_csv(evaluation: Evaluation, measurements: Sequence[Measurement]) -> str:
    """Write every prediction as CSV.

    Parameters
    ----------
    evaluation : Evaluation
        What to write.
    measurements : sequence of Measurement
        The rows that were evaluated.

    Returns
    -------
    text : str
        One line per row, target and regressor; values are those of one step.
    """
    rows = []
    for item in evaluation.predictions:
        source = measurements[item.row]
        rows.append(
            {
                "row": item.row,
                "name": source.row.get("name"),
                "group": source.group,
                "family": source.family,
                "macs": source.network.macs,
                "params": source.network.params,
                "mode": source.workload.mode,
                "batch_size": source.workload.batch_size,
                "platform": item.platform,
                "target": item.target,
                "regressor": item.regressor,
                "predicted": f"{item.predicted:.9g}",
                "actual": f"{item.actual:.9g}",
                "relative_error": round(item.predicted / item.actual - 1, 6),
                "log_half_width": f"{item.half_width:.6f}",
            }
        )
    return csv_text(PREDICTION_COLUMNS, rows)
