"""Physical prices times boosted corrections of each operation for its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import FloatArray, StepTable
from predictor.regressors.costs import Costs
from predictor.regressors.nested import below, prefixed
from predictor.regressors.physical import Physical
from predictor.regressors.shapes import (
    SHAPE_COLUMNS,
    distance,
    distinct_rows,
    operation_ranges,
    operation_shapes,
)
from predictor.regressors.trees import Trees, joined, nodes_of

STAGES = 250
"""Each adds a tree."""

SUBSAMPLE = 0.7
"""Share of the configurations that each stage sees."""

RESIDUAL_LIMIT = 1.0
"""Log residuals are cut here in each stage, so that outliers do not steer a tree."""

OPERATION_RATE = 0.08
OPERATION_LEAVES = 12
FEATURES = 0.3
"""Share of the columns that each split looks at."""

SMALLEST_LEAF = 5
"""Distinct shapes of operations in a tree's leaf."""

LEAF_RIDGE = 10.0
"""Strength, in configurations, that pulls a leaf's correction to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """Physical prices with corrections that fade when extrapolating.

    Parameters
    ----------
    physical : Physical
        The prices.
    operation_trees : Trees
        Log correction of an operation as a function of `shapes.SHAPE_COLUMNS`.
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        Range of each column in the fit; NaN for what was never measured.
    """

    physical: Physical
    operation_trees: Trees
    lowest: FloatArray
    highest: FloatArray

    def operation_correction(self, table: StepTable) -> FloatArray:
        """Return the log correction of each operation for its shape.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        correction : ndarray of shape (n_operations,)
            Zero for what was never measured.
        """
        shapes = operation_shapes(table)
        first, back = distinct_rows(shapes)
        distinct = shapes[first]
        fade = np.exp(-distance(distinct, self.lowest, self.highest))
        values = self.operation_trees.predict(distinct) * fade
        correction: FloatArray = values[back]
        return correction

    def costs(self, table: StepTable) -> Costs:
        """Return what each operation and the start of each step take.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        costs : Costs
            Energy in J or time in s, whichever was fitted.
        """
        priced = self.physical.costs(table)
        correction = np.exp(self.operation_correction(table))
        return replace(priced, operations=priced.operations * correction)

    def predict(self, table: StepTable) -> FloatArray:
        """Return what one step takes.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        values : ndarray of shape (n_steps,)
            Energy in J or time in s, whichever was fitted.
        """
        return self.costs(table).total(table)

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By dotted field name.
        """
        return {
            "lowest": self.lowest,
            "highest": self.highest,
            **prefixed("physical.", self.physical.to_arrays()),
            **prefixed("operation_trees.", self.operation_trees.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Hybrid:
        """Rebuild from stored arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.

        Returns
        -------
        model : Hybrid
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing or damaged.
        """
        expected = (len(OPERATION_KINDS), len(PHASES), len(SHAPE_COLUMNS))
        try:
            ranges = {
                name: np.asarray(arrays[name], dtype=np.float64)
                for name in ("lowest", "highest")
            }
        except KeyError as error:
            raise ModelFileError(f"array {error} of a regressor is missing") from error
        if any(values.shape != expected for values in ranges.values()):
            raise ModelFileError("stored ranges are damaged; fit the model again")
        return cls(
            physical=Physical.from_arrays(below(arrays, "physical.")),
            operation_trees=Trees.from_arrays(
                below(arrays, "operation_trees."), n_features=len(SHAPE_COLUMNS)
            ),
            **ranges,
        )


class _Boosting:
    """What has been learned after some stages, and what is left to learn."""

    def __init__(
        self,
        table: StepTable,
        target: FloatArray,
        physical: Physical,
        correction: FloatArray,
        seed: int,
    ) -> None:
        self.table, self.log_target = table, np.log(target)
        self.random = np.random.default_rng(seed)
        shapes = operation_shapes(table)
        # Networks share shapes, and a tree cannot tell equal ones apart: it grows on
        # the distinct ones, each with the mean residual and the sum of shares.
        self.distinct, place = np.unique(
            np.asarray(shapes, dtype=np.float32), axis=0, return_inverse=True
        )
        self.place = place.reshape(-1)
        priced = physical.costs(table)
        self.base = priced.operations * table.column("calls")
        self.overhead = priced.starts
        self.correction = correction.copy()
        self.nodes: list[dict[str, Any]] = []

    def costs(self) -> tuple[FloatArray, FloatArray]:
        """Return the share of each operation, and the residual of each step."""
        cost = self.base * np.exp(self.correction)
        total = self.overhead + np.bincount(
            self.table.step, weights=cost, minlength=len(self.table)
        )
        residual = self.log_target - np.log(total)
        cut = np.clip(residual, -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
        return cost / total[self.table.step], cut

    def add_tree(self, seen_steps: Any) -> None:
        from sklearn.tree import DecisionTreeRegressor

        share, residual = self.costs()
        step, n_distinct = self.table.step, len(self.distinct)
        seen = seen_steps[step] & (share > 1e-4)
        if not seen.any():
            return
        weight = np.bincount(self.place[seen], share[seen], minlength=n_distinct)
        pull = np.bincount(
            self.place[seen], (share * residual[step])[seen], minlength=n_distinct
        )
        known = weight > 0
        tree = DecisionTreeRegressor(
            max_leaf_nodes=OPERATION_LEAVES,
            min_samples_leaf=SMALLEST_LEAF,
            max_features=FEATURES,
            random_state=int(self.random.integers(2**31)),
        ).fit(
            self.distinct[known],
            pull[known] / weight[known],
            sample_weight=weight[known],
            check_input=False,  # 2 ms of each of the many trees of a small set
        )
        leaf = tree.apply(self.distinct, check_input=False)
        leaves, compact = np.unique(leaf, return_inverse=True)
        cell = step * len(leaves) + compact[self.place]
        gathered = np.bincount(
            cell, weights=share, minlength=len(self.table) * len(leaves)
        ).reshape(len(self.table), len(leaves))[seen_steps]
        gram = gathered.T @ gathered + LEAF_RIDGE * np.eye(len(leaves))
        solved = np.linalg.solve(gram, gathered.T @ residual[seen_steps])
        values = np.zeros(tree.tree_.node_count)
        values[leaves] = OPERATION_RATE * np.clip(solved, -2.0, 2.0)
        self.correction += values[leaf[self.place]]
        self.nodes.append(nodes_of(tree.tree_, values))


def fit_hybrid(
    table: StepTable,
    target: FloatArray,
    physical: Physical,
    *,
    seed: int = 0,
    base: Hybrid | None = None,
) -> Hybrid:
    """Boost corrections of prices from the totals of steps.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.
    physical : Physical
        Prices fitted on the same steps.
    seed : int, default=0
        Seed of the subsampling.
    base : Hybrid, optional
        Another device, whose corrections of operations are where these begin; then
        `physical` must have been fitted with them.

    Returns
    -------
    model : Hybrid
        The fitted model.

    Notes
    -----
    Gradient boosting (Friedman, 2001) on the squared log error of a step's total by
    functions of each operation's shape. With ``share`` the part of the predicted total
    that an operation has, the gradient with respect to its log cost is
    ``share * residual``: each stage grows a tree on operations with the step's residual
    as target and the share as weight, then solves all its leaves together by ridge
    regression of the residuals on the shares gathered in each leaf.
    """
    table = table.merged()
    lowest, highest = operation_ranges(operation_shapes(table))
    correction, known = np.zeros(len(table.operations)), []
    if base is not None:
        lowest, highest = np.fmin(lowest, base.lowest), np.fmax(highest, base.highest)
        base = replace(base, lowest=lowest, highest=highest)
        correction, known = base.operation_correction(table), [base.operation_trees]
    boosting = _Boosting(table, target, physical, correction, seed)
    for _ in range(STAGES):
        seen_steps = boosting.random.random(len(table)) < SUBSAMPLE
        if seen_steps.any():
            boosting.add_tree(seen_steps)
    return Hybrid(
        physical=physical,
        operation_trees=joined([*known, Trees.from_nodes(boosting.nodes)]),
        lowest=lowest,
        highest=highest,
    )
