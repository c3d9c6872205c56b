"""Pairs of rows, and how a metric orders them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from predictor.features import FloatArray, IntArray

LARGEST_SAMPLE = 200_000
"""Of more pairs so many are drawn: from them a share is known to about 0.1 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How a metric orders pairs whose true order is beyond doubt.

    Parameters
    ----------
    pairs : int
        Number of such pairs.
    wrong_share : float
        Share of them in the wrong order, where equal values count half; NaN where there
        is no pair.
    wrong : ndarray of int, shape (n_wrong, 2)
        The pairs in the wrong order, largest true ratio first; of each, first the row
        that takes more and is said to take less.
    """

    pairs: int
    wrong_share: float
    wrong: IntArray


def pairs_within(
    blocks: Sequence[Hashable], groups: Sequence[str], *, seed: int
) -> IntArray:
    """Return the pairs of rows that share a block and are of different groups.

    Parameters
    ----------
    blocks : sequence of hashable
        What the rows of a pair have in common, one per row.
    groups : sequence of str
        In what they differ: the architecture.
    seed : int
        Seed of the sample that stands for more than `LARGEST_SAMPLE` pairs.

    Returns
    -------
    pairs : ndarray of int, shape (n_pairs, 2)
        Indices of rows; no pair twice, in either order.

    Notes
    -----
    Pairs are numbered block by block, in a block row j with each row i before it as
    ``j * (j - 1) / 2 + i``; numbers are drawn, so that the rest is never made.

    Examples
    --------
    >>> pairs_within([8, 8, 4, 8], "aabb", seed=0).tolist()
    [[0, 3], [1, 3]]
    """
    block, group = _numbered(blocks), _numbered(groups)
    order = np.argsort(block, kind="stable")
    sizes = np.bincount(block)
    counts = sizes * (sizes - 1) // 2
    total = int(counts.sum())
    if total > LARGEST_SAMPLE:
        random = np.random.default_rng(seed)
        numbers = random.choice(total, LARGEST_SAMPLE, replace=False, shuffle=False)
    else:
        numbers = np.arange(total, dtype=np.int64)
    ends = np.cumsum(counts)
    of_block = np.searchsorted(ends, numbers, side="right")
    number = numbers - (ends - counts)[of_block]
    later = ((1.0 + np.sqrt(1.0 + 8.0 * number)) / 2.0).astype(np.int64)
    earlier = number - later * (later - 1) // 2
    starts = (np.cumsum(sizes) - sizes)[of_block]
    pairs: IntArray = order[np.column_stack([starts + earlier, starts + later])]
    different: IntArray = pairs[group[pairs[:, 0]] != group[pairs[:, 1]]]
    return different


def _numbered(items: Sequence[Hashable]) -> IntArray:
    numbers: dict[Hashable, int] = {}
    found = [numbers.setdefault(item, len(numbers)) for item in items]
    return np.array(found, dtype=np.int64)


def rank_pairs(
    pairs: IntArray, said: FloatArray, actual: FloatArray, *, threshold: float
) -> Ranking:
    """Compare the order that a metric gives with the true one.

    Parameters
    ----------
    pairs : ndarray of int, shape (n_pairs, 2)
        Indices of rows.
    said : ndarray of shape (n_rows,)
        The metric; more is said to take more.
    actual : ndarray of shape (n_rows,)
        What was taken, strictly positive.
    threshold : float
        How much more the one row of a pair must take to count, as a fraction.

    Returns
    -------
    ranking : Ranking
        Of the pairs that differ by more than the threshold.

    Examples
    --------
    >>> ranking = rank_pairs(
    ...     np.array([[0, 1], [0, 2], [1, 2]]),
    ...     np.array([5.0, 7.0, 5.0]),
    ...     np.array([1.0, 3.0, 4.0]),
    ...     threshold=0.1,
    ... )
    >>> ranking.pairs, ranking.wrong_share, ranking.wrong.tolist()
    (3, 0.5, [[2, 1]])
    """
    log_ratio = np.log(actual[pairs[:, 0]] / actual[pairs[:, 1]])
    decided = np.abs(log_ratio) > math.log1p(threshold)
    pairs, log_ratio = pairs[decided], log_ratio[decided]
    agreement = np.sign(said[pairs[:, 0]] - said[pairs[:, 1]]) * np.sign(log_ratio)
    more_first = np.where((log_ratio > 0)[:, None], pairs, pairs[:, ::-1])
    wrong = np.flatnonzero(agreement < 0)
    wrong = wrong[np.argsort(-np.abs(log_ratio[wrong]), kind="stable")]
    wrong_share = float(np.mean((1.0 - agreement) / 2.0)) if len(pairs) else math.nan
    return Ranking(pairs=len(pairs), wrong_share=wrong_share, wrong=more_first[wrong])
