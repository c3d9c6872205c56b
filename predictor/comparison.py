"""Networks side by side: what one takes against another, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from predictor.answer import Estimate
from predictor.errors import UsageError
from predictor.features import FloatArray
from predictor.fitted_model import FittedModel
from predictor.intervals import (
    KEPT_PAIRS,
    Quantity,
    interval,
    probability_below_one,
)
from predictor.prediction import widening

SCHEMA_VERSION = 1

SURE = 0.9
"""Probability from which a simple metric that says otherwise is called wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The energy of one workload over that of another.

    Parameters
    ----------
    energy : Quantity
        The quotient, with its interval.
    probability_less : float
        How likely the first takes less than the second.
    """

    energy: Quantity
    probability_less: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """Two networks that a simple metric ranks the wrong way round.

    Parameters
    ----------
    metric : {"macs", "params"}
        Which metric.
    more, less : int
        Places of the one that takes more energy, and of the one that takes less.
    ratio : float
        Energy of the first over that of the second.
    said : float
        The same by the metric: below 1.
    """

    metric: str
    more: int
    less: int
    ratio: float
    said: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Estimates beside the first of them.

    Parameters
    ----------
    estimates : tuple of Estimate
        In the order given.
    ratios : tuple of Ratio
        Each over the first; the first over itself is exactly 1.
    contradictions : tuple of Contradiction
        Pairs that a simple metric ranks the wrong way round, the worst first.
    """

    estimates: tuple[Estimate, ...]
    ratios: tuple[Ratio, ...]
    contradictions: tuple[Contradiction, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; each estimate as of its own, with its ratio to the first.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "estimates": [
                {
                    **estimate.to_dict(),
                    "energy_ratio": ratio.energy.to_dict(),
                    "probability_less": ratio.probability_less,
                }
                for estimate, ratio in zip(self.estimates, self.ratios, strict=True)
            ],
            "contradictions": [
                {
                    "metric": one.metric,
                    "more": one.more,
                    "less": one.less,
                    "energy_ratio": one.ratio,
                    "metric_ratio": one.said,
                }
                for one in self.contradictions
            ],
        }


def compare(estimates: Sequence[Estimate]) -> Comparison:
    """Compare estimates with the first of them.

    Parameters
    ----------
    estimates : sequence of Estimate
        At least two, of the same fitted model and confidence level.

    Returns
    -------
    comparison : Comparison
        With intervals of the ratios.

    Raises
    ------
    UsageError
        If there are fewer than two, or they come from several fitted models.

    Notes
    -----
    The interval of a ratio is a quantile of the errors of quotients of two
    architectures that were left out of the fit; the ends of the two networks' own
    intervals would make it wider than that.
    """
    if len(estimates) < 2:
        raise UsageError(f"a comparison needs two networks, got {len(estimates)}")
    if len({one.chosen.digest for one in estimates}) > 1:
        raise UsageError(
            "estimates of different fitted models cannot be compared; use one of them "
            "for all"
        )
    first = estimates[0]
    return Comparison(
        estimates=tuple(estimates),
        ratios=(
            Ratio(energy=Quantity(estimate=1, lower=1, upper=1), probability_less=0.5),
            *(energy_ratio(one, first) for one in estimates[1:]),
        ),
        contradictions=tuple(_contradictions(estimates)),
    )


def energy_ratio(one: Estimate, other: Estimate) -> Ratio:
    """Return the energy of one estimate over that of another.

    Parameters
    ----------
    one, other : Estimate
        Of the same fitted model.

    Returns
    -------
    ratio : Ratio
        With its interval at the level of `one`.
    """
    residuals = _residuals(one, other)
    widen = max(widening(one.verdict), widening(other.verdict))
    ratio = one.energy_j.estimate / other.energy_j.estimate
    return Ratio(
        energy=interval(ratio, residuals, one.confidence_level, widen=widen),
        probability_less=probability_below_one(ratio, residuals, widen=widen),
    )


def _residuals(one: Estimate, other: Estimate) -> FloatArray:
    """Return the errors of such quotients: of steps and cold parts, by their shares."""
    share = sum(_cold_share(estimate) for estimate in (one, other)) / 2
    return quotient_residuals(one.chosen.model, cold_share=share)


def quotient_residuals(model: FittedModel, *, cold_share: float) -> FloatArray:
    """Return the errors of quotients of two workloads' energies.

    Parameters
    ----------
    model : FittedModel
        The model that answers for both.
    cold_share : float
        Mean share of the cold part in both energies, 0 to 1.

    Returns
    -------
    residuals : ndarray of shape (n_residuals,)
        Absolute log errors, ascending.
    """
    steady, cold = model.steps["energy_j"].pair_residuals, model.cold.get("energy_j")
    if cold is None or not len(steady) or not len(cold.pair_residuals):
        return steady
    levels = np.linspace(0, 1, KEPT_PAIRS)
    mixed: FloatArray = (1 - cold_share) * np.quantile(
        steady, levels
    ) + cold_share * np.quantile(cold.pair_residuals, levels)
    return mixed


def _cold_share(estimate: Estimate) -> float:
    cold = estimate.cold_energy_j
    return 0.0 if cold is None else cold.estimate / estimate.energy_j.estimate


def _contradictions(estimates: Sequence[Estimate]) -> list[Contradiction]:
    found = []
    for more, less in permutations(range(len(estimates)), 2):
        one, other = estimates[more], estimates[less]
        ratio = energy_ratio(one, other)
        if one.workload != other.workload or 1 - ratio.probability_less < SURE:
            continue
        for metric in ("macs", "params"):
            high, low = getattr(one.counts, metric), getattr(other.counts, metric)
            if 0 < high < low:
                found.append(
                    Contradiction(
                        metric=metric,
                        more=more,
                        less=less,
                        ratio=ratio.energy.estimate,
                        said=high / low,
                    )
                )
    return sorted(found, key=lambda one: one.said / one.ratio)
