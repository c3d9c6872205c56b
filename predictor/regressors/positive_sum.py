"""A sum at positive prices, fitted in relative error under a prior on the prices."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from predictor.features import FloatArray

ROBUST_LIMIT = 0.5
"""Log residuals beyond this count linearly (Huber, 1964)."""

START_QUANTILE = 0.1
MOST_ITERATIONS = 100
TOLERANCE = 1e-6
"""Relative decrease of the loss at which the descent ends."""

LARGEST_STEP = 3.0
"""In log: a price changes by a factor of 20 at most in one iteration."""


class PositiveSum(RegressorMixin, BaseEstimator):  # type: ignore[misc]
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
        Not negative. A feature that is zero in all rows has the price that the prior
        gives it, or none where that hangs on a free latent that no row tells about.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    The latents maximise a posterior: log residuals are normal with standard deviation
    `residual_spread`, with longer tails from `ROBUST_LIMIT` on (Huber, 1964), the
    latents standard normal. It is found by Levenberg and Marquardt's method. So no
    price is negative, errors are relative, and what the rows do not tell follows what
    is shared.

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

        held = np.where(is_free, 0.0, 1.0)
        scale = self.residual_spread**2

        def loss(latents: FloatArray) -> tuple[float, FloatArray, FloatArray]:
            parts = amounts * np.exp(np.clip(loads @ latents, -80.0, 40.0))
            total = np.maximum(parts.sum(axis=1), 1e-300)
            residual = np.log(total) - log_y
            clipped = np.clip(residual, -ROBUST_LIMIT, ROBUST_LIMIT)
            value = (clipped * (residual - 0.5 * clipped)).sum() / scale
            return (
                float(value + 0.5 * (held * latents) @ latents),
                residual,
                parts / total[:, None],
            )

        def slopes(
            latents: FloatArray, residual: FloatArray, share: FloatArray
        ) -> tuple[FloatArray, FloatArray]:
            # Gauss and Newton's curvature, with the weights that make Huber's loss
            # a quadratic one.
            slope = share @ loads
            weight = np.minimum(1.0, ROBUST_LIMIT / np.maximum(abs(residual), 1e-12))
            gradient = slope.T @ (weight * residual) / scale + held * latents
            curvature = (slope.T * weight) @ slope / scale + np.diag(held)
            return gradient, curvature

        start = _start(amounts, loads, is_free, log_y)
        solution = _descend(loss, slopes, start)
        latents = np.zeros(basis.shape[1])
        latents[active] = solution
        self.prices_: FloatArray = np.exp(np.clip(basis @ latents, -80.0, 40.0))
        unknown = free.copy()
        unknown[active] = False
        self.prices_[basis[:, unknown].any(axis=1)] = 0.0
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


def _descend(loss: Any, slopes: Any, latents: FloatArray) -> FloatArray:
    # Levenberg and Marquardt: between Newton's step and a short one downhill.
    damping = 1e-3
    value, *state = loss(latents)
    gradient, curvature = slopes(latents, *state)
    for _ in range(MOST_ITERATIONS):
        held = curvature + np.diag(damping * np.diag(curvature) + 1e-12)
        step = -np.linalg.solve(held, gradient)
        step *= min(1.0, LARGEST_STEP / max(float(abs(step).max()), 1e-12))
        tried, *state = loss(latents + step)
        if tried >= value:
            damping *= 8.0
            if damping > 1e9:
                break
            continue
        gain, value, latents = value - tried, tried, latents + step
        damping = max(damping / 4.0, 1e-9)
        if gain < TOLERANCE * (1.0 + value):
            break
        gradient, curvature = slopes(latents, *state)
    return latents
