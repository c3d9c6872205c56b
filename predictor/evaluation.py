"""The error table: every regressor and baseline on rows it was not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from predictor.dataset import TARGETS, Measurement, Target, step_table
from predictor.features import FloatArray, StepTable
from predictor.fitted_model import FittedModel
from predictor.fitting import (
    CONFIDENCE_LEVEL,
    by_platform,
    choose,
    judged_rows,
    left_out_predictions,
    targets_of,
)
from predictor.hardware import Platform
from predictor.intervals import log_half_width
from predictor.metrics import Errors, errors_of, noise_floor, without_nan
from predictor.prediction import widenings
from predictor.regressors import (
    BASELINES,
    CANDIDATES,
    REGRESSORS,
    Regressor,
    TrainingRows,
    fit_regressors,
)
from predictor.splits import Split, split_rows

SCHEMA_VERSION = 1
CHOSEN = "chosen"
TDP_TIME = "tdp_time"
"""The calculators' way: mean fitted power of the mode times the *measured* time."""

ALL_PLATFORMS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One row predicted by one regressor.

    Parameters
    ----------
    row : int
        Index into the measurements evaluated.
    platform : str
        Label of the row's platform.
    regressor : str
        Which regressor; ``chosen`` is the automatic choice.
    target : {"energy_j", "duration_s"}
        Of one step.
    predicted, actual : float
        In J or s per step.
    half_width : float
        Half-width of the 90 % interval in log; NaN where there is none.
    """

    row: int
    platform: str
    regressor: str
    target: Target
    predicted: float
    actual: float
    half_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Errors and the predictions they come from.

    Parameters
    ----------
    split : str
        Name of the split, or ``model`` for a fitted model on new rows.
    noise_floor : float or None
        Relative difference of the same configuration measured twice.
    rows : int
        Number of measurements.
    predictions : tuple of Prediction
        All of them.
    """

    split: str
    noise_floor: float | None
    rows: int
    predictions: tuple[Prediction, ...]

    def errors(self) -> dict[tuple[str, Target, str], Errors]:
        """Return how wrong each regressor was.

        Returns
        -------
        errors : dict of (str, str, str) to Errors
            By platform, target and regressor; with several platforms, ``"all"`` pools
            them.
        """
        grouped: dict[tuple[str, Target, str], list[Prediction]] = {}
        platforms = {item.platform for item in self.predictions}
        for item in self.predictions:
            labels = [item.platform, ALL_PLATFORMS] if len(platforms) > 1 else None
            for label in labels or [item.platform]:
                key = (label, item.target, item.regressor)
                grouped.setdefault(key, []).append(item)
        return {key: _errors(items) for key, items in grouped.items()}

    def results(self) -> list[dict[str, object]]:
        """Return the error table.

        Returns
        -------
        results : list of dict
            `errors` as one dictionary per platform, target and regressor; errors are
            fractions.
        """
        return [
            {
                "platform": platform,
                "regressor": regressor,
                "target": target,
                **asdict(errors),
            }
            for (platform, target, regressor), errors in self.errors().items()
        ]

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; numbers that do not exist are None.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "split": self.split,
            "noise_floor": self.noise_floor,
            "rows": self.rows,
            "results": [without_nan(result) for result in self.results()],
        }


def _errors(items: Sequence[Prediction]) -> Errors:
    half_widths = np.array([item.half_width for item in items])
    return errors_of(
        np.array([item.predicted for item in items]),
        np.array([item.actual for item in items]),
        half_widths=None if np.isnan(half_widths).any() else half_widths,
    )


def _collect(
    rows: Sequence[int],
    platform: Platform,
    target: Target,
    actual: FloatArray,
    answers: Mapping[str, tuple[FloatArray, FloatArray]],
) -> Iterator[Prediction]:
    for regressor, (values, half_widths) in answers.items():
        for row, predicted, true, half_width in zip(
            rows, values, actual, half_widths, strict=True
        ):
            yield Prediction(
                row=int(row),
                platform=platform.label,
                regressor=regressor,
                target=target,
                predicted=float(predicted),
                actual=float(true),
                half_width=float(half_width),
            )


def _tdp_time(
    means: Mapping[Target, Regressor], table: StepTable, durations: FloatArray
) -> FloatArray | None:
    if np.isnan(durations).any() or set(means) != set(TARGETS):
        return None
    # The quotient of geometric means is the geometric mean of the power.
    power = means["energy_j"].predict(table) / means["duration_s"].predict(table)
    return power * durations


def _evaluate_fold(
    measurements: Sequence[Measurement],
    train: Sequence[int],
    test: Sequence[int],
    *,
    seed: int,
) -> Iterator[Prediction]:
    fitted = [measurements[row] for row in train]
    tested = [measurements[row] for row in test]
    table, test_table = step_table(fitted), step_table(tested)
    names = CANDIDATES + BASELINES
    means: dict[Target, Regressor] = {}
    for target in reversed(TARGETS):  # energy last: tdp_time needs the time's mean
        actual, truth = targets_of(fitted, target), targets_of(tested, target)
        if np.isnan(actual).any() or np.isnan(truth).any():
            continue
        rows = TrainingRows(
            table=table,
            target=actual,
            groups=[item.group for item in fitted],
            seed=seed,
        )
        inner = left_out_predictions(names, rows)
        judged = judged_rows([item.family for item in fitted])
        chosen, residuals = choose(inner, actual, judged)
        regressors = fit_regressors(names, rows)
        means[target] = regressors["mean"]
        answers = {
            name: (
                regressors[name].predict(test_table),
                np.full(len(truth), log_half_width(residuals[name], CONFIDENCE_LEVEL)),
            )
            for name in names
        }
        answers = {CHOSEN: answers[chosen], **answers}
        if target == "energy_j":
            by_time = _tdp_time(means, test_table, targets_of(tested, "duration_s"))
            if by_time is not None:
                answers[TDP_TIME] = (by_time, np.full(len(truth), np.nan))
        yield from _collect(test, fitted[0].platform, target, truth, answers)


def evaluate(
    measurements: Sequence[Measurement], *, split: Split = "group", seed: int = 0
) -> Evaluation:
    """Fit on a part of the rows and predict the rest, per platform.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows; platforms are fitted apart.
    split : {"group", "family", "extrapolate", "published"}, default="group"
        How rows are divided; no architecture is on both sides.
    seed : int, default=0
        Seed of everything random.

    Returns
    -------
    evaluation : Evaluation
        All predictions; the choice is made inside each training part.

    Raises
    ------
    DatasetError
        If the rows do not allow the split.
    """
    place = {id(item): row for row, item in enumerate(measurements)}
    predictions: list[Prediction] = []
    for part in by_platform(measurements).values():
        rows = [place[id(item)] for item in part]
        for train, test in split_rows(part, split, seed=seed):
            predictions.extend(
                _evaluate_fold(
                    measurements,
                    [rows[index] for index in train],
                    [rows[index] for index in test],
                    seed=seed,
                )
            )
    return Evaluation(
        split=split,
        noise_floor=noise_floor(measurements),
        rows=len(measurements),
        predictions=tuple(predictions),
    )


def evaluate_model(
    model: FittedModel, measurements: Sequence[Measurement]
) -> Evaluation:
    """Predict new rows by a fitted model and by the baselines fitted with it.

    Parameters
    ----------
    model : FittedModel
        Fitted on other rows.
    measurements : sequence of Measurement
        Rows to predict.

    Returns
    -------
    evaluation : Evaluation
        All predictions of rows that have the target; intervals as in an estimate.
    """
    place = {id(item): row for row, item in enumerate(measurements)}
    predictions: list[Prediction] = []
    for platform, part in by_platform(measurements).items():
        for target, fitted in model.steps.items():
            truth = targets_of(part, target)
            known = np.flatnonzero(np.isfinite(truth))
            if not len(known):
                continue
            table = step_table([part[index] for index in known])
            widen = widenings(model, table)
            answers = {
                name: (
                    fitted.regressors[name].predict(table),
                    log_half_width(fitted.residuals[name], CONFIDENCE_LEVEL) * widen,
                )
                for name in REGRESSORS
                if name in fitted.regressors
            }
            answers = {CHOSEN: answers[fitted.chosen], **answers}
            if target == "energy_j":
                durations = targets_of(part, "duration_s")[known]
                means = {
                    name: one.regressors["mean"] for name, one in model.steps.items()
                }
                by_time = _tdp_time(means, table, durations)
                if by_time is not None:
                    answers[TDP_TIME] = (by_time, np.full(len(known), np.nan))
            rows = [place[id(part[index])] for index in known]
            predictions.extend(_collect(rows, platform, target, truth[known], answers))
    return Evaluation(
        split="model",
        noise_floor=noise_floor(measurements),
        rows=len(measurements),
        predictions=tuple(predictions),
    )
