"""The error table: every regressor and baseline on rows it was not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from predictor.dataset import TARGETS, Measurement, Target, step_table
from predictor.features import FloatArray, IntArray, StepTable
from predictor.fitted_model import FittedModel
from predictor.fitting import (
    by_platform,
    choose,
    judged_rows,
    left_out_predictions,
    targets_of,
    with_blend,
)
from predictor.hardware import Platform
from predictor.intervals import CONFIDENCE_LEVEL, log_half_width
from predictor.levels import level_factors, levelled
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
from predictor.regressors.blend import BLEND, Blend
from predictor.splits import Fold, Split, split_rows

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
    rows: Sequence[int] | IntArray,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What a fold needs to know of some measurements."""

    table: StepTable
    values: Mapping[Target, FloatArray]
    groups: Sequence[str]
    families: Sequence[str]


def _rows_of(measurements: Sequence[Measurement]) -> _Rows:
    return _Rows(
        table=step_table(measurements).merged(),
        values={target: targets_of(measurements, target) for target in TARGETS},
        groups=[item.group for item in measurements],
        families=[item.family for item in measurements],
    )


Answers = dict[str, tuple[FloatArray, FloatArray]]
"""Predictions and half-widths in log, by regressor."""


def _evaluate_fold(
    rows: _Rows,
    train: IntArray,
    test: IntArray,
    targets: Sequence[Target],
    base: FittedModel | None,
    seed: int,
) -> dict[Target, Answers]:
    names = CANDIDATES + BASELINES
    means: dict[Target, Regressor] = {}
    found: dict[Target, Answers] = {}
    test_table = rows.table.take(test)
    for target in reversed(targets):  # energy last: tdp_time needs the time's mean
        values = rows.values[target]
        if np.isnan(values[train]).any() or np.isnan(values[test]).any():
            continue
        there = base.steps.get(target) if base else None
        fitted = TrainingRows(
            table=rows.table,
            target=values,
            groups=rows.groups,
            seed=seed,
            base=there.regressors if there else {},
        ).take(train)
        judged = judged_rows([rows.families[row] for row in train])
        inner, weights = with_blend(
            left_out_predictions(names, fitted), fitted.target, fitted.groups, judged
        )
        chosen, residuals = choose(inner, fitted.target, weights, fitted.groups, judged)
        regressors = fit_regressors(names, fitted)
        regressors[BLEND] = Blend(members=regressors.copy(), weights=weights)
        means[target] = regressors["mean"]
        answers: Answers = {
            name: (
                regressors[name].predict(test_table),
                np.full(len(test), log_half_width(residuals[name], CONFIDENCE_LEVEL)),
            )
            for name in (BLEND, *names)
        }
        found[target] = {CHOSEN: answers[chosen], **answers}
        if target == "energy_j":
            by_time = _tdp_time(means, test_table, rows.values["duration_s"][test])
            if by_time is not None:
                found[target][TDP_TIME] = (by_time, np.full(len(test), np.nan))
    return found


def evaluate_folds(
    measurements: Sequence[Measurement],
    folds: Sequence[Fold],
    *,
    split: str,
    targets: Sequence[Target] = TARGETS,
    base: FittedModel | None = None,
    seed: int = 0,
) -> Evaluation:
    """Fit on the first part of each fold and predict the second.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.
    folds : sequence of (train, test)
        Index arrays; the rows of a fold are of one platform.
    split : str
        What the folds are called.
    targets : sequence of {"energy_j", "duration_s"}, optional
        What is predicted, both by default.
    base : FittedModel, optional
        A model of another platform that every fit starts from.
    seed : int, default=0
        Seed of everything random.

    Returns
    -------
    evaluation : Evaluation
        All predictions; the choice is made inside each training part.

    Raises
    ------
    DatasetError
        If the training part of a fold holds fewer than two architectures.
    """
    from joblib import Parallel, delayed

    rows = _rows_of(measurements)
    jobs = -1 if len(folds) > 1 else 1  # a single fold is parallel inside
    answers = Parallel(n_jobs=jobs)(
        delayed(_evaluate_fold)(rows, train, test, targets, base, seed)
        for train, test in folds
    )
    predictions: list[Prediction] = []
    for (_, test), found in zip(folds, answers, strict=True):
        platform = measurements[int(test[0])].platform
        for target in (target for target in targets if target in found):
            truth = rows.values[target][test]
            predictions += _collect(test, platform, target, truth, found[target])
    return Evaluation(
        split=split,
        noise_floor=noise_floor(measurements),
        rows=len(measurements),
        predictions=tuple(predictions),
    )


def evaluate(
    measurements: Sequence[Measurement], *, split: Split = "group", seed: int = 0
) -> Evaluation:
    """Fit on a part of the rows and predict the rest, per platform.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows; platforms are fitted apart, and data sets of one platform that share
        configurations are brought to the level of the first.
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
    measurements = levelled(measurements, level_factors(measurements))
    place = {id(item): row for row, item in enumerate(measurements)}
    folds: list[Fold] = []
    for part in by_platform(measurements).values():
        rows = np.array([place[id(item)] for item in part])
        folds += [
            (rows[train], rows[test])
            for train, test in split_rows(part, split, seed=seed)
        ]
    return evaluate_folds(measurements, folds, split=split, seed=seed)


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
                for name in (BLEND, *REGRESSORS)
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
