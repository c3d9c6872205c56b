"""How good a fit is after some minutes of sweeping, and how fast the sweep was."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dataset_builder.checking.report import figure, percent, table
from dataset_builder.store.contents import Contents, RowsFile, read_contents
from dataset_builder.store.timeline import span_of, sweep_clock, valid_window_s
from predictor.dataset import Measurement, Target
from predictor.errors import DatasetError, InputFileError
from predictor.evaluation import CHOSEN, evaluate_model
from predictor.fitted_model import FittedModel
from predictor.fitting import by_platform, fit_model, main_platform
from predictor.metrics import Errors, without_nan
from predictor.units import SECONDS_PER_HOUR

SCHEMA_VERSION = 1
MINUTES = (5.0, 10.0, 30.0, 60.0, None)
"""Times of sweeping that are looked at; None is all of it."""

BASELINES = ("flops", "params")
SHOWN = (CHOSEN, *BASELINES)

TARGET_NAMES: Mapping[Target, str] = {"energy_j": "energy", "duration_s": "time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PacePoint:
    """What a fit on the rows of some minutes is worth.

    Parameters
    ----------
    minutes : float or None
        Time of sweeping asked for; None for all of it.
    swept_s : float
        Time of sweeping until then in s.
    rows : int
        Valid rows finished by then, of the platform that is fitted.
    chosen : mapping of str to str
        By target, the regressor that the fit chose; empty where there is no fit.
    errors : mapping of str to mapping of str to Errors
        By target, then by regressor: ``chosen``, ``flops`` and ``params``.
    reason : str or None, default=None
        Why there is no fit; None where there is one.
    """

    minutes: float | None
    swept_s: float
    rows: int
    chosen: Mapping[Target, str]
    errors: Mapping[Target, Mapping[str, Errors]]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceReport:
    """How fast a sweep was, and how soon it was worth a fit.

    Parameters
    ----------
    directory : str
        The data set.
    swept_s : float
        Time of sweeping in s.
    window_share : float
        Share of it inside valid windows.
    rows_per_hour : float
        Valid rows for each hour of it.
    rows, judged_rows : int
        Valid synthetic rows, and valid rows of real networks.
    points : tuple of PacePoint
        In the order asked for.
    """

    directory: str
    swept_s: float
    window_share: float
    rows_per_hour: float
    rows: int
    judged_rows: int
    points: tuple[PacePoint, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; errors are fractions, numbers that do not exist None.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            **{name: value for name, value in asdict(self).items() if name != "points"},
            "points": [
                asdict(point)
                | {
                    "errors": {
                        target: {
                            name: without_nan(asdict(errors))
                            for name, errors in by_name.items()
                        }
                        for target, by_name in point.errors.items()
                    }
                }
                for point in self.points
            ],
        }

    def to_text(self) -> str:
        """Return the pace and one table of errors by target.

        Returns
        -------
        text : str
            Ends with a line break; at most 80 characters wide.
        """
        lines = [
            figure(f"{self.swept_s / 60:.1f} min", "of sweeping, pauses left out"),
            figure(percent(self.window_share, 0), "of it inside valid windows"),
            figure(f"{self.rows_per_hour:.0f}", "valid rows per hour"),
            figure(self.judged_rows, "rows of real networks, none of them fitted"),
        ]
        for target, name in TARGET_NAMES.items():
            titles = ["minutes", "rows", "regressor", "median", "MAPE"]
            titles += ["within 20 %", "coverage"]
            rows = [row for point in self.points for row in _rows(point, target)]
            lines += ["", f"error of {name} per step", *table(titles, rows)]
        return "\n".join(lines) + "\n"


def _ignore(text: str) -> None:
    del text


def pace(
    directory: Path,
    minutes: Sequence[float | None] = MINUTES,
    *,
    say: Callable[[str], object] = _ignore,
) -> PaceReport:
    """Fit on what had been swept after some minutes, and judge on real networks.

    The rows of ``runs.jsonl`` are taken as they stand now, drift corrected, by when
    their trial ended. Minutes are those of `sweep_clock`: wall time from the start of
    the first trial, in which a trial, valid or not, an anchor or an idle period ran, or
    which lay between two of them and was no longer than `LONGEST_GAP_S`. Waiting for
    the lock, sessions apart and other files' trials do not count; with several hosts, a
    minute in which any of them swept counts once.

    As in ``predictor fit`` the platform with most rows is fitted, and as in ``predictor
    evaluate --model`` the fit is judged on the valid rows of ``zoo.jsonl``, here on
    those of that platform. A bfloat16 row, for one, is of another platform.

    Parameters
    ----------
    directory : Path
        A data set with ``runs.jsonl`` and ``zoo.jsonl``.
    minutes : sequence of float or None, default=(5, 10, 30, 60, None)
        Times of sweeping; None is all of it.
    say : callable, optional
        Told which fit is running.

    Returns
    -------
    report : PaceReport
        Pace, and errors by time.

    Raises
    ------
    InputFileError
        If one of the two files is missing or unreadable.
    DatasetError
        If rows break the format, or do not say when they were measured.
    """
    contents = read_contents(directory)
    runs, zoo = _file(contents, "runs.jsonl"), _file(contents, "zoo.jsonl")
    clock = sweep_clock(contents, runs)
    finished = []
    for item in runs.measurements:
        span = span_of(item.row, runs.name)
        if span is None:
            raise DatasetError(
                f"{runs.path}: row {item.row.get('id')} does not say when it was "
                "measured; its pace is not known"
            )
        finished.append((item, clock.elapsed_s(span.end_s)))
    points = []
    for limit in minutes:
        limit_s = clock.total_s if limit is None else 60 * limit
        rows = [item for item, end_s in finished if end_s <= limit_s]
        if limit_s > clock.total_s:
            swept = f"swept for {clock.total_s / 60:.1f} min only"
            count = len(main_platform(rows))
            points.append(_unfitted(limit, clock.total_s, count, swept))
            continue
        shown = "all" if limit is None else f"{limit:g} minutes"
        say(f"fitting {len(rows)} rows ({shown})")
        points.append(_point(limit, limit_s, rows, zoo.measurements))
    windows_s = sum(valid_window_s(row) for row in runs.rows)
    return PaceReport(
        directory=str(directory),
        swept_s=clock.total_s,
        window_share=windows_s / clock.total_s,
        rows_per_hour=len(runs.measurements) / (clock.total_s / SECONDS_PER_HOUR),
        rows=len(runs.measurements),
        judged_rows=len(zoo.measurements),
        points=tuple(points),
    )


def _file(contents: Contents, name: str) -> RowsFile:
    found = next((file for file in contents.files if file.name == name), None)
    if found is not None and found.unreadable:
        raise DatasetError(found.unreadable)
    if found is None or not found.measurements:
        plan = ["--plan", "zoo"] if name == "zoo.jsonl" else []
        command = ["dataset_builder", "sweep", "--out", str(contents.directory), *plan]
        raise InputFileError(
            f"{contents.directory / name}: no valid row; measure with "
            f"`{shlex.join(command)}`"
        )
    return found


def _unfitted(
    minutes: float | None, swept_s: float, rows: int, reason: str
) -> PacePoint:
    return PacePoint(
        minutes=minutes, swept_s=swept_s, rows=rows, chosen={}, errors={}, reason=reason
    )


def _point(
    minutes: float | None,
    swept_s: float,
    rows: Sequence[Measurement],
    judged: Sequence[Measurement],
) -> PacePoint:
    part = main_platform(rows)
    try:
        model = fit_model(part, name="pace")
    except DatasetError:
        return _unfitted(minutes, swept_s, len(part), "too few rows")
    zoo = by_platform(judged).get(model.platform)
    if zoo is None:
        reason = f"no real network on {model.platform.label}"
        return _unfitted(minutes, swept_s, len(part), reason)
    return PacePoint(
        minutes=minutes,
        swept_s=swept_s,
        rows=len(part),
        chosen={target: fitted.chosen for target, fitted in model.steps.items()},
        errors=_errors(model, zoo),
    )


def _errors(
    model: FittedModel, judged: Sequence[Measurement]
) -> dict[Target, dict[str, Errors]]:
    errors = evaluate_model(model, judged).errors()
    found: dict[Target, dict[str, Errors]] = {target: {} for target in model.steps}
    for (_, target, name), one in errors.items():
        if name in SHOWN:
            found[target][name] = one
    return found


def _rows(point: PacePoint, target: Target) -> list[list[str]]:
    minutes = f"{point.swept_s / 60:.0f} (all)"
    if point.minutes is not None:
        minutes = f"{point.minutes:g}"
    count = str(point.rows)
    errors = point.errors.get(target, {})
    if not errors:
        return [[minutes, count, point.reason or "not measured", "", "", "", ""]]
    return [
        [
            minutes if name == CHOSEN else "",
            count if name == CHOSEN else "",
            point.chosen[target] if name == CHOSEN else name,
            percent(errors[name].median_ape),
            percent(errors[name].mape),
            percent(errors[name].within_20, 0),
            _coverage(errors[name].coverage),
        ]
        for name in SHOWN
        if name in errors
    ]


def _coverage(coverage: float | None) -> str:
    return "-" if coverage is None else percent(coverage, 0)
