"""A geometric mean of regressors, whose errors partly cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.features import FloatArray, StepTable
from predictor.regressors.costs import Costs

BLEND = "blend"

ERROR_LIMIT = 1.5
"""Log errors are cut here, so that a few outliers do not decide."""

CONFIDENCE = 0.975
"""One-sided: what errs more than the best by as much is told apart from it. From few
architectures hardly anything is (Student, "The probable error of a mean", 1908)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Several regressors that answer together.

    Parameters
    ----------
    members : mapping of str to Regressor
        By name; one of them prices operations.
    weights : mapping of str to float
        Of the logarithms; positive, and 1 together.
    """

    members: Mapping[str, Any]
    weights: Mapping[str, float]

    @property
    def lead(self) -> str:
        """Name of the member that prices operations and has most weight."""
        able = [n for n, one in self.members.items() if hasattr(one, "costs")]
        return max(able, key=lambda name: self.weights.get(name, 0.0))

    def predict(self, table: StepTable) -> FloatArray:
        """Return what one step takes.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        values : ndarray of shape (n_steps,)
            Energy in J or time in s, whichever was fitted.
        """
        priced: dict[int, Costs] = {}

        def costs(one: Any) -> Costs:  # once, though one member may correct another
            if id(one) not in priced:
                inner = getattr(one, "hybrid", None)
                priced[id(one)] = (
                    one.corrected(table, costs(inner)) if inner else one.costs(table)
                )
            return priced[id(one)]

        members = {name: self.members[name] for name in self.weights}
        return blended(
            {
                name: costs(one).total(table)
                if hasattr(one, "costs")
                else one.predict(table)
                for name, one in members.items()
            },
            self.weights,
        )

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            None: weights are named in the manifest, members stored for themselves.
        """
        return {}


def blended(
    predictions: Mapping[str, FloatArray], weights: Mapping[str, float]
) -> FloatArray:
    """Return the weighted geometric mean of predictions.

    Parameters
    ----------
    predictions : mapping of str to ndarray of shape (n_steps,)
        Positive, by regressor.
    weights : mapping of str to float
        By regressor; 1 together.

    Returns
    -------
    values : ndarray of shape (n_steps,)
        In the unit of the predictions.

    Examples
    --------
    >>> one, other = np.array([1.0]), np.array([4.0])
    >>> blended({"one": one, "other": other}, {"one": 0.5, "other": 0.5})
    array([2.])
    """
    logs = sum(weight * np.log(predictions[name]) for name, weight in weights.items())
    values: FloatArray = np.exp(np.asarray(logs, dtype=np.float64))
    return values


def as_good_as_the_best(
    predictions: Mapping[str, FloatArray], target: FloatArray, groups: Sequence[str]
) -> list[str]:
    """Return the regressors that cannot be told from the best one by their errors.

    Parameters
    ----------
    predictions : mapping of str to ndarray of shape (n_rows,)
        Of architectures that were left out, by regressor.
    target : ndarray of shape (n_rows,)
        The truth.
    groups : sequence of str
        The architecture of each row.

    Returns
    -------
    names : list of str
        Those whose mean absolute log error is at most so far above the smallest as
        that one may err by chance, at `CONFIDENCE`; all of a single architecture.

    Examples
    --------
    >>> truth = np.array([1.0, 2.0, 4.0])
    >>> predictions = {"high": truth * 2, "low": truth / 2, "wrong": truth * 9}
    >>> as_good_as_the_best(predictions, truth, ["a", "b", "c"])
    ['high', 'low']
    """
    from scipy.special import stdtrit

    _, place = np.unique(np.asarray(groups), return_inverse=True)
    count = np.bincount(place)
    errors = {
        name: np.bincount(
            place, np.minimum(np.abs(np.log(values / target)), ERROR_LIMIT)
        )
        / count
        for name, values in predictions.items()
    }
    best = min(errors.values(), key=np.mean)
    if len(best) < 2:
        return list(errors)
    chance = stdtrit(len(best) - 1, CONFIDENCE) / np.sqrt(len(best))
    limit = best.mean() + chance * best.std(ddof=1)
    return [name for name, values in errors.items() if values.mean() <= limit]
