"""From measurements to a fitted model: every candidate, compared and calibrated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from predictor.dataset import TARGETS, Measurement, Target, step_table
from predictor.domain import Domain
from predictor.errors import DatasetError
from predictor.features import FloatArray, StepTable
from predictor.fitted_model import FittedModel, TargetModel
from predictor.hardware import Platform
from predictor.intervals import CONFIDENCE_LEVEL, log_half_width, pair_residuals
from predictor.levels import level_factors, levelled
from predictor.metrics import errors_of, noise_floor
from predictor.regressors import (
    BASELINES,
    CANDIDATES,
    TrainingRows,
    fit_regressors,
)
from predictor.regressors.blend import BLEND, Blend, as_good_as_the_best, blended
from predictor.splits import FOLDS, grouped_folds

COLD_CANDIDATES = ("boosting", "physical")
"""The cold part is mostly compilation, which no operation count prices well."""

BLENDED = ("physical", "hybrid", "whole_step")
"""Prices go on beyond what was measured; boosting does not, polynomials run away."""

FEWEST_ROWS = 6
"""Fewer rows than this fit nothing."""

FEWEST_ROWS_BESIDE = 30
"""A platform that only comes along in a file is fitted from as many rows."""

FEWEST_NETWORK_ROWS = 50
"""With as many rows of whole networks, intervals and choice look at these alone."""

PROBE_PREFIX = "probe"
"""Families of single-layer stacks start so; users estimate whole networks."""


def by_platform(
    measurements: Sequence[Measurement],
) -> dict[Platform, list[Measurement]]:
    """Part measurements by device, backend, dtype and meter, which are never mixed.

    Parameters
    ----------
    measurements : sequence of Measurement
        Any rows.

    Returns
    -------
    parts : dict of Platform to list of Measurement
        In order of appearance.
    """
    parts: dict[Platform, list[Measurement]] = {}
    for item in measurements:
        parts.setdefault(item.platform, []).append(item)
    return parts


def main_platform(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return the rows of the platform that has most.

    Parameters
    ----------
    measurements : sequence of Measurement
        Any rows.

    Returns
    -------
    part : list of Measurement
        In order; of equal platforms the first, empty where there is no row.
    """
    return max(by_platform(measurements).values(), key=len, default=[])


def left_out_predictions(
    names: Sequence[str], rows: TrainingRows
) -> dict[str, FloatArray]:
    """Predict each row by regressors that never saw its architecture.

    Parameters
    ----------
    names : sequence of str
        Keys of `regressors.REGRESSORS`.
    rows : TrainingRows
        What is fitted and predicted in turn.

    Returns
    -------
    predictions : dict of str to ndarray of shape (n_steps,)
        By regressor.
    """
    from joblib import Parallel, delayed

    folds = grouped_folds(rows.groups, folds=FOLDS, seed=rows.seed)
    answers = Parallel(n_jobs=-1)(
        delayed(_fit_and_predict)(names, rows.take(train), rows.table.take(test))
        for train, test in folds
    )
    predictions = {name: np.empty(len(rows.target)) for name in names}
    for (_, test), answer in zip(folds, answers, strict=True):
        for name in names:
            predictions[name][test] = answer[name]
    return predictions


def _fit_and_predict(
    names: Sequence[str], rows: TrainingRows, test: StepTable
) -> dict[str, FloatArray]:
    fitted = fit_regressors(names, rows)
    return {name: regressor.predict(test) for name, regressor in fitted.items()}


def judged_rows(families: Sequence[str]) -> Any:
    """Return which rows choice and intervals look at.

    Parameters
    ----------
    families : sequence of str
        Family of each row.

    Returns
    -------
    judged : ndarray of bool, shape (n_rows,)
        Rows of whole networks where there are `FEWEST_NETWORK_ROWS`, else all.
    """
    network = np.array([not name.startswith(PROBE_PREFIX) for name in families])
    if network.sum() >= FEWEST_NETWORK_ROWS:
        return network
    return np.ones(len(families), dtype=bool)


def with_blend(
    predictions: Mapping[str, FloatArray],
    target: FloatArray,
    groups: Sequence[str],
    judged: Any,
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Add the blend of some candidates to their left-out predictions.

    Parameters
    ----------
    predictions : mapping of str to ndarray of shape (n_rows,)
        Left-out predictions by regressor.
    target : ndarray of shape (n_rows,)
        The truth.
    groups : sequence of str
        The architecture of each row.
    judged : ndarray of bool, shape (n_rows,)
        Rows that say which candidates are good enough.

    Returns
    -------
    predictions : dict of str to ndarray of shape (n_rows,)
        With ``blend`` behind them.
    weights : dict of str to float
        Of the blend's members: the same for each that errs as little as the best.

    Notes
    -----
    Equal weights do better on what is unlike the rows than weights fitted to them
    (Smith and Wallis, "A simple explanation of the forecast combination puzzle", 2009).
    """
    members = {name: predictions[name] for name in BLENDED if name in predictions}
    good = as_good_as_the_best(
        {name: values[judged] for name, values in members.items()},
        target[judged],
        [groups[int(row)] for row in np.flatnonzero(judged)],
    )
    weights = dict.fromkeys(good, 1 / len(good))
    return {**predictions, BLEND: blended(members, weights)}, weights


def choose(
    predictions: Mapping[str, FloatArray],
    target: FloatArray,
    weights: Mapping[str, float],
    groups: Sequence[str],
    judged: Any,
) -> tuple[str, dict[str, FloatArray]]:
    """Choose what errs least on left-out architectures: a candidate or their blend.

    What prices operations goes on beyond the rows it was fitted on. So the blend is
    chosen wherever it cannot be told from the best candidate by its errors, else a
    candidate of `BLENDED` of which that is true.

    Parameters
    ----------
    predictions : mapping of str to ndarray of shape (n_rows,)
        Left-out predictions by regressor.
    target : ndarray of shape (n_rows,)
        The truth.
    weights : mapping of str to float
        Of the blend's members.
    groups : sequence of str
        The architecture of each row.
    judged : ndarray of bool, shape (n_rows,)
        Rows that count.

    Returns
    -------
    chosen : str
        Name of the best candidate; baselines are never chosen.
    residuals : dict of str to ndarray
        Absolute log errors of the judged rows, ascending, of every regressor.
    """
    residuals = {
        name: np.sort(np.abs(np.log(values[judged] / target[judged])))
        for name, values in predictions.items()
    }
    candidates = [name for name in CANDIDATES if name in residuals]
    candidates += [BLEND] * (len(weights) > 1)
    good = as_good_as_the_best(
        {name: predictions[name][judged] for name in candidates},
        target[judged],
        [groups[int(row)] for row in np.flatnonzero(judged)],
    )
    if BLEND in good:
        return BLEND, residuals
    priced = [name for name in BLENDED if name in good]
    return min(priced or good, key=lambda name: residuals[name].mean()), residuals


def fit_target(
    names: Sequence[str], rows: TrainingRows, families: Sequence[str]
) -> tuple[TargetModel, FloatArray]:
    """Fit, compare and calibrate the regressors of one target.

    Parameters
    ----------
    names : sequence of str
        Keys of `regressors.REGRESSORS`.
    rows : TrainingRows
        What they are fitted on.
    families : sequence of str
        Family of each row.

    Returns
    -------
    model : TargetModel
        Fitted on all rows.
    left_out : ndarray of shape (n_steps,)
        The chosen regressor's predictions of left-out architectures.
    """
    target = rows.target
    judged = judged_rows(families)
    predictions, weights = with_blend(
        left_out_predictions(names, rows), target, rows.groups, judged
    )
    chosen, residuals = choose(predictions, target, weights, rows.groups, judged)
    errors = {
        name: errors_of(
            values,
            target,
            half_widths=np.full(
                len(target), log_half_width(residuals[name], CONFIDENCE_LEVEL)
            ),
        )
        for name, values in predictions.items()
    }
    fitted = fit_regressors(names, rows)
    model = TargetModel(
        chosen=chosen,
        regressors={**fitted, BLEND: Blend(members=fitted, weights=weights)},
        residuals=residuals,
        errors=errors,
        pair_residuals=pair_residuals(
            np.log(predictions[chosen] / target)[judged],
            rows.table.step_column("training")[judged],
            [rows.groups[int(row)] for row in np.flatnonzero(judged)],
            seed=rows.seed,
        ),
    )
    return model, predictions[chosen]


def targets_of(
    measurements: Sequence[Measurement], target: Target, *, cold: bool = False
) -> FloatArray:
    """Return a target of each measurement.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.
    target : {"energy_j", "duration_s"}
        Which quantity.
    cold : bool, default=False
        The part spent once instead of one steady step.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        In J or s; NaN where a row does not have it.
    """
    values = [
        (m.cold(target) if m.cold_valid else None) if cold else m.step(target)
        for m in measurements
    ]
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def data_digest(measurements: Sequence[Measurement]) -> str:
    """Return a digest of what a model was fitted on.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.

    Returns
    -------
    digest : str
        SHA-256 in hex.
    """
    digest = hashlib.sha256()
    for item in measurements:
        digest.update(json.dumps(item.row, sort_keys=True).encode())
    return digest.hexdigest()


def fit_model(
    measurements: Sequence[Measurement],
    *,
    name: str,
    seed: int = 0,
    base: FittedModel | None = None,
) -> FittedModel:
    """Fit all candidates on the measurements of one platform and choose.

    Parameters
    ----------
    measurements : sequence of Measurement
        Rows of a single platform; those of further data sets are brought to the level
        of the first one's where they share configurations.
    name : str
        Name of the fitted model.
    seed : int, default=0
        Seed of everything random.
    base : FittedModel, optional
        A model of another platform to start from, so that few rows suffice.

    Returns
    -------
    model : FittedModel
        Ready to estimate.

    Raises
    ------
    DatasetError
        If there are several platforms, too few rows or architectures, or all targets
        are equal.
    """
    platforms = list(by_platform(measurements))
    if len(platforms) != 1:
        names = "; ".join(sorted(platform.label for platform in platforms))
        raise DatasetError(
            f"one model speaks for one platform, got {len(platforms)}: {names}. "
            "Fit them one by one"
        )
    if len(measurements) < FEWEST_ROWS:
        raise DatasetError(
            f"got {len(measurements)} valid rows; a fit needs at least {FEWEST_ROWS}. "
            "Measure more with `dataset_builder sweep`"
        )
    levels = level_factors(measurements)
    measurements = levelled(measurements, levels)
    table = step_table(measurements).merged()
    steps: dict[Target, TargetModel] = {}
    cold: dict[Target, TargetModel] = {}
    left_out: dict[Target, tuple[FloatArray, FloatArray]] = {}
    for target in TARGETS:
        for parts, there, is_cold, names_tried in (
            (steps, base.steps if base else {}, False, CANDIDATES + BASELINES),
            (cold, base.cold if base else {}, True, COLD_CANDIDATES),
        ):
            values = targets_of(measurements, target, cold=is_cold)
            known = np.flatnonzero(np.isfinite(values))
            if len(known) < FEWEST_ROWS:
                continue
            if np.ptp(values[known]) == 0:
                raise DatasetError(
                    f"every row has the same {target} ({values[known][0]:.4g}); "
                    "a constant teaches nothing. Check the meter"
                )
            parts[target], predicted = fit_target(
                names_tried,
                TrainingRows(
                    table=table.take(known),
                    target=values[known],
                    groups=[measurements[int(row)].group for row in known],
                    seed=seed,
                    base=there[target].regressors if target in there else {},
                ),
                [measurements[int(row)].family for row in known],
            )
            if not is_cold and len(known) == len(measurements):
                left_out[target] = (predicted, values)
    if "energy_j" not in steps:
        raise DatasetError("no row has a usable energy_j")
    return FittedModel(
        name=name,
        platform=platforms[0],
        steps=steps,
        cold=cold,
        power_residuals=_power_residuals(left_out, measurements),
        domain=Domain.of(table),
        rows=len(measurements),
        noise_floor=noise_floor(measurements),
        data_digest=data_digest(measurements),
        base=f"{base.name} ({base.data_digest[:12]})" if base else None,
        levels=levels.get(platforms[0], {}),
    )


def _power_residuals(
    left_out: Mapping[Target, tuple[FloatArray, FloatArray]],
    measurements: Sequence[Measurement],
) -> FloatArray:
    if len(left_out) < len(TARGETS):
        return np.zeros(0)
    (energy, true_energy), (duration, true_duration) = (left_out[t] for t in TARGETS)
    judged = judged_rows([item.family for item in measurements])
    ratio = np.log(energy / duration) - np.log(true_energy / true_duration)
    return np.sort(np.abs(ratio[judged]))
