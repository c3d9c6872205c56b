"""A sum at positive prices, fitted in relative error under a prior on the prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from predictor.features import FloatArray

ROBUST_LIMIT = 0.5
"""Log residuals beyond this count linearly (Huber, 1964)."""

START_QUANTILE = 0.1
MOST_ITERATIONS = 300
GRADIENT_TOLERANCE = 1e-3
"""The prior's curvature is 1, so no latent with a prior ends as far from its best."""

SMALLEST_CURVATURE = 1e-6
"""A free latent that hardly any row tells about counts as if it had as much."""


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
    warm_start : bool, default=False
        Whether to begin where the last fit ended, as along a path of priors.

    Attributes
    ----------
    prices_ : ndarray of shape (n_features,)
        Not negative. A feature that is zero in all rows has the price that the prior
        gives it, or none where that hangs on a free latent that no row tells about.
    latents_ : ndarray of shape (n_latents,)
        Zero where no row tells about them.
    log_evidence_ : float
        How likely the rows are under the prior, up to what all priors have in common
        (Laplace's approximation; MacKay, "Bayesian interpolation", 1992). Where priors
        differ, it tells which one suits the rows.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    The latents maximise a posterior: log residuals are normal with standard deviation
    `residual_spread`, with longer tails from `ROBUST_LIMIT` on (Huber, 1964), the
    latents standard normal. It is found by Newton's method in a trust region. So no
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
        warm_start: bool = False,
    ) -> None:
        self.basis = basis
        self.free = free
        self.residual_spread = residual_spread
        self.warm_start = warm_start

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

        if self.warm_start and hasattr(self, "latents_"):
            start = self.latents_[active]
        else:
            start = _start(amounts, loads, is_free, log_y)
        latents = np.zeros(basis.shape[1])
        posterior = _Posterior(amounts, loads, is_free, log_y, self.residual_spread)
        latents[active] = minimize(
            posterior.loss,
            start,
            jac=True,
            hess=posterior.curvature,
            method="trust-krylov",
            options={"gtol": GRADIENT_TOLERANCE, "maxiter": MOST_ITERATIONS},
        ).x
        self.latents_: FloatArray = latents
        self.log_evidence_ = posterior.log_evidence(latents[active])
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


@dataclass(frozen=True, slots=True)
class _Posterior:
    """What is minimised: the negative logarithm of the latents' posterior."""

    amounts: FloatArray
    loads: FloatArray
    is_free: Any
    log_y: FloatArray
    residual_spread: float

    def _shares(self, latents: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        parts = self.amounts * np.exp(np.clip(self.loads @ latents, -80.0, 40.0))
        total = np.maximum(parts.sum(axis=1), 1e-300)
        residual = np.log(total) - self.log_y
        pull = np.clip(residual, -ROBUST_LIMIT, ROBUST_LIMIT)
        return parts / total[:, None], residual, pull

    def loss(self, latents: FloatArray) -> tuple[float, FloatArray]:
        """Return the loss and its gradient."""
        share, residual, pull = self._shares(latents)
        scale, held = self.residual_spread**2, np.where(self.is_free, 0.0, latents)
        value = (pull * (residual - 0.5 * pull)).sum() / scale + 0.5 * held @ held
        return float(value), self.loads.T @ (share.T @ pull) / scale + held

    def curvature(self, latents: FloatArray) -> FloatArray:
        """Return the second derivatives of the loss."""
        share, residual, pull = self._shares(latents)
        within = (abs(residual) < ROBUST_LIMIT).astype(float)
        by_price = (share.T * (within - pull)) @ share + np.diag(share.T @ pull)
        prior = np.diag(np.where(self.is_free, 0.0, 1.0))
        curvature: FloatArray = (
            self.loads.T @ by_price @ self.loads / self.residual_spread**2 + prior
        )
        return curvature

    def log_evidence(self, latents: FloatArray) -> float:
        """Return the logarithm of the posterior's mass, taken as normal."""
        value, _ = self.loss(latents)
        curvatures = np.linalg.eigvalsh(self.curvature(latents))
        volume = -0.5 * np.log(np.maximum(curvatures, SMALLEST_CURVATURE)).sum()
        return float(volume - value - len(self.log_y) * np.log(self.residual_spread))
