"""Sums of regression trees evaluated all at once, by masks of their leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from predictor.features import FloatArray, IntArray

MOST_LEAVES = 64
"""A tree's leaves are the bits of one number."""

LEAF = -1
"""Stands for the column of a node that compares nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafMasks:
    """A sum of trees, by what each comparison rules out.

    A value above a node's threshold rules out the leaves on the node's left. The
    leftmost leaf that no comparison rules out is the one that a walk ends in (Lucchese
    et al., "QuickScorer", SIGIR 2015). Walks, which numpy would take one level of all
    trees at a time, are ten times slower.

    Parameters
    ----------
    cuts : tuple of (int, ndarray, ndarray)
        By column compared: the column, its thresholds ascending, and a mask for each
        tree of the leaves that stay where ``i`` of the thresholds are exceeded, of
        shape (n_thresholds + 1, n_trees or a few more).
    values : ndarray of shape (n_trees, n_leaves)
        What the leaves add, from left to right.
    """

    cuts: tuple[tuple[int, FloatArray, npt.NDArray[Any]], ...]
    values: FloatArray

    def predict(self, rows: npt.NDArray[np.float32]) -> FloatArray:
        """Add up the trees' values.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_features)
            What the thresholds are compared with.

        Returns
        -------
        sums : ndarray of shape (n_samples,)
            Sum over all trees.
        """
        trees, leaves = self.values.shape
        mask = _mask_type(leaves)
        left = np.full((len(rows), 1), np.iinfo(mask).max, dtype=mask)
        for column, thresholds, kept in self.cuts:
            left = left & kept.take(thresholds.searchsorted(rows[:, column]), axis=0)
        left = np.broadcast_to(left[:, :trees], (len(rows), trees))
        leftmost = np.bitwise_count((left & -left) - 1)
        places = leftmost + leaves * np.arange(trees)
        sums: FloatArray = self.values.reshape(-1).take(places).sum(axis=1)
        return sums


def leaf_masks(
    *,
    roots: IntArray,
    feature: IntArray,
    threshold: FloatArray,
    left: IntArray,
    right: IntArray,
    value: FloatArray,
) -> LeafMasks:
    """Prepare trees for their evaluation.

    Parameters
    ----------
    roots, feature, threshold, left, right, value : ndarray
        As in `trees.Trees`; no node has two parents.

    Returns
    -------
    masks : LeafMasks
        Predicts what the trees do.

    Raises
    ------
    ValueError
        If a tree has more than `MOST_LEAVES` leaves.
    """
    levels = [roots]  # of nodes that compare, beginning at the roots
    while len(levels[-1]):
        inner = levels[-1][feature[levels[-1]] != LEAF]
        levels[-1:] = [inner, np.concatenate([left[inner], right[inner]])]
    leaves = np.ones(len(feature), dtype=np.int64)
    for nodes in reversed(levels):
        leaves[nodes] = leaves[left[nodes]] + leaves[right[nodes]]
    most = int(leaves[roots].max(initial=1))
    if most > MOST_LEAVES:
        raise ValueError(f"a tree has {most} leaves; the most is {MOST_LEAVES}")
    tree, first = np.full(len(feature), LEAF), np.zeros(len(feature), dtype=np.int64)
    tree[roots] = np.arange(len(roots))
    for nodes in levels:
        tree[left[nodes]] = tree[right[nodes]] = tree[nodes]
        first[left[nodes]] = first[nodes]
        first[right[nodes]] = first[nodes] + leaves[left[nodes]]
    values = np.zeros((len(roots), most))
    ends = np.flatnonzero((feature == LEAF) & (tree != LEAF))
    values[tree[ends], first[ends]] = value[ends]
    mask = _mask_type(most)
    everything = np.uint64(2**MOST_LEAVES - 1)
    inner = np.concatenate(levels)
    on_the_left = everything >> (MOST_LEAVES - leaves[left[inner]]).astype(np.uint64)
    stay = (~(on_the_left << first[inner].astype(np.uint64))).astype(mask)
    cuts = []
    together = 8 // np.dtype(mask).itemsize  # as many masks are joined by one operation
    width = -(-len(roots) // together) * together
    for column in np.unique(feature[inner]):
        found = np.flatnonzero(feature[inner] == column)
        found = found[np.argsort(threshold[inner[found]], kind="stable")]
        kept = np.full((len(found) + 1, width), np.iinfo(mask).max, dtype=mask)
        kept[np.arange(len(found)) + 1, tree[inner[found]]] = stay[found]
        joined = kept.view(np.uint64)
        np.bitwise_and.accumulate(joined, axis=0, out=joined)
        cuts.append((int(column), threshold[inner[found]], kept))
    return LeafMasks(cuts=tuple(cuts), values=values)


def _mask_type(leaves: int) -> type[np.unsignedinteger[Any]]:
    if leaves <= 16:
        return np.uint16
    return np.uint32 if leaves <= 32 else np.uint64
