"""What is left of a training, from the epochs that were measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from predictor.forecasting.linear import Line
from predictor.intervals import Quantity

ASSUMED_SPREAD = 0.1
"""Standard deviation of epochs over their mean before any two of them were compared:
more than on a machine to oneself, as much as on a shared one."""

ASSUMED_EPOCHS = 2
"""How many epochs that assumption counts for against those that were measured."""


def refined(
    measured: Sequence[float], planned: int, line: Line | None, confidence_level: float
) -> Quantity:
    """Return what a training will have taken in the end.

    Parameters
    ----------
    measured : sequence of float
        What each epoch done took, in J or s; at least one.
    planned : int
        How many epochs are to be done.
    line : Line or None
        The forecast in the same unit: from its cold part and epochs comes what the
        first epoch, which has the cold part in it, says of those that follow.
    confidence_level : float
        Of the interval.

    Returns
    -------
    total : Quantity
        What was measured, and the rest with an interval. Nothing is left of it when
        all epochs are done.

    Notes
    -----
    The epochs after the first are taken for draws from one normal distribution. The
    rest is their mean times the epochs left; its interval is Student's for a sum of
    new draws, the variance being that of the epochs seen and of `ASSUMED_EPOCHS` more
    with `ASSUMED_SPREAD`. After the first epoch alone the forecast says which part of
    it was cold: the interval reaches from the largest cold part in the forecast's
    interval to none at all, and by the assumed spread beyond. Epochs that slow down
    or speed up are not foreseen.

    Examples
    --------
    >>> refined([9.0, 2.0, 2.0], 3, None, 0.9)
    Quantity(estimate=13.0, lower=13.0, upper=13.0)
    >>> total = refined([9.0, 2.0, 2.0], 10, None, 0.9)
    >>> total.estimate, round(total.upper, 1)
    (27.0, 29.2)
    """
    spent, left = sum(measured), planned - len(measured)
    if left <= 0:
        return Quantity(estimate=spent, lower=spent, upper=spent)
    steady = measured[1:]
    if not steady:
        epoch = _after_the_first(measured[0], line)
        slack = _half_width(0.0, 0, left, confidence_level)
        return Quantity(
            estimate=spent + left * epoch.estimate,
            lower=spent + left * epoch.lower / (1 + slack),
            upper=spent + left * epoch.upper * (1 + slack),
        )
    mean = sum(steady) / len(steady)
    squares = sum((one / mean - 1) ** 2 for one in steady) if mean > 0 else 0.0
    half = _half_width(squares, len(steady), left, confidence_level)
    return Quantity(
        estimate=spent + left * mean,
        lower=spent + left * mean * max(0.0, 1 - half),
        upper=spent + left * mean * (1 + half),
    )


def _after_the_first(first: float, line: Line | None) -> Quantity:
    """Return what an epoch takes, when only the first is known."""
    if line is None or line.epoch.estimate <= 0:
        return Quantity(estimate=first, lower=0.0, upper=first)
    likely = line.epoch.estimate / (line.epoch.estimate + line.cold.estimate)
    least = line.epoch.lower / (line.epoch.lower + line.cold.upper)
    return Quantity(estimate=first * likely, lower=first * least, upper=first)


def _half_width(squares: float, seen: int, left: int, level: float) -> float:
    """Return how far the mean of the epochs left may be from that of those seen."""
    from scipy.special import stdtrit  # heavy, and needed in a training only

    freedom = ASSUMED_EPOCHS + max(0, seen - 1)
    variance = (ASSUMED_EPOCHS * ASSUMED_SPREAD**2 + squares) / freedom
    quantile = float(stdtrit(freedom, 0.5 + level / 2))
    return quantile * math.sqrt(variance * (1 / left + 1 / max(1, seen)))
