"""Sums of regression trees as plain arrays, evaluated without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from predictor.errors import ModelFileError
from predictor.features import FloatArray, IntArray
from predictor.regressors.leaf_masks import LEAF, MOST_LEAVES, LeafMasks, leaf_masks

_FIELDS = ("roots", "feature", "threshold", "left", "right", "value")

LARGEST_MASKS = 2**24
"""Limit on comparisons times trees, which is what their evaluation holds in memory."""


@dataclass(frozen=True, kw_only=True)
class Trees:
    """A sum of regression trees.

    Parameters
    ----------
    roots : ndarray of int, shape (n_trees,)
        Index of each tree's first node.
    feature : ndarray of int, shape (n_nodes,)
        Column that a node compares; -1 marks a leaf.
    threshold : ndarray of shape (n_nodes,)
        A value up to the threshold goes left.
    left, right : ndarray of int, shape (n_nodes,)
        Children, always behind their parent, so that no walk can be endless.
    value : ndarray of shape (n_nodes,)
        What a leaf adds.

    Examples
    --------
    >>> stump = Trees.from_nodes(
    ...     [dict(feature=[0, -1, -1], threshold=[0.5, 0, 0], left=[1, -1, -1],
    ...           right=[2, -1, -1], value=[0.0, -1.0, 1.0])]
    ... )
    >>> stump.predict(np.array([[0.0], [2.0]]))
    array([-1.,  1.])
    """

    roots: IntArray
    feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    value: FloatArray

    @classmethod
    def from_nodes(cls, trees: Sequence[Mapping[str, Any]]) -> Trees:
        """Join trees given one by one.

        Parameters
        ----------
        trees : sequence of mapping
            Each with ``feature``, ``threshold``, ``left``, ``right`` and ``value``
            arrays; children counted from the tree's own first node.

        Returns
        -------
        trees : Trees
            Their sum.
        """
        sizes = [len(tree["feature"]) for tree in trees]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

        def joined(name: str, kind: type) -> Any:
            return np.concatenate([np.asarray(t[name], dtype=kind) for t in trees])

        feature = np.maximum(joined("feature", np.int64), LEAF)
        offset = np.repeat(roots, sizes)
        inner = feature != LEAF
        return cls(
            roots=roots,
            feature=feature,
            threshold=joined("threshold", np.float64),
            left=np.where(inner, joined("left", np.int64) + offset, LEAF),
            right=np.where(inner, joined("right", np.int64) + offset, LEAF),
            value=joined("value", np.float64),
        )

    def predict(self, X: FloatArray) -> FloatArray:
        """Add up the trees' values.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Compared as 32-bit floats, as scikit-learn's trees do.

        Returns
        -------
        sums : ndarray of shape (n_samples,)
            Sum over all trees.
        """
        return self._masks.predict(np.asarray(X, dtype=np.float32))

    @cached_property
    def _masks(self) -> LeafMasks:
        return leaf_masks(**self.to_arrays())

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By field name.
        """
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], *, n_features: int) -> Trees:
        """Rebuild from stored arrays, checking that every walk ends.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.
        n_features : int
            Number of columns the trees may compare.

        Returns
        -------
        trees : Trees
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing, lengths differ, a child does not lie behind its
            parent in the same tree or has two of them, a tree is larger than any that
            is grown here, or a column does not exist.
        """
        try:
            trees = cls(
                roots=np.asarray(arrays["roots"], dtype=np.int64),
                feature=np.asarray(arrays["feature"], dtype=np.int64),
                threshold=np.asarray(arrays["threshold"], dtype=np.float64),
                left=np.asarray(arrays["left"], dtype=np.int64),
                right=np.asarray(arrays["right"], dtype=np.int64),
                value=np.asarray(arrays["value"], dtype=np.float64),
            )
        except KeyError as error:
            raise ModelFileError(f"tree array {error} is missing") from error
        if not trees._is_sound(n_features):
            raise ModelFileError("the stored trees are damaged; fit the model again")
        return trees

    def _is_sound(self, n_features: int) -> bool:
        nodes = len(self.feature)
        if {len(getattr(self, name)) for name in _FIELDS if name != "roots"} != {nodes}:
            return False
        sizes = np.diff([*self.roots, nodes])  # trees lie one behind the other
        if not len(sizes) or self.roots[0] != 0 or sizes.min() < 1:
            return False
        inner = np.flatnonzero(self.feature != LEAF)
        children = np.concatenate([self.left[inner], self.right[inner]])
        ends = np.repeat(self.roots + sizes, sizes)[inner]
        return bool(
            sizes.max() < 2 * MOST_LEAVES
            and len(inner) * len(self.roots) <= LARGEST_MASKS
            and np.all(children > np.tile(inner, 2))
            and np.all(children < np.tile(ends, 2))
            and np.bincount(children, minlength=1).max() <= 1
            and np.all((self.feature >= LEAF) & (self.feature < n_features))
            and np.all(np.isfinite(self.threshold) & np.isfinite(self.value))
        )


def joined(parts: Sequence[Trees]) -> Trees:
    """Return the sum of sums of trees.

    Parameters
    ----------
    parts : sequence of Trees
        At least one.

    Returns
    -------
    trees : Trees
        Predicts what the parts predict together.

    Examples
    --------
    >>> leaf = Trees.from_nodes(
    ...     [dict(feature=[-1], threshold=[0], left=[-1], right=[-1], value=[0.5])]
    ... )
    >>> joined([leaf, leaf]).predict(np.zeros((1, 1)))
    array([1.])
    """
    sizes = [len(part.feature) for part in parts]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

    def moved(nodes: IntArray, offset: int) -> IntArray:
        return np.where(nodes == LEAF, LEAF, nodes + offset)

    pairs = list(zip(parts, offsets, strict=True))
    return Trees(
        roots=np.concatenate([part.roots + offset for part, offset in pairs]),
        feature=np.concatenate([part.feature for part in parts]),
        threshold=np.concatenate([part.threshold for part in parts]),
        left=np.concatenate([moved(part.left, offset) for part, offset in pairs]),
        right=np.concatenate([moved(part.right, offset) for part, offset in pairs]),
        value=np.concatenate([part.value for part in parts]),
    )


def nodes_of(
    tree: Any, values: FloatArray, columns: IntArray | None = None
) -> dict[str, Any]:
    """Return scikit-learn's grown tree as `Trees.from_nodes` takes it.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
        The nodes of a fitted tree.
    values : ndarray of shape (n_nodes,)
        What each node adds.
    columns : ndarray of int, optional
        The columns that it was grown on, where these were not all.

    Returns
    -------
    nodes : dict of str to ndarray
        By field.
    """
    feature = tree.feature
    if columns is not None:
        feature = np.where(feature >= 0, columns[np.maximum(feature, 0)], feature)
    return {
        "feature": feature,
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "value": values,
    }


def trees_of(regressor: Any, columns: IntArray | None = None) -> Trees:
    """Return the trees of scikit-learn's gradient boosting.

    Parameters
    ----------
    regressor : GradientBoostingRegressor
        Fitted.
    columns : ndarray of int, optional
        The columns that it was fitted on, where these were not all.

    Returns
    -------
    trees : Trees
        What it adds to its first guess.
    """
    rate = regressor.learning_rate
    grown = [stage[0].tree_ for stage in regressor.estimators_]
    return Trees.from_nodes(
        [nodes_of(tree, rate * tree.value[:, 0, 0], columns) for tree in grown]
    )
