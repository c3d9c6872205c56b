"""A weighted geometric mean of regressors, whose errors partly cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.features import FloatArray, StepTable

BLEND = "blend"

ERROR_LIMIT = 1.5
"""Log errors are cut here, so that a few outliers do not set the weights."""

PRIOR_ROWS = 2.0
"""Equal weights count as much as this many rows."""

SMALLEST_WEIGHT = 0.02
"""What has less is left out."""


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
        return blended(
            {name: self.members[name].predict(table) for name in self.weights},
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


def blend_weights(
    predictions: Mapping[str, FloatArray], target: FloatArray
) -> dict[str, float]:
    """Return the weights with which regressors err least together.

    Parameters
    ----------
    predictions : mapping of str to ndarray of shape (n_rows,)
        Of architectures that were left out, by regressor.
    target : ndarray of shape (n_rows,)
        The truth.

    Returns
    -------
    weights : dict of str to float
        Of those regressors that have any; 1 together.

    Notes
    -----
    Stacking (Wolpert, 1992; Breiman, 1996): non-negative least squares of the log
    errors, under the condition that weights add up to 1.

    Examples
    --------
    >>> truth = np.array([1.0, 2.0, 4.0])
    >>> weights = blend_weights({"high": truth * 2, "low": truth / 2}, truth)
    >>> round(weights["high"], 3)
    0.5
    """
    from scipy.optimize import nnls

    errors = np.column_stack(
        [
            np.clip(np.log(values / target), -ERROR_LIMIT, ERROR_LIMIT)
            for values in predictions.values()
        ]
    )
    members = errors.shape[1]
    usual = np.sqrt(PRIOR_ROWS * (errors**2).mean()) + 1e-12
    certain = 1e3 * np.sqrt(len(errors)) * usual
    found, _ = nnls(
        np.vstack([errors, usual * np.eye(members), certain * np.ones(members)]),
        np.concatenate(
            [np.zeros(len(errors)), np.full(members, usual / members), [certain]]
        ),
    )
    found[found < SMALLEST_WEIGHT] = 0.0
    found /= found.sum()
    return {
        name: float(weight)
        for name, weight in zip(predictions, found, strict=True)
        if weight
    }
