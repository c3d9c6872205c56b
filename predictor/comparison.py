"""Networks side by side: what one takes against another, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from predictor.answer import Estimate
from predictor.errors import UsageError
from predictor.features import FloatArray
from predictor.intervals import (
    KEPT_PAIRS,
    Quantity,
    interval,
    probability_below_one,
)
from predictor.prediction import widening

SCHEMA_VERSION = 1

_LEVELS = 100
"""Quantiles of errors that are combined with as many of another model."""

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
    labels : tuple of str
        What each is called.
    ratios : tuple of Ratio
        Each over the first; the first over itself is exactly 1.
    contradictions : tuple of Contradiction
        Pairs that a simple metric ranks the wrong way round, the worst first.
    """

    estimates: tuple[Estimate, ...]
    labels: tuple[str, ...]
    ratios: tuple[Ratio, ...]
    contradictions: tuple[Contradiction, ...]

    def records(self) -> list[dict[str, object]]:
        """Return the rows of a table.

        Returns
        -------
        records : list of dict
            By estimate; energies in J, durations in s, emissions in gCO2e.
        """
        return [
            {
                "name": label,
                "params": one.counts.params,
                "macs": one.counts.macs,
                "energy_j": one.energy_j.estimate,
                "energy_j_lower": one.energy_j.lower,
                "energy_j_upper": one.energy_j.upper,
                "duration_s": one.duration_s and one.duration_s.estimate,
                "emissions_gco2e": one.emissions_gco2e.estimate,
                "energy_ratio": ratio.energy.estimate,
                "energy_ratio_lower": ratio.energy.lower,
                "energy_ratio_upper": ratio.energy.upper,
                "probability_less": ratio.probability_less,
            }
            for one, label, ratio in zip(
                self.estimates, self.labels, self.ratios, strict=True
            )
        ]

    def to_frame(self) -> Any:
        """Return the records as a table.

        Returns
        -------
        frame : pandas.DataFrame
            One row per estimate.
        """
        import pandas

        return pandas.DataFrame(self.records())

    def _repr_html_(self) -> str:
        return str(self.to_frame()._repr_html_())

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
                    "label": label,
                    "energy_ratio": ratio.energy.to_dict(),
                    "probability_less": ratio.probability_less,
                }
                for estimate, label, ratio in zip(
                    self.estimates, self.labels, self.ratios, strict=True
                )
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


def compare(
    estimates: Sequence[Estimate], labels: Sequence[str] | None = None
) -> Comparison:
    """Compare estimates with the first of them.

    Parameters
    ----------
    estimates : sequence of Estimate
        At least two: networks, workloads, or hardware.
    labels : sequence of str, optional
        What each is called; by default by its network.

    Returns
    -------
    comparison : Comparison
        With intervals of the ratios.

    Raises
    ------
    UsageError
        If there are fewer than two.
    """
    if len(estimates) < 2:
        raise UsageError(f"a comparison needs two networks, got {len(estimates)}")
    first = estimates[0]
    return Comparison(
        estimates=tuple(estimates),
        labels=tuple(labels or (one.network.architecture.name for one in estimates)),
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
        Of networks, workloads or hardware.

    Returns
    -------
    ratio : Ratio
        With its interval at the level of `one`.

    Notes
    -----
    Where both take the same steps, in other numbers, the error of a step is the same in
    both and the ratio is uncertain only by the cold part. Other networks and steps on
    the same hardware: a quantile of the errors of quotients of two architectures that
    were left out of the fit; the ends of the two intervals would make it wider. On two
    kinds of hardware the two errors are taken as independent.
    """
    if one.chosen.digest != other.chosen.digest:
        return _independent(one, other)
    if _step(one) == _step(other):
        return _same_steps(one, other)
    residuals = _residuals(one, other)
    widen = max(widening(one.verdict), widening(other.verdict))
    ratio = one.energy_j.estimate / other.energy_j.estimate
    return Ratio(
        energy=interval(ratio, residuals, one.confidence_level, widen=widen),
        probability_less=probability_below_one(ratio, residuals, widen=widen),
    )


def _step(estimate: Estimate) -> tuple[object, ...]:
    job = estimate.workload
    optimizer = job.optimizer if job.mode == "training" else ""
    return estimate.counts, job.mode, job.batch_size, optimizer, job.dtype


def _same_steps(one: Estimate, other: Estimate) -> Ratio:
    times, other_times = (item.workload.full_batches for item in (one, other))
    nothing = Quantity(estimate=0, lower=0, upper=0)
    cold = other.cold_energy_j or nothing

    def at(cold_end: str, step_end: str) -> float:
        start = getattr(cold, cold_end)
        steady = getattr(other.energy_j, step_end) - getattr(cold, step_end)
        return float((start + steady * times / other_times) / (start + steady))

    ratio = at("estimate", "estimate")
    ends = sorted((at("lower", "upper"), ratio, at("upper", "lower")))
    sure = 0.5 if times == other_times else float(times < other_times)
    return Ratio(
        energy=Quantity(estimate=ratio, lower=ends[0], upper=ends[-1]),
        probability_less=sure,
    )


def _independent(one: Estimate, other: Estimate) -> Ratio:
    levels = np.linspace(0, 1, _LEVELS)
    errors = [
        np.quantile(target.residuals[target.chosen], levels) * widening(item.verdict)
        for item in (one, other)
        for target in (item.chosen.model.steps["energy_j"],)
    ]
    together = np.add.outer(*errors), np.subtract.outer(*errors)
    residuals = np.sort(np.abs(np.concatenate(together, axis=None)))
    ratio = one.energy_j.estimate / other.energy_j.estimate
    return Ratio(
        energy=interval(ratio, residuals, one.confidence_level),
        probability_less=probability_below_one(ratio, residuals),
    )


def _residuals(one: Estimate, other: Estimate) -> FloatArray:
    """Return the errors of such quotients: of steps and cold parts, by their shares."""
    model = one.chosen.model
    steady, cold = model.steps["energy_j"].pair_residuals, model.cold.get("energy_j")
    if cold is None or not len(steady) or not len(cold.pair_residuals):
        return steady
    share = sum(_cold_share(estimate) for estimate in (one, other)) / 2
    levels = np.linspace(0, 1, KEPT_PAIRS)
    mixed: FloatArray = (1 - share) * np.quantile(steady, levels) + share * np.quantile(
        cold.pair_residuals, levels
    )
    return mixed


def _cold_share(estimate: Estimate) -> float:
    cold = estimate.cold_energy_j
    return 0.0 if cold is None else cold.estimate / estimate.energy_j.estimate


def _job(estimate: Estimate) -> tuple[object, ...]:
    return estimate.workload, estimate.chosen.digest


def _contradictions(estimates: Sequence[Estimate]) -> list[Contradiction]:
    found = []
    for more, less in permutations(range(len(estimates)), 2):
        one, other = estimates[more], estimates[less]
        ratio = energy_ratio(one, other)
        if _job(one) != _job(other) or 1 - ratio.probability_less < SURE:
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
