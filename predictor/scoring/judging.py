"""How good forecasts were: errors, coverage, bias and drift, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np

from predictor.dataset import TARGETS, Target
from predictor.features import FloatArray
from predictor.metrics import errors_of, without_nan
from predictor.scoring.runs import Run
from predictor.units import SECONDS_PER_HOUR

LEVEL = 0.95
"""Of the intervals of coverage and bias, and of the test for drift."""

FEWEST_FOR_BIAS = 3
FEWEST_FOR_DRIFT = 5
"""The least for which a rank test can be sure at `LEVEL`: of 4 runs even a perfect
order comes by chance in 2 of 24 cases."""

MOST_FOR_DRIFT = 2000
"""All pairs are compared; of more runs, so many are taken evenly."""

WIDEST_COVERAGE = 0.5
"""An interval of the coverage that is wider says nothing."""

TOO_FEW = "too few to tell"
IntArray = np.ndarray[Any, np.dtype[np.intp]]
Of = Literal["networks", "runs of one network"]
DriftOf = Literal["the same networks", "different networks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often the truth lay in the interval.

    Parameters
    ----------
    promised : float
        Confidence level of the forecasts.
    share : float
        Share of runs inside.
    lower, upper : float
        Its interval by Clopper and Pearson, each network counting once.
    verdict : str
        Whether the promise lies in it.
    """

    promised: float
    share: float
    lower: float
    upper: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """By how much forecasts are wrong on the whole.

    Parameters
    ----------
    ratio : float
        Geometric mean of actual over forecast, each network counting once: what
        forecasts would have to be multiplied by.
    lower, upper : float or None
        Its interval by Student's t on logarithms; None for fewer than two.
    of : {"networks", "runs of one network"}
        Over what the mean was taken.
    verdict : str
        Whether it is more than chance.
    """

    ratio: float
    lower: float | None
    upper: float | None
    of: Of
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Whether actual over forecast has a trend in time.

    Parameters
    ----------
    n : int
        Runs whose time is known, and that were compared.
    of : {"the same networks", "different networks"}
        Whether each run was compared with others of its network, as it is where enough
        were repeated. Among different networks a trend may also be one in what was
        trained.
    kendall_tau, p_value : float or None
        Rank correlation with time, and how likely one as large is by chance.
    change : float or None
        Factor over the time seen, by the median of slopes (Theil and Sen).
    span_days : float or None
        The time seen, in days.
    verdict : str
        Whether there is a trend.
    """

    n: int
    of: DriftOf
    kendall_tau: float | None
    p_value: float | None
    change: float | None
    span_days: float | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good one model's forecasts of one quantity were on one hardware.

    Parameters
    ----------
    target : {"energy_j", "duration_s"}
        What was forecast.
    hardware, backend : str
        What computed.
    model, digest : str
        Which fitted model forecast.
    source : str or None
        Meter of the actual energy; None for times.
    energy_kind : str or None
        ``measured`` or ``modelled``; None for times.
    forecast_kind : str or None
        The same of the energy that the model was fitted on.
    n, networks : int
        Runs, and different networks among them.
    mape, median_ape, within_20, worst_ape : float
        Relative errors, as fractions.
    spearman : float
        Rank correlation of forecast and actual; NaN for fewer than three runs.
    coverage : Coverage
        Of the intervals.
    bias : Bias
        What is wrong on the whole.
    drift : Drift
        What is wrong more and more.
    """

    target: Target
    hardware: str
    backend: str
    model: str
    digest: str
    source: str | None
    energy_kind: str | None
    forecast_kind: str | None
    n: int
    networks: int
    mape: float
    median_ape: float
    within_20: float
    worst_ape: float
    spearman: float
    coverage: Coverage
    bias: Bias
    drift: Drift

    def to_dict(self) -> dict[str, object]:
        """Return the numbers by name.

        Returns
        -------
        document : dict
            JSON values; null for what does not exist.
        """
        return without_nan(asdict(self))


def judge_runs(runs: Sequence[Run]) -> list[Score]:
    """Judge forecasts.

    Parameters
    ----------
    runs : sequence of Run
        What was forecast, and what it took.

    Returns
    -------
    scores : list of Score
        One per quantity, hardware, fitted model, confidence level and meter: what was
        measured is never taken together with what was modelled.
    """

    def key(run: Run, target: Target) -> tuple[str, ...]:
        forecast = run.forecast
        same = (run.hardware, run.backend, forecast.model, forecast.digest)
        level = f"{forecast.confidence_level:.6f}"
        if target == "duration_s":
            return (*same, level)
        return (*same, level, run.source or "", forecast.energy_source)

    scores = []
    for target in TARGETS:
        known = [run for run in runs if _pair(run, target) is not None]
        known.sort(key=lambda run: key(run, target))
        for _, group in groupby(known, key=lambda run: key(run, target)):
            scores.append(_score(list(group), target))
    return scores


def _pair(run: Run, target: Target) -> tuple[float, float, float, float] | None:
    """Return forecast, its ends, and actual."""
    energy = target == "energy_j"
    forecast = run.forecast.energy_j if energy else run.forecast.duration_s
    actual = run.energy_j if energy else run.duration_s
    if forecast is None or actual is None:
        return None
    return forecast.estimate, forecast.lower, forecast.upper, actual


def _score(runs: Sequence[Run], target: Target) -> Score:
    first = runs[0]
    pairs = [pair for run in runs if (pair := _pair(run, target))]
    predicted, lower, upper, actual = np.array(pairs, dtype=np.float64).T
    errors = errors_of(predicted, actual)
    names, network = np.unique(
        [run.forecast.network_sha256 for run in runs], return_inverse=True
    )
    log_ratio = np.log(actual / predicted)
    inside = ((lower <= actual) & (actual <= upper)).astype(float)
    is_energy = target == "energy_j"
    return Score(
        target=target,
        hardware=first.hardware,
        backend=first.backend,
        model=first.forecast.model,
        digest=first.forecast.digest,
        source=first.source if is_energy else None,
        energy_kind=first.energy_kind if is_energy else None,
        forecast_kind=first.forecast.energy_source if is_energy else None,
        n=len(runs),
        networks=len(names),
        mape=errors.mape,
        median_ape=errors.median_ape,
        within_20=errors.within_20,
        worst_ape=errors.worst_ape,
        spearman=errors.spearman,
        coverage=_coverage(inside, network, first.forecast.confidence_level),
        bias=_bias(log_ratio, network),
        drift=_drift(log_ratio, network, runs),
    )


def _per_network(values: FloatArray, network: IntArray) -> FloatArray:
    means: FloatArray = np.bincount(network, weights=values) / np.bincount(network)
    return means


def _coverage(inside: FloatArray, network: IntArray, promised: float) -> Coverage:
    from scipy.special import betaincinv

    means = _per_network(inside, network)
    trials, hits = len(means), float(means.sum())
    tail = (1 - LEVEL) / 2
    lower = float(betaincinv(hits, trials - hits + 1, tail)) if hits > 0 else 0.0
    upper = 1.0
    if hits < trials:
        upper = float(betaincinv(hits + 1, trials - hits, 1 - tail))
    verdict = "as promised"
    if upper < promised:
        verdict = "too narrow"
    elif lower > promised:
        verdict = "wider than promised"
    elif upper - lower > WIDEST_COVERAGE:
        verdict = TOO_FEW
    return Coverage(
        promised=promised,
        share=float(inside.mean()),
        lower=lower,
        upper=upper,
        verdict=verdict,
    )


def _bias(log_ratio: FloatArray, network: IntArray) -> Bias:
    from scipy.special import stdtrit

    means = _per_network(log_ratio, network)
    of: Of = "networks" if len(means) > 1 else "runs of one network"
    values = means if len(means) > 1 else log_ratio
    n, mean = len(values), float(values.mean())
    if n < 2:
        return Bias(
            ratio=math.exp(mean), lower=None, upper=None, of=of, verdict=TOO_FEW
        )
    error = float(values.std(ddof=1)) / math.sqrt(n)
    half = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * error
    verdict = "within chance"
    if n < FEWEST_FOR_BIAS:
        verdict = TOO_FEW
    elif abs(mean) > half:
        verdict = "beyond chance"
    return Bias(
        ratio=math.exp(mean),
        lower=math.exp(max(mean - half, -700.0)),
        upper=math.exp(min(mean + half, 700.0)),
        of=of,
        verdict=verdict,
    )


def _drift(log_ratio: FloatArray, network: IntArray, runs: Sequence[Run]) -> Drift:
    """Look for a trend among runs of the same networks, if there are enough such."""
    times = np.array(
        [run.started_at.timestamp() if run.started_at else math.nan for run in runs]
    )
    known = np.flatnonzero(np.isfinite(times))
    repeated = known[np.bincount(network[known])[network[known]] > 1]
    of: DriftOf = "different networks"
    if len(repeated) >= FEWEST_FOR_DRIFT:
        known, of = repeated, "the same networks"
    if len(known) > MOST_FOR_DRIFT:
        known = known[np.linspace(0, len(known) - 1, MOST_FOR_DRIFT).astype(int)]
    days = times[known] / (24 * SECONDS_PER_HOUR)
    values, strata = log_ratio[known], network[known]
    if of == "different networks":
        strata = np.zeros_like(strata)
    values = values - (np.bincount(strata, values) / np.bincount(strata))[strata]
    if len(known) < FEWEST_FOR_DRIFT or min(np.ptp(days), np.ptp(values)) == 0:
        return Drift(
            n=len(known),
            of=of,
            kendall_tau=None,
            p_value=None,
            change=None,
            span_days=None,
            verdict=TOO_FEW,
        )
    from scipy.stats import kendalltau

    test = kendalltau(days, values)
    first, second = np.triu_indices(len(known), 1)
    comparable = (strata[first] == strata[second]) & (days[first] != days[second])
    first, second = first[comparable], second[comparable]
    slopes = (values[second] - values[first]) / (days[second] - days[first])
    span_days = float(np.ptp(days))
    change = float(np.median(slopes)) * span_days if len(slopes) else 0.0
    return Drift(
        n=len(known),
        of=of,
        kendall_tau=float(test.statistic),
        p_value=float(test.pvalue),
        change=math.exp(max(-700.0, min(change, 700.0))),
        span_days=span_days,
        verdict="a trend" if test.pvalue < 1 - LEVEL else "no trend seen",
    )


def score_document(
    scores: Sequence[Score], runs: int, left_out: Mapping[str, int]
) -> dict[str, object]:
    """Return the document that ``predictor score --format json`` prints.

    Parameters
    ----------
    scores : sequence of Score
        As of `judge_runs`.
    runs : int
        How many runs were judged.
    left_out : mapping of str to int
        How many were not, by reason.

    Returns
    -------
    document : dict
        Schema version 1.
    """
    return {
        "schema_version": 1,
        "confidence_level": LEVEL,
        "runs": runs,
        "left_out": [
            {"reason": reason, "count": count} for reason, count in left_out.items()
        ],
        "results": [score.to_dict() for score in scores],
    }
