"""A sum at positive prices, fitted in relative error under a prior on the prices."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from predictor.features import FloatArray

ROBUST_LIMIT = 3.0
"""Residuals beyond this many spreads count linearly (Huber, 1964)."""

START_QUANTILE = 0.1
MOST_ITERATIONS = 300
GRADIENT_LIMIT = 1e-3
"""The loss is a sum of squares in units of the spreads."""


class PositiveSum(RegressorMixin, BaseEstimator):
    """A linear sum with positive prices whose logarithms have a normal prior.

    Parameters
    ----------
    basis : ndarray of shape (n_features, n_latents), optional
        Log price of each feature as a sum of latents. By default every price
        deviates from one that all share.
    free : ndarray of bool, shape (n_latents,), optional
        Latents that have no prior; all others are standard normal. By default the
        last one.
    residual_spread : float, default=0.1
        Standard deviation, in log, that residuals are expected to have; the larger,
        the stronger is the prior.

    Attributes
    ----------
    prices_ : ndarray of shape (n_features,)
        Positive. A feature that is zero in all rows has the price that the prior
        gives it.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    The latents maximise a posterior: the log residuals are Huber distributed (Huber,
    1964) with scale `residual_spread`, the latents standard normal. So no price is
    negative, errors are relative, and what the rows do not tell follows what is
    shared.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 4.0], [2.0, 9.0]])
    >>> model = PositiveSum(residual_spread=0.001).fit(X, X @ [3.0, 0.5])
    >>> model.prices_.round(2)
    array([3. , 0.5])
    """

    def __init__(
        self,
        basis: FloatArray | None = None,
        free: Any = None,
        residual_spread: float = 0.1,
    ) -> None:
        self.basis = basis
        self.free = free
        self.residual_spread = residual_spread

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.target_tags.positive_only = True
        tags.regressor_tags.poor_score = True  # it has no intercept
        return tags

    def fit(self, X: FloatArray, y: FloatArray) -> PositiveSum:
        """Fit the prices.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Amounts, not negative.
        y : ndarray of shape (n_samples,)
            What they cost together, strictly positive.

        Returns
        -------
        self : PositiveSum
            Fitted.

        Raises
        ------
        ValueError
            If an amount is negative or a cost is not positive.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if X.min() < 0:
            raise ValueError("Negative values in data passed to PositiveSum: X")
        if y.min() <= 0:
            raise ValueError(f"y must be strictly positive, got {y.min()}")
        basis, free = self._prior(X.shape[1])
        used = np.flatnonzero(X.any(axis=0))
        active = np.flatnonzero(basis[used].any(axis=0))
        amounts, loads, is_free = X[:, used], basis[np.ix_(used, active)], free[active]
        log_y = np.log(y.astype(np.float64))

        def shares(latents: FloatArray) -> tuple[FloatArray, FloatArray]:
            parts = amounts * np.exp(np.clip(loads @ latents, -80.0, 40.0))
            total = np.maximum(parts.sum(axis=1), 1e-300)
            residual = (np.log(total) - log_y) / self.residual_spread
            return parts / total[:, None], residual

        def loss(latents: FloatArray) -> tuple[float, FloatArray]:
            share, residual = shares(latents)
            clipped = np.clip(residual, -ROBUST_LIMIT, ROBUST_LIMIT)
            value = (clipped * (residual - 0.5 * clipped)).sum()
            gradient = loads.T @ (clipped @ share) / self.residual_spread
            held = np.where(is_free, 0.0, latents)
            return float(value + 0.5 * (held @ held)), gradient + held

        def curvature(latents: FloatArray) -> FloatArray:
            # Gauss and Newton's, with the weights that make a robust loss quadratic.
            share, residual = shares(latents)
            weight = np.minimum(1.0, ROBUST_LIMIT / np.maximum(abs(residual), 1e-9))
            slope = (share @ loads) / self.residual_spread
            matrix: FloatArray = (slope * weight[:, None]).T @ slope
            return matrix + np.diag(np.where(is_free, 1e-9, 1.0))

        solution = minimize(
            loss,
            _start(amounts, loads, is_free, log_y),
            jac=True,
            hess=curvature,
            method="trust-exact",
            options={"maxiter": MOST_ITERATIONS, "gtol": GRADIENT_LIMIT},
        )
        latents = np.zeros(basis.shape[1])
        latents[active] = solution.x
        self.prices_: FloatArray = np.exp(np.clip(basis @ latents, -80.0, 40.0))
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Add up the amounts at their prices.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Amounts, not negative.

        Returns
        -------
        costs : ndarray of shape (n_samples,)
            The sums.
        """
        check_is_fitted(self)
        amounts = validate_data(self, X, dtype=np.float64, reset=False)
        costs: FloatArray = amounts @ self.prices_
        return costs

    def _prior(self, n_features: int) -> tuple[FloatArray, Any]:
        if self.basis is None:
            basis = np.column_stack([np.eye(n_features), np.ones(n_features)])
        else:
            basis = np.asarray(self.basis, dtype=np.float64)
        if self.free is None:
            free = np.arange(basis.shape[1]) == basis.shape[1] - 1
        else:
            free = np.asarray(self.free, dtype=bool)
        return basis, free


def _start(
    amounts: FloatArray, loads: FloatArray, free: Any, log_y: FloatArray
) -> FloatArray:
    # Each free latent alone would explain a part of the cheapest rows.
    start = np.zeros(loads.shape[1])
    for latent in np.flatnonzero(free):
        sums = amounts[:, loads[:, latent] > 0].sum(axis=1)
        held = sums > 0
        if held.any():
            unit_costs = log_y[held] - np.log(sums[held])
            start[latent] = np.quantile(unit_costs, START_QUANTILE)
    start[free] -= np.log(max(1, int(np.sum(free))))
    return start
