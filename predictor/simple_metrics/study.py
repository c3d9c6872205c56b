"""What judging simple metrics found, as values and as a document."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from predictor.dataset import Target
from predictor.metrics import without_nan
from predictor.splits import Split

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSide:
    """One row of a pair.

    Parameters
    ----------
    name : str
        The network.
    batch_size : int
        Samples per step.
    said : float
        The metric; of one that grows with the batch, and of a prediction, the share of
        one sample.
    actual : float
        What a step took for one sample, in J or s.
    """

    name: str
    batch_size: int
    said: float
    actual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPair:
    """Two rows that a metric ranks the wrong way round.

    Parameters
    ----------
    mode : str
        Of both.
    ratio : float
        How many times as much the favoured one takes in truth, above 1.
    favoured : PairSide
        Said to take less, and takes more.
    slighted : PairSide
        Said to take more, and takes less.
    """

    mode: str
    ratio: float
    favoured: PairSide
    slighted: PairSide


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """How one metric does on the rows of one platform and mode; NaN is not known.

    Parameters
    ----------
    platform : str
        Label of the platform.
    mode : str
        ``training``, ``inference``, or ``all`` for both.
    metric : str
        One of `SIMPLE_METRICS`, ``tdp_time`` or ``chosen``.
    ex_ante : bool
        Whether it is known before anything has run.
    n : int
        Number of rows.
    spearman : float
        Rank correlation of the bare metric with what a step took.
    spearman_in_families : float
        Mean of the same inside families.
    median_ape, mape, within_20, worst_ape : float
        Errors, as in `metrics.Errors`, of the line fitted on the metric without the
        row's architecture; of ``tdp_time`` and ``chosen``, of what they predict.
    paired_by : {"batch_size", "sample"}
        Whether the two of a pair have one batch size, or are compared by sample alone.
    pairs : int
        Number of pairs that differ by more than the threshold.
    wrong_pairs : float
        Share of them that it ranks the wrong way round; equal values count half.
    worst_pairs : tuple of WrongPair
        Those of them with the largest true ratios, of each two networks one.
    """

    platform: str
    mode: str
    metric: str
    ex_ante: bool
    n: int
    spearman: float
    spearman_in_families: float
    median_ape: float
    mape: float
    within_20: float
    worst_ape: float
    paired_by: str
    pairs: int
    wrong_pairs: float
    worst_pairs: tuple[WrongPair, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the fields as JSON values.

        Returns
        -------
        result : dict
            Errors and shares are fractions; numbers that do not exist are None.
        """
        return without_nan(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricStudy:
    """How simple metrics do beside the model.

    Parameters
    ----------
    target : {"energy_j", "duration_s"}
        Of one step.
    split : str
        How rows were divided to fit the lines.
    model_split : str
        How they were to fit the model; ``model`` where it was fitted on other rows.
    noise_floor : float or None
        Relative difference of the same configuration measured twice.
    pair_threshold : float
        How much more the one of a pair must take, as a fraction.
    rows : int
        Number of measurements.
    results : tuple of MetricResult
        By platform, mode and metric.
    """

    target: Target
    split: Split
    model_split: str
    noise_floor: float | None
    pair_threshold: float
    rows: int
    results: tuple[MetricResult, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "target": self.target,
            "split": self.split,
            "model_split": self.model_split,
            "noise_floor": self.noise_floor,
            "pair_threshold": self.pair_threshold,
            "rows": self.rows,
            "results": [result.to_dict() for result in self.results],
        }
