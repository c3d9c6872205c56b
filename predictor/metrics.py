"""How wrong predictions are, always relative to the truth."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from predictor.dataset import Measurement, Target
from predictor.features import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Errors of one regressor on one set of rows, as fractions.

    Parameters
    ----------
    mape : float
        Mean absolute error relative to the truth.
    median_ape : float
        Median of the same.
    within_20 : float
        Share of rows with at most 20 % error.
    worst_ape : float
        Largest error.
    spearman : float
        Rank correlation; NaN for fewer than three rows or equal predictions.
    r2 : float
        Coefficient of determination in linear units; hides small rows.
    coverage : float or None
        Share of rows inside the interval; None where there is none.
    n : int
        Number of rows.
    """

    mape: float
    median_ape: float
    within_20: float
    worst_ape: float
    spearman: float
    r2: float
    coverage: float | None
    n: int


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2.0)[inverse]
    return ranks


def spearman(first: FloatArray, second: FloatArray) -> float:
    """Return the rank correlation of two quantities.

    Parameters
    ----------
    first, second : ndarray of shape (n_rows,)
        In any units.

    Returns
    -------
    spearman : float
        From -1 to 1; NaN for fewer than three rows, or where one has equal values.

    Examples
    --------
    >>> round(spearman(np.array([1.0, 2.0, 3.0]), np.array([9.0, 4.0, 1.0])), 6)
    -1.0
    """
    if len(first) < 3 or min(np.unique(first).size, np.unique(second).size) < 2:
        return float("nan")
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def without_nan(values: Mapping[str, object]) -> dict[str, object]:
    """Return values as JSON has them, where a number that does not exist is null.

    Parameters
    ----------
    values : mapping of str to object
        Such as the fields of `Errors`.

    Returns
    -------
    values : dict of str to object
        The same, with None for each NaN.

    Examples
    --------
    >>> without_nan({"spearman": float("nan"), "n": 2})
    {'spearman': None, 'n': 2}
    """
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }


def errors_of(
    predicted: FloatArray,
    actual: FloatArray,
    *,
    half_widths: FloatArray | None = None,
) -> Errors:
    """Compare predictions with the truth.

    Parameters
    ----------
    predicted, actual : ndarray of shape (n_rows,)
        In the same unit, positive.
    half_widths : ndarray of shape (n_rows,), optional
        Half-widths of the intervals, in log.

    Returns
    -------
    errors : Errors
        All metrics.

    Examples
    --------
    >>> errors = errors_of(np.array([1.1, 3.0]), np.array([1.0, 2.0]))
    >>> round(errors.mape, 6), round(errors.within_20, 6)
    (0.3, 0.5)
    """
    relative = np.abs(predicted / actual - 1.0)
    variance = float(((actual - actual.mean()) ** 2).sum())
    with np.errstate(over="ignore"):
        squares = float(((predicted - actual) ** 2).sum())
    coverage = None
    if half_widths is not None:
        coverage = float(np.mean(np.abs(np.log(predicted / actual)) <= half_widths))
    return Errors(
        mape=float(relative.mean()),
        median_ape=float(np.median(relative)),
        within_20=float((relative <= 0.2).mean()),
        worst_ape=float(relative.max()),
        spearman=spearman(predicted, actual),
        r2=1.0 - squares / variance if variance else float("nan"),
        coverage=coverage,
        n=len(actual),
    )


def by_configuration(
    measurements: Sequence[Measurement],
) -> dict[Hashable, list[Measurement]]:
    """Part measurements by what was measured, whatever its name.

    Parameters
    ----------
    measurements : sequence of Measurement
        Any rows.

    Returns
    -------
    parts : dict of hashable to list of Measurement
        Those of one architecture, step workload and platform, in order; two of them
        differ by noise alone.
    """
    parts: dict[Hashable, list[Measurement]] = {}
    for item in measurements:
        work = item.workload
        key = (
            item.group,
            item.platform,
            work.mode,
            work.batch_size,
            work.optimizer,
            item.network.params,
        )
        parts.setdefault(key, []).append(item)
    return parts


def repeat_differences(
    measurements: Sequence[Measurement], target: Target
) -> FloatArray:
    """Return how much each measurement differs from the one before of its kind.

    Parameters
    ----------
    measurements : sequence of Measurement
        Any rows.
    target : {"energy_j", "duration_s"}
        Which quantity of a step.

    Returns
    -------
    differences : ndarray of shape (n_pairs,)
        Absolute differences over the mean of the two; empty where nothing was
        measured twice.
    """
    differences = []
    for items in by_configuration(measurements).values():
        known = [value for item in items if (value := item.step(target)) is not None]
        differences += [
            2.0 * abs(after - before) / (after + before)
            for before, after in pairwise(known)
        ]
    return np.array(differences, dtype=np.float64)


def noise_floor(measurements: Sequence[Measurement]) -> float | None:
    """Return how much the same configuration differs when measured again.

    Parameters
    ----------
    measurements : sequence of Measurement
        Any rows; those of one architecture, step workload and platform are repeats.

    Returns
    -------
    noise_floor : float or None
        Median of `repeat_differences` of the energy per step; None where nothing was
        measured twice.
    """
    differences = repeat_differences(measurements, "energy_j")
    return float(np.median(differences)) if len(differences) else None
