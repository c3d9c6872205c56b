"""How errors fall with the number of rows, as table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import median

from predictor.dataset import TARGETS, Target
from predictor.learning_curve import CurvePoint, LearningCurve
from predictor.metrics import without_nan
from predictor.report.tabular import Form, cell, csv_text, document_text, table_lines
from predictor.report.terminal import printable, wrapped
from predictor.units import SECONDS_PER_MINUTE

_ERRORS = (
    ("median", "median_ape", "{:.1%}"),
    ("MAPE", "mape", "{:.1%}"),
    ("within 20%", "within_20", "{:.0%}"),
    ("worst", "worst_ape", "{:.0%}"),
    ("coverage", "coverage", "{:.0%}"),
)
CSV_COLUMNS = (
    *("size", "repeat", "rows", "architectures", "measuring_s", "target", "chosen"),
    *("median_ape", "mape", "within_20", "worst_ape", "coverage", "n", "reason"),
)
"""Columns of the CSV: one line per fit and target, or per fit that could not be."""


def render_curve(curve: LearningCurve, form: Form) -> str:
    """Write a learning curve.

    Parameters
    ----------
    curve : LearningCurve
        What to show.
    form : {"table", "json", "csv"}
        How; the table has the median over the repeats of each size.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "json":
        return document_text(curve.to_dict())
    if form == "csv":
        rows = [row for point in curve.points for row in _csv_rows(point)]
        return csv_text(CSV_COLUMNS, rows)
    repeats = len({point.repeat for point in curve.points})
    lines = [
        *wrapped(printable(curve.platform)),
        *wrapped(
            f"fitted: out of {curve.rows} rows of {curve.architectures} networks; "
            f"tested: {curve.tested_rows} rows of {curve.tested_architectures} other "
            "networks"
        ),
        *wrapped(
            f"draws of each size: {repeats}; a line has their medians, from and to are "
            "the extremes of their median errors"
        ),
    ]
    by_size: dict[int, list[CurvePoint]] = {}
    for point in curve.points:
        by_size.setdefault(point.size, []).append(point)
    for target in TARGETS:
        fitted = [
            [point for point in points if target in point.errors]
            for points in by_size.values()
        ]
        lines += ["", *_target_lines([points for points in fitted if points], target)]
    reasons = {
        f"{point.size} rows: {point.reason}" for point in curve.points if point.reason
    }
    lines += [""] if reasons else []
    for reason in sorted(reasons):
        lines += wrapped(printable(reason))
    return "\n".join(lines) + "\n"


def _csv_rows(point: CurvePoint) -> list[dict[str, object]]:
    shared = asdict(point)
    return [
        shared
        | {"target": target, "chosen": point.chosen[target]}
        | without_nan(asdict(errors))
        for target, errors in point.errors.items()
    ] or [shared | {"chosen": None}]


def _target_lines(fits: Sequence[Sequence[CurvePoint]], target: Target) -> list[str]:
    names = [title for title, _, _ in _ERRORS]
    titles = [target, "rows", "networks", "minutes", names[0], "from", "to", *names[1:]]
    return table_lines(titles, [_cells(points, target) for points in fits])


def _cells(points: Sequence[CurvePoint], target: Target) -> list[str]:
    def middle(of: Callable[[CurvePoint], float | None]) -> float | None:
        known = [value for value in map(of, points) if value is not None]
        return median(known) if len(known) == len(points) else None

    def error(field: str) -> float | None:
        return middle(lambda point: getattr(point.errors[target], field))

    medians = [point.errors[target].median_ape for point in points]
    seconds = middle(lambda point: point.measuring_s)
    errors = [cell(error(field), form) for _, field, form in _ERRORS]
    return [
        str(points[0].size),
        cell(middle(lambda point: point.rows), "{:g}"),
        cell(middle(lambda point: point.architectures), "{:g}"),
        cell(None if seconds is None else seconds / SECONDS_PER_MINUTE, "{:.1f}"),
        errors[0],
        cell(min(medians), "{:.1%}"),
        cell(max(medians), "{:.1%}"),
        *errors[1:],
    ]
