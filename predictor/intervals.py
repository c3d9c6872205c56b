"""Intervals from the errors made on architectures that were left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.features import FloatArray

CONFIDENCE_LEVEL = 0.9
"""Of intervals, where nobody asks for another."""

LARGEST_LOG_HALF_WIDTH = 50.0
"""Half-widths are cut here, so that no end of an interval is infinite."""

DRAWN_PAIRS = 20_000
KEPT_PAIRS = 1_000
"""Pairs that are looked at, and quantiles of them that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number with its interval.

    Parameters
    ----------
    estimate : float
        The most likely value.
    lower, upper : float
        Ends of the interval at the confidence level asked for.

    Examples
    --------
    >>> Quantity(estimate=2.0, lower=1.0, upper=4.0).scaled(10).upper
    40.0
    """

    estimate: float
    lower: float
    upper: float

    def scaled(self, factor: float) -> Quantity:
        """Multiply by a known factor.

        Parameters
        ----------
        factor : float
            Not negative.

        Returns
        -------
        quantity : Quantity
            Estimate and both ends times the factor.
        """
        return Quantity(
            estimate=self.estimate * factor,
            lower=self.lower * factor,
            upper=self.upper * factor,
        )

    def plus(self, other: Quantity) -> Quantity:
        """Add another quantity, assuming that both err to the same side.

        Parameters
        ----------
        other : Quantity
            In the same unit and at the same confidence level.

        Returns
        -------
        quantity : Quantity
            Sums of estimates and of ends, which is never too narrow.
        """
        return Quantity(
            estimate=self.estimate + other.estimate,
            lower=self.lower + other.lower,
            upper=self.upper + other.upper,
        )

    def at_lower_end(self) -> Quantity:
        """Return the lower end alone.

        Returns
        -------
        quantity : Quantity
            Estimate and both ends are the lower end of this one.
        """
        return Quantity(estimate=self.lower, lower=self.lower, upper=self.lower)

    def to_dict(self) -> dict[str, float]:
        """Return the three numbers by name.

        Returns
        -------
        numbers : dict of str to float
            ``estimate``, ``lower``, ``upper``.
        """
        return {"estimate": self.estimate, "lower": self.lower, "upper": self.upper}


def log_half_width(residuals: FloatArray, confidence_level: float) -> float:
    """Return how far, in log, the truth lies from an estimate at most.

    Parameters
    ----------
    residuals : ndarray of shape (n_residuals,)
        Absolute log errors on rows whose architecture was not in the fit, ascending.
    confidence_level : float
        Between 0 and 1, exclusive.

    Returns
    -------
    half_width : float
        In log; infinite where there is no residual.

    Notes
    -----
    Split conformal prediction: the ``ceil((n + 1) * confidence_level)``-th smallest
    residual (Lei et al., JASA 113, 2018). Where n is too small for the level, the
    largest residual is taken.

    Examples
    --------
    >>> import numpy as np
    >>> log_half_width(np.array([0.1, 0.2, 0.3, 0.4]), 0.5)
    0.3
    """
    if not len(residuals):
        return math.inf
    rank = math.ceil((len(residuals) + 1) * confidence_level)
    return float(residuals[min(rank, len(residuals)) - 1])


def interval(
    estimate: float, residuals: FloatArray, confidence_level: float, *, widen: float = 1
) -> Quantity:
    """Put an interval around an estimate.

    Parameters
    ----------
    estimate : float
        Positive.
    residuals : ndarray of shape (n_residuals,)
        Absolute log errors on left-out architectures, ascending.
    confidence_level : float
        Between 0 and 1, exclusive.
    widen : float, default=1
        Factor on the half-width in log, at least 1; more outside the fitted range.

    Returns
    -------
    quantity : Quantity
        Estimate and ends.

    Examples
    --------
    >>> import numpy as np
    >>> wide = interval(8.0, np.log([1.5, 2.0]), 0.5)
    >>> round(wide.lower, 6), round(wide.upper, 6)
    (4.0, 16.0)
    """
    half_width = log_half_width(residuals, confidence_level) * widen
    factor = math.exp(min(half_width, LARGEST_LOG_HALF_WIDTH))
    return Quantity(estimate=estimate, lower=estimate / factor, upper=estimate * factor)


def pair_residuals(
    errors: FloatArray, kinds: FloatArray, groups: Sequence[str], *, seed: int = 0
) -> FloatArray:
    """Return how wrong the quotient of two rows' predictions is.

    Parameters
    ----------
    errors : ndarray of shape (n_rows,)
        Log errors on left-out architectures.
    kinds : ndarray of shape (n_rows,)
        Only rows of one kind are paired, such as those in training.
    groups : sequence of str
        Rows of one architecture are not paired.
    seed : int, default=0
        Of the draw, where there are more than `DRAWN_PAIRS`.

    Returns
    -------
    residuals : ndarray of shape (n_residuals,)
        Absolute log errors of the quotients, ascending; at most `KEPT_PAIRS`.

    Examples
    --------
    >>> pair_residuals(np.array([0.1, 0.3, -0.1]), np.zeros(3), ["a", "b", "c"])
    array([0.2, 0.2, 0.4])
    """
    rows = len(errors)
    order = np.random.default_rng(seed).permutation(rows)
    names = np.unique(np.asarray(groups), return_inverse=True)[1]
    found = [np.zeros(0)]
    # Each row with those some places on, so that all come up equally often.
    for distance in range(1, min((rows - 1) // 2, math.ceil(DRAWN_PAIRS / rows)) + 1):
        one, other = order, np.roll(order, -distance)
        pairs = (kinds[one] == kinds[other]) & (names[one] != names[other])
        found.append(np.abs(errors[one] - errors[other])[pairs])
    residuals: FloatArray = np.sort(np.concatenate(found))
    if len(residuals) > KEPT_PAIRS:
        kept = np.linspace(0, len(residuals) - 1, KEPT_PAIRS)
        residuals = residuals[kept.round().astype(int)]
    return residuals


def probability_below_one(
    ratio: float, residuals: FloatArray, *, widen: float = 1
) -> float:
    """Return how likely the truth of an estimated quotient is below 1.

    Parameters
    ----------
    ratio : float
        The estimate; positive.
    residuals : ndarray of shape (n_residuals,)
        Absolute log errors of such quotients, as likely up as down.
    widen : float, default=1
        Factor on the residuals, at least 1; more outside the fitted range.

    Returns
    -------
    probability : float
        Between 0 and 1, exclusive.

    Examples
    --------
    >>> residuals = np.log([1.1, 1.5, 2.0])
    >>> probability_below_one(1.0, residuals), probability_below_one(1.6, residuals)
    (0.5, 0.25)
    """
    larger = int(np.sum(residuals * widen > abs(math.log(ratio))))
    unlikely = (1 + larger) / (1 + len(residuals)) / 2
    return unlikely if ratio > 1 else 1 - unlikely
