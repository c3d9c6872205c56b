"""How simple metrics rank and price what was measured, beside the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from predictor.dataset import Measurement, Target, step_table
from predictor.errors import DatasetError, UsageError
from predictor.evaluation import CHOSEN, TDP_TIME, Evaluation
from predictor.features import FloatArray, IntArray
from predictor.fitting import by_platform, targets_of
from predictor.metrics import errors_of, spearman
from predictor.regressors.baselines import fit_lines, line_values
from predictor.simple_metrics.catalogue import SIMPLE_METRICS
from predictor.simple_metrics.pairs import pairs_within, rank_pairs
from predictor.simple_metrics.study import (
    MetricResult,
    MetricStudy,
    PairSide,
    WrongPair,
)
from predictor.splits import Fold, Split, split_rows

ALL_MODES = "all"

FEWEST_FAMILY_ROWS = 4
"""A smaller family has no rank correlation worth a mean."""

FEWEST_PAIRS = 30
"""With fewer pairs of one batch size in a mode, any two rows of it make a pair."""

NOISE_FLOORS = 2.0
SMALLEST_DIFFERENCE = 0.1
"""The one of a pair takes more by this share, and by as many `NOISE_FLOORS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """The rows of a platform that every metric is judged on; arrays are per row."""

    rows: Sequence[Measurement]
    actual: FloatArray
    said: Mapping[str, FloatArray]
    predicted: Mapping[str, FloatArray]

    def by_sample(self, name: str) -> FloatArray:
        """Return what a metric says of one sample; of a network it says it as such."""
        said = self.said[name]
        if name in SIMPLE_METRICS and not SIMPLE_METRICS[name].of_step:
            return said
        return said / self.batch_sizes

    @property
    def batch_sizes(self) -> IntArray:
        """Samples per step."""
        return np.array([row.workload.batch_size for row in self.rows], dtype=np.int64)


def judge_metrics(
    measurements: Sequence[Measurement],
    evaluation: Evaluation,
    *,
    target: Target = "energy_j",
    split: Split = "group",
    shown_pairs: int = 5,
    seed: int = 0,
) -> MetricStudy:
    """Compare what simple metrics say with what was measured, beside the model.

    Every metric is judged on the same rows: those that the model predicts and that the
    split leaves out of a fit.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.
    evaluation : Evaluation
        The model's predictions of these rows, as `evaluate` or `evaluate_model` makes
        them.
    target : {"energy_j", "duration_s"}, default="energy_j"
        What is to be known of a step.
    split : str, default="group"
        How rows are divided to fit a line on each metric, as in `evaluate`.
    shown_pairs : int, default=5
        How many of the worst pairs to keep for each metric.
    seed : int, default=0
        Seed of the split and of the sample of pairs.

    Returns
    -------
    study : MetricStudy
        For each platform, mode and metric.

    Raises
    ------
    UsageError
        If the number of pairs is negative.
    DatasetError
        If the model predicts no row, or the rows do not allow the split.
    """
    if shown_pairs < 0:
        raise UsageError(f"pairs must be at least 0, got {shown_pairs}")
    floor = evaluation.noise_floor or 0.0
    threshold = max(NOISE_FLOORS * floor, SMALLEST_DIFFERENCE)
    results: list[MetricResult] = []
    for platform, judged in _by_platform(measurements, evaluation, target, split, seed):
        results += _results(platform, judged, threshold, shown_pairs, seed)
    if not results:
        raise DatasetError(
            f"no row has a prediction of {target} to compare with; give rows that all "
            f"have {target}, and a model that predicts it"
        )
    return MetricStudy(
        target=target,
        split=split,
        model_split=evaluation.split,
        noise_floor=evaluation.noise_floor,
        pair_threshold=threshold,
        rows=len(measurements),
        results=tuple(results),
    )


def _by_platform(
    measurements: Sequence[Measurement],
    evaluation: Evaluation,
    target: Target,
    split: Split,
    seed: int,
) -> Iterator[tuple[str, _Judged]]:
    place = {id(item): row for row, item in enumerate(measurements)}
    predicted = {
        name: np.full(len(measurements), np.nan) for name in (TDP_TIME, CHOSEN)
    }
    for item in evaluation.predictions:
        if item.target == target and item.regressor in predicted:
            predicted[item.regressor][item.row] = item.predicted
    for platform, part in by_platform(measurements).items():
        rows = [row for row in part if row.step(target) is not None]
        places = [place[id(row)] for row in rows]
        own = {name: values[places] for name, values in predicted.items()}
        if np.isfinite(own[CHOSEN]).any():
            folds = split_rows(rows, split, seed=seed)
            judged = _judged(rows, own, targets_of(rows, target), folds)
            if judged.rows:
                yield platform.label, judged


def _judged(
    rows: Sequence[Measurement],
    predicted: Mapping[str, FloatArray],
    actual: FloatArray,
    folds: Sequence[Fold],
) -> _Judged:
    table = step_table(rows)
    said: dict[str, FloatArray] = {}
    values: dict[str, FloatArray] = {}
    for name, metric in SIMPLE_METRICS.items():
        said[name] = metric.values(rows, table)
        columns = [np.log1p(said[name])]
        if not metric.of_step:
            columns.append(table.step_column("log_batch_size"))
        values[name] = _left_out(table.step_column("training"), columns, actual, folds)
    said.update(predicted)
    values.update(predicted)
    kept = np.flatnonzero(np.isfinite(values["macs"]) & np.isfinite(values[CHOSEN]))
    names = [name for name in values if np.isfinite(values[name][kept]).all()]
    return _Judged(
        rows=[rows[row] for row in kept.tolist()],
        actual=actual[kept],
        said={name: said[name][kept] for name in names},
        predicted={name: values[name][kept] for name in names},
    )


def _left_out(
    training: FloatArray,
    columns: Sequence[FloatArray],
    actual: FloatArray,
    folds: Sequence[Fold],
) -> FloatArray:
    predicted = np.full(len(actual), np.nan)
    for train, test in folds:
        fitted = [column[train] for column in columns]
        lines = fit_lines(training[train], fitted, actual[train])
        tested = [column[test] for column in columns]
        predicted[test] = line_values(training[test], tested, lines)
    return predicted


def _results(
    platform: str, judged: _Judged, threshold: float, shown_pairs: int, seed: int
) -> Iterator[MetricResult]:
    modes = [row.workload.mode for row in judged.rows]
    families = np.array([row.family for row in judged.rows])
    used: dict[str, IntArray] = {
        mode: np.flatnonzero([one == mode for one in modes])
        for mode in dict.fromkeys(modes)
    }
    paired_by, pairs = _pairs(judged, used, seed)
    if len(used) > 1:
        used[ALL_MODES] = np.arange(len(modes))
        pairs[ALL_MODES] = np.concatenate(list(pairs.values()))
    actual_by_sample = judged.actual / judged.batch_sizes
    for mode, rows in used.items():
        for name, whole in judged.said.items():
            said, actual = whole[rows], judged.actual[rows]
            errors = errors_of(judged.predicted[name][rows], actual)
            by_sample = judged.by_sample(name)
            ranking = rank_pairs(
                pairs[mode], by_sample, actual_by_sample, threshold=threshold
            )
            worst = _once_each(judged, ranking.wrong, shown_pairs)
            yield MetricResult(
                platform=platform,
                mode=mode,
                metric=name,
                ex_ante=name != TDP_TIME,
                n=errors.n,
                spearman=spearman(said, actual),
                spearman_in_families=_in_families(said, actual, families[rows]),
                median_ape=errors.median_ape,
                mape=errors.mape,
                within_20=errors.within_20,
                worst_ape=errors.worst_ape,
                paired_by=paired_by,
                pairs=ranking.pairs,
                wrong_pairs=ranking.wrong_share,
                worst_pairs=tuple(_wrong_pair(judged, by_sample, *p) for p in worst),
            )


def _pairs(
    judged: _Judged, used: Mapping[str, IntArray], seed: int
) -> tuple[str, dict[str, IntArray]]:
    groups = [row.group for row in judged.rows]

    def matched(blocks: Sequence[int]) -> dict[str, IntArray]:
        return {
            mode: rows[
                pairs_within(
                    [blocks[row] for row in rows],
                    [groups[row] for row in rows],
                    seed=seed,
                )
            ]
            for mode, rows in used.items()
        }

    by_batch_size = matched(judged.batch_sizes.tolist())
    if min(map(len, by_batch_size.values())) >= FEWEST_PAIRS:
        return "batch_size", by_batch_size
    return "sample", matched([0] * len(groups))


def _in_families(
    said: FloatArray, actual: FloatArray, families: npt.NDArray[np.str_]
) -> float:
    """Return the mean Spearman; a family in which the metric is constant has none."""
    found = [
        spearman(said[families == family], actual[families == family])
        for family in np.unique(families)
        if np.count_nonzero(families == family) >= FEWEST_FAMILY_ROWS
    ]
    known = [value for value in found if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _once_each(judged: _Judged, wrong: IntArray, most: int) -> list[tuple[int, int]]:
    """Return the worst pair of rows of each two networks, worst first."""
    found: dict[frozenset[str], tuple[int, int]] = {}
    for more, less in wrong.tolist():
        if len(found) == most:
            break
        networks = frozenset((judged.rows[more].group, judged.rows[less].group))
        found.setdefault(networks, (more, less))
    return list(found.values())


def _wrong_pair(judged: _Judged, said: FloatArray, more: int, less: int) -> WrongPair:
    favoured, slighted = (
        PairSide(
            name=str(row.row.get("name") or row.group),
            batch_size=row.workload.batch_size,
            said=float(said[place]),
            actual=float(judged.actual[place]) / row.workload.batch_size,
        )
        for place, row in ((place, judged.rows[place]) for place in (more, less))
    )
    return WrongPair(
        mode=judged.rows[more].workload.mode,
        ratio=favoured.actual / slighted.actual,
        favoured=favoured,
        slighted=slighted,
    )
