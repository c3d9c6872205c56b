"""How good a fit is on so many rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from predictor.dataset import Measurement, Target
from predictor.errors import DatasetError, UsageError
from predictor.evaluation import CHOSEN, evaluate_model
from predictor.fitted_model import FittedModel
from predictor.fitting import by_platform, fit_model, main_platform
from predictor.metrics import Errors, without_nan
from predictor.splits import draw_rows, grouped_folds

SCHEMA_VERSION = 1
SIZES = (10, 20, 50, 100, 300)
REPEATS = 3

HELD_OUT_FOLDS = 4
"""Without rows to test on, one of as many folds of the architectures is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What one fit on some of the rows is worth.

    Parameters
    ----------
    size : int
        Rows asked for.
    repeat : int
        0 for the file's own order, then shuffles.
    rows, architectures : int
        Fitted.
    measuring_s : float or None
        Time of their trials in s, without what lay between; None where a row does not
        say.
    chosen : mapping of str to str
        By target, the regressor that the fit chose; empty where there is no fit.
    errors : mapping of str to Errors
        By target, on the rows tested.
    reason : str or None, default=None
        Why there is no fit; None where there is one.
    """

    size: int
    repeat: int
    rows: int
    architectures: int
    measuring_s: float | None
    chosen: Mapping[Target, str]
    errors: Mapping[Target, Errors]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """How errors fall with the number of rows.

    Parameters
    ----------
    platform : str
        Label of the platform that was fitted.
    rows, architectures : int
        There to be drawn from.
    tested_rows, tested_architectures : int
        What every fit was tested on.
    points : tuple of CurvePoint
        By size, then by repeat.
    """

    platform: str
    rows: int
    architectures: int
    tested_rows: int
    tested_architectures: int
    points: tuple[CurvePoint, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; errors are fractions, numbers that do not exist None.
        """
        points = [
            asdict(point)
            | {
                "errors": {
                    target: without_nan(asdict(errors))
                    for target, errors in point.errors.items()
                }
            }
            for point in self.points
        ]
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "points": points}


def trial_duration_s(row: Mapping[str, object]) -> float | None:
    """Return how long a row took to measure.

    Parameters
    ----------
    row : mapping
        A row; a sweep's has ``trial_s``, or says when its trial started and ended.

    Returns
    -------
    duration_s : float or None
        Time of its trial in s; None where the row does not say.

    Examples
    --------
    >>> trial_duration_s({"trial_s": 2.5})
    2.5
    >>> noon = "2026-01-01T12:00:00+00:00"
    >>> trial_duration_s({"started_at": noon, "ended_at": noon.replace("00+", "30+")})
    30.0
    """
    trial_s = row.get("trial_s")
    if isinstance(trial_s, int | float) and math.isfinite(trial_s):
        return float(trial_s)
    try:
        started_at, ended_at = (
            datetime.fromisoformat(str(row[name]))
            for name in ("started_at", "ended_at")
        )
        return (ended_at - started_at).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def _ignore(text: str) -> None:
    del text


def learning_curve(
    measurements: Sequence[Measurement],
    *,
    test: Sequence[Measurement] | None = None,
    sizes: Sequence[int] = SIZES,
    repeats: int = REPEATS,
    base: FittedModel | None = None,
    seed: int = 0,
    say: Callable[[str], object] = _ignore,
) -> LearningCurve:
    """Fit on ever more rows, and test each fit on the same architectures.

    As in ``predictor fit`` the platform with most rows is fitted, whole architectures
    at a time, with the automatic choice of the regressor; as in ``predictor evaluate
    --model`` each fit is judged on rows of that platform.

    Parameters
    ----------
    measurements : sequence of Measurement
        Rows to fit.
    test : sequence of Measurement, optional
        Rows to test on, less those whose architecture is among the rows to fit; by
        default a quarter of the architectures is held out for it.
    sizes : sequence of int, default=(10, 20, 50, 100, 300)
        Numbers of rows to fit.
    repeats : int, default=3
        Draws of each size, see `splits.draw_rows`.
    base : FittedModel, optional
        A model of another platform that every fit starts from.
    seed : int, default=0
        Seed of everything random.
    say : callable, optional
        Told which fit is running.

    Returns
    -------
    curve : LearningCurve
        A point for each size and repeat.

    Raises
    ------
    UsageError
        If a size or the number of repeats is below 1.
    DatasetError
        If no row is left to test on.
    """
    if not sizes or min(sizes) < 1:
        shown = ", ".join(map(str, sizes))
        raise UsageError(f"sizes must be numbers of rows from 1 up, got {shown!r}")
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, got {repeats}")
    pool = main_platform(measurements)
    if test is None:
        folds = grouped_folds(
            [item.group for item in pool], folds=HELD_OUT_FOLDS, seed=seed
        )
        drawable, tested = ([pool[row] for row in part] for part in folds[0])
    else:
        drawable, tested = pool, _unseen(test, pool)
    points = []
    for size in sorted(set(sizes)):
        for repeat in range(repeats):
            say(f"fitting {size} rows, repeat {repeat}")
            points.append(_point(size, repeat, drawable, tested, base, seed))
    return LearningCurve(
        platform=pool[0].platform.label,
        rows=len(drawable),
        architectures=_architectures(drawable),
        tested_rows=len(tested),
        tested_architectures=_architectures(tested),
        points=tuple(points),
    )


def _unseen(
    test: Sequence[Measurement], pool: Sequence[Measurement]
) -> list[Measurement]:
    platform, groups = pool[0].platform, {item.group for item in pool}
    of_platform = by_platform(test).get(platform, [])
    if not of_platform:
        raise DatasetError(f"no row to test on is of {platform.label}; measure some")
    tested = [item for item in of_platform if item.group not in groups]
    if not tested:
        raise DatasetError(
            "every architecture to test on is among the rows to fit; give rows of "
            "other networks, or none to hold a quarter out"
        )
    return tested


def _architectures(rows: Sequence[Measurement]) -> int:
    return len({item.group for item in rows})


def _point(
    size: int,
    repeat: int,
    drawable: Sequence[Measurement],
    tested: Sequence[Measurement],
    base: FittedModel | None,
    seed: int,
) -> CurvePoint:
    rows = draw_rows(drawable, size, repeat=repeat, seed=seed)
    chosen: dict[Target, str] = {}
    errors: dict[Target, Errors] = {}
    reason = None
    if len(rows) < size:
        reason = f"only {len(rows)} rows to draw from"
    else:
        try:
            model = fit_model(rows, name="learning-curve", seed=seed, base=base)
        except DatasetError as error:
            reason = str(error)
        else:
            chosen = {target: one.chosen for target, one in model.steps.items()}
            found = evaluate_model(model, tested).errors()
            errors = {
                target: one
                for (_, target, name), one in found.items()
                if name == CHOSEN
            }
    times_s = [trial_duration_s(item.row) for item in rows]
    known_s = [time_s for time_s in times_s if time_s is not None]
    return CurvePoint(
        size=size,
        repeat=repeat,
        rows=len(rows),
        architectures=_architectures(rows),
        measuring_s=sum(known_s) if len(known_s) == len(times_s) else None,
        chosen=chosen,
        errors=errors,
        reason=reason,
    )
