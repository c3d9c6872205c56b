"""One life cycle against another: the quotient of their energies, and who pays off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from predictor.comparison import quotient_residuals
from predictor.fitted_model import FittedModel
from predictor.intervals import LARGEST_LOG_HALF_WIDTH, Quantity, log_half_width
from predictor.lifecycle.energies import Part, Sum, share_of, widest
from predictor.lifecycle.formulas import break_even_inferences
from predictor.workload import MODES

Verdict = Literal["always", "never", "from", "until", "equal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOff:
    """From how many inferences on one variant takes less than another.

    Parameters
    ----------
    takes_less : {"always", "never", "from", "until", "equal"}
        By the estimates: at any number of inferences, at none, from a number on, up to
        a number, or neither of both at any.
    inferences : float or None
        That number, not rounded; None where there is none.
    lower, upper : float or None
        Between which it lies; None for `upper` where it may be that there is none.
    """

    takes_less: Verdict
    inferences: float | None = None
    lower: float | None = None
    upper: float | None = None


def pay_off(
    invested_j: Quantity,
    inference_j: Quantity,
    *,
    against_invested_j: Quantity,
    against_inference_j: Quantity,
) -> PayOff:
    """Return from how many inferences on one variant takes less than another.

    Parameters
    ----------
    invested_j, inference_j : Quantity
        What the variant takes once, and for each inference, in J.
    against_invested_j, against_inference_j : Quantity
        The same of the other variant.

    Returns
    -------
    pay_off : PayOff
        With ends from the ends of all four, as if they erred apart.

    Examples
    --------
    >>> from predictor.lifecycle.energies import exactly
    >>> pay_off(
    ...     exactly(300.0),
    ...     exactly(1.0),
    ...     against_invested_j=exactly(100.0),
    ...     against_inference_j=exactly(3.0),
    ... )
    PayOff(takes_less='from', inferences=100.0, lower=100.0, upper=100.0)
    """
    more_once = invested_j.estimate - against_invested_j.estimate
    saved = against_inference_j.estimate - inference_j.estimate
    if more_once * saved <= 0:
        if not more_once and not saved:
            return PayOff(takes_less="equal")
        less = more_once <= 0 and saved >= 0
        return PayOff(takes_less="always" if less else "never")
    if saved > 0:
        dear, cheap = (
            (invested_j, inference_j),
            (against_invested_j, against_inference_j),
        )
    else:
        cheap, dear = (
            (invested_j, inference_j),
            (against_invested_j, against_inference_j),
        )
    # The dear one takes more once, and less for each inference.
    fewest_j = max(dear[0].lower - cheap[0].upper, 0.0)
    most_j = dear[0].upper - cheap[0].lower
    least_saved_j = cheap[1].lower - dear[1].upper
    most_saved_j = cheap[1].upper - dear[1].lower
    return PayOff(
        takes_less="from" if saved > 0 else "until",
        inferences=break_even_inferences(abs(more_once), inference_energy_j=abs(saved)),
        lower=break_even_inferences(fewest_j, inference_energy_j=most_saved_j),
        upper=(
            break_even_inferences(most_j, inference_energy_j=least_saved_j)
            if least_saved_j > 0
            else None
        ),
    )


def energy_ratio(
    one: Sequence[Part],
    other: Sequence[Part],
    *,
    model: FittedModel | None,
    confidence_level: float,
) -> Quantity:
    """Return the energy of one life cycle over that of another.

    Parameters
    ----------
    one, other : sequence of Part
        What they consist of; the other takes energy.
    model : FittedModel or None
        What predicted the parts; None where all are given.
    confidence_level : float
        Of the interval.

    Returns
    -------
    ratio : Quantity
        Exactly known where all parts are given.

    Notes
    -----
    The quotient of two sums lies between the smallest and the largest factor by which
    any quotient of a part above and a part below errs, if none of those errs by more
    than its interval. So the trainings of both, and the inferences of both, are
    compared with the errors of quotients of two left-out architectures, of which the
    widest is taken, and both quotients are weighed by the share of training and of
    inference in the other life cycle, at whichever end of that share's interval is
    worse. Where that is wider than the quotient of the ends of both sums, or only one
    of them trains or only one is used, the quotient of the ends is taken.
    """
    above, below = Sum(parts=tuple(one)).energy_j, Sum(parts=tuple(other)).energy_j
    ratio = above.estimate / below.estimate
    ends = Quantity(
        estimate=ratio, lower=above.lower / below.upper, upper=above.upper / below.lower
    )
    paired = _paired(one, other, model, confidence_level)
    if paired is None or paired[1] * ends.lower >= ends.upper * paired[0]:
        return ends
    return Quantity(
        estimate=ratio, lower=min(paired[0], ratio), upper=max(paired[1], ratio)
    )


def _paired(
    one: Sequence[Part],
    other: Sequence[Part],
    model: FittedModel | None,
    confidence_level: float,
) -> tuple[float, float] | None:
    quotients: list[Quantity] = []
    below: list[Quantity] = []
    for mode in MODES:
        mine = [part for part in one if part.mode == mode]
        theirs = [part for part in other if part.mode == mode]
        if not mine and not theirs:
            continue
        if not mine or not theirs:
            return None
        width = _log_half_width(mine, theirs, model, confidence_level)
        factor = math.exp(min(width, LARGEST_LOG_HALF_WIDTH))
        sums = [Sum(parts=tuple(parts)).energy_j for parts in (mine, theirs)]
        quotient = sums[0].estimate / sums[1].estimate
        quotients.append(
            Quantity(
                estimate=quotient, lower=quotient / factor, upper=quotient * factor
            )
        )
        below.append(sums[1])
    if len(quotients) == 1:
        return quotients[0].lower, quotients[0].upper
    first, second = quotients
    share = share_of(below[0], below[1])
    assert share is not None  # the other takes energy
    weights = (share.lower, share.upper)
    return (
        min(weight * first.lower + (1 - weight) * second.lower for weight in weights),
        max(weight * first.upper + (1 - weight) * second.upper for weight in weights),
    )


def _log_half_width(
    mine: Sequence[Part],
    theirs: Sequence[Part],
    model: FittedModel | None,
    confidence_level: float,
) -> float:
    """Return how far, in log, any quotient of a part here and a part there errs."""
    if [part.identity for part in mine] == [part.identity for part in theirs]:
        return 0.0
    above = [part for part in mine if not part.is_given]
    below = [part for part in theirs if not part.is_given]
    width = 0.0
    if len(above) < len(mine):
        width = max((part.log_half_width for part in below), default=0.0)
    if len(below) < len(theirs):
        width = max([width, *(part.log_half_width for part in above)])
    if above and below:
        assert model is not None  # it predicted them
        shares = [sorted(part.cold_share for part in parts) for parts in (above, below)]
        # Errors are linear in the share of the cold part: the ends are the worst.
        pairs = log_half_width_of(
            model,
            {(shares[0][end] + shares[1][end]) / 2 for end in (0, -1)},
            confidence_level,
        )
        width = max(width, pairs * max(widest(above), widest(below)))
    return width


def log_half_width_of(
    model: FittedModel, cold_shares: set[float], confidence_level: float
) -> float:
    """Return the largest half-width of quotients of two workloads.

    Parameters
    ----------
    model : FittedModel
        What predicted them.
    cold_shares : set of float
        Mean shares of the cold part, 0 to 1.
    confidence_level : float
        Of the interval.

    Returns
    -------
    half_width : float
        In log; infinite where the model has no errors of quotients.
    """
    return max(
        log_half_width(quotient_residuals(model, cold_share=share), confidence_level)
        for share in cold_shares
    )
