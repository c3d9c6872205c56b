"""The error table of an evaluation, as text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from predictor.dataset import Measurement
from predictor.evaluation import Evaluation

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
_LARGEST_SHOWN = 1000.0

PREDICTION_COLUMNS = (
    *("row", "name", "group", "family", "macs", "params", "mode", "batch_size"),
    *("platform", "target"),
    *("regressor", "predicted", "actual", "relative_error", "log_half_width"),
)
"""Columns of `predictions_csv`."""


def _cell(value: object, form: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float) and abs(value) > _LARGEST_SHOWN:
        return f"{value:.0e}"
    return form.format(value)


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
    from rich.console import Console
    from rich.table import Table

    buffer = io.StringIO()
    console = Console(file=buffer, width=110, highlight=False)
    floor = evaluation.noise_floor
    console.print(
        f"split: {evaluation.split}; rows: {evaluation.rows}; noise floor: "
        + ("not measured" if floor is None else f"{floor:.1%}"),
        markup=False,
    )
    results = evaluation.results()
    for platform, target in dict.fromkeys(
        (r["platform"], r["target"]) for r in results
    ):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(str(target), no_wrap=True)
        for title, _, _ in _COLUMNS:
            table.add_column(title, justify="right", no_wrap=True)
        for result in results:
            if (result["platform"], result["target"]) == (platform, target):
                table.add_row(
                    str(result["regressor"]),
                    *(_cell(result[field], form) for _, field, form in _COLUMNS),
                )
        console.print()
        console.print(str(platform), markup=False)
        console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


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
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, PREDICTION_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in evaluation.predictions:
        source = measurements[item.row]
        writer.writerow(
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
                "relative_error": f"{item.predicted / item.actual - 1:.6f}",
                "log_half_width": f"{item.half_width:.6f}",
            }
        )
    return buffer.getvalue()
