"""Physical prices times boosted corrections for each operation and each network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import STEP_COLUMNS, FloatArray, StepTable
from predictor.regressors.costs import Costs
from predictor.regressors.physical import Physical
from predictor.regressors.shapes import (
    SHAPE_COLUMNS,
    distance,
    operation_ranges,
    operation_shapes,
)
from predictor.regressors.trees import Trees, joined

STAGES = 250
"""Each stage adds a tree for operations, then one for networks."""

SUBSAMPLE = 0.7
"""Share of the configurations that each stage sees."""

RESIDUAL_LIMIT = 1.0
"""Log residuals are cut here in each stage, so that outliers do not steer a tree."""

OPERATION_RATE = 0.08
OPERATION_LEAVES = 12
SMALLEST_LEAF = 5
"""Rows of a tree's leaf: distinct shapes of operations, or networks."""

LEAF_RIDGE = 3.0
"""Strength, in configurations, that pulls a leaf's correction to none."""

NETWORK_RATE = 0.05
NETWORK_DEPTH = 4
NETWORK_FEATURES = 0.3
"""Share of the features that each split of a network's tree looks at."""

_N_NETWORK_COLUMNS = 1 + len(STEP_COLUMNS) + len(OPERATION_KINDS) * len(PHASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """Physical prices with corrections that fade when extrapolating.

    Parameters
    ----------
    physical : Physical
        The prices.
    operation_trees : Trees
        Log correction of an operation as a function of `shapes.SHAPE_COLUMNS`.
    network_trees : Trees
        Log correction of a whole step as a function of `network_shapes`.
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        Range of each column in the fit; NaN for what was never measured.
    network_lowest, network_highest : ndarray of shape (n_network_columns,)
        Range of each of `network_shapes` in the fit.
    """

    physical: Physical
    operation_trees: Trees
    network_trees: Trees
    lowest: FloatArray
    highest: FloatArray
    network_lowest: FloatArray
    network_highest: FloatArray

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
        distinct, back = np.unique(shapes, axis=0, return_inverse=True)
        fade = np.exp(-distance(distinct, self.lowest, self.highest))
        values = self.operation_trees.predict(distinct) * fade
        correction: FloatArray = values[back.reshape(-1)]
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
        whole = np.exp(self._network_correction(table, priced))
        return Costs(
            operations=priced.operations
            * np.exp(self.operation_correction(table))
            * whole[table.step],
            starts=priced.starts * whole,
        )

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

    def _network_correction(self, table: StepTable, priced: Costs) -> FloatArray:
        shapes = network_shapes(table, priced)
        beyond = np.maximum(self.network_lowest - shapes, shapes - self.network_highest)
        fade: FloatArray = np.exp(-np.maximum(beyond, 0.0).sum(axis=1))
        return self.network_trees.predict(shapes) * fade

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By dotted field name.
        """
        arrays: dict[str, Any] = {}
        for name in self.__slots__:
            part = getattr(self, name)
            if isinstance(part, np.ndarray):
                arrays[name] = part
            else:
                arrays |= {f"{name}.{k}": v for k, v in part.to_arrays().items()}
        return arrays

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

        def part(prefix: str) -> dict[str, Any]:
            return {
                name.removeprefix(prefix): values
                for name, values in arrays.items()
                if name.startswith(prefix)
            }

        by_operation = (len(OPERATION_KINDS), len(PHASES), len(SHAPE_COLUMNS))
        expected = {
            "lowest": by_operation,
            "highest": by_operation,
            "network_lowest": (_N_NETWORK_COLUMNS,),
            "network_highest": (_N_NETWORK_COLUMNS,),
        }
        try:
            ranges = {
                name: np.asarray(arrays[name], dtype=np.float64) for name in expected
            }
        except KeyError as error:
            raise ModelFileError(f"array {error} of a regressor is missing") from error
        if any(ranges[name].shape != shape for name, shape in expected.items()):
            raise ModelFileError("stored ranges are damaged; fit the model again")
        return cls(
            physical=Physical.from_arrays(part("physical.")),
            operation_trees=Trees.from_arrays(
                part("operation_trees."), n_features=len(SHAPE_COLUMNS)
            ),
            network_trees=Trees.from_arrays(
                part("network_trees."), n_features=_N_NETWORK_COLUMNS
            ),
            **ranges,
        )


def network_shapes(table: StepTable, priced: Costs) -> FloatArray:
    """Return what the correction of a whole step may depend on.

    Parameters
    ----------
    table : StepTable
        Any number of configurations.
    priced : Costs
        What is corrected.

    Returns
    -------
    shapes : ndarray of shape (n_steps, n_network_columns)
        Log of what the step takes at the prices, `features.STEP_COLUMNS`, and the
        share of each kind and phase in what it takes.
    """
    cost = priced.operations * table.column("calls")
    total = priced.total(table)
    kinds = len(OPERATION_KINDS) * len(PHASES)
    kind = table.column("kind") * len(PHASES) + table.column("phase")
    place = table.step * kinds + kind.astype(np.int64)
    by_kind = np.bincount(place, weights=cost, minlength=len(table) * kinds)
    shares = by_kind.reshape(len(table), kinds) / total[:, None]
    return np.column_stack([np.log(total), table.steps, shares])


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
        self.network = network_shapes(table, priced)
        varying = np.flatnonzero(np.ptp(self.network, axis=0) > 0)
        self.varying = varying if len(varying) else np.array([0])
        self.network_seen = np.asarray(self.network[:, self.varying], dtype=np.float32)
        self.network_correction = np.zeros(len(table))
        self.operation_nodes: list[dict[str, Any]] = []
        self.network_nodes: list[dict[str, Any]] = []

    def costs(self) -> tuple[FloatArray, FloatArray]:
        """Return the share of each operation, and the residual of each step."""
        cost = self.base * np.exp(self.correction)
        total = self.overhead + np.bincount(
            self.table.step, weights=cost, minlength=len(self.table)
        )
        residual = self.log_target - np.log(total) - self.network_correction
        cut = np.clip(residual, -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
        return cost / total[self.table.step], cut

    def tree(self, **settings: Any) -> Any:
        from sklearn.tree import DecisionTreeRegressor

        return DecisionTreeRegressor(
            min_samples_leaf=SMALLEST_LEAF,
            random_state=int(self.random.integers(2**31)),
            **settings,
        )

    def correct_operations(self, seen_steps: Any) -> None:
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
        tree = self.tree(max_leaf_nodes=OPERATION_LEAVES).fit(
            self.distinct[known],
            pull[known] / weight[known],
            sample_weight=weight[known],
        )
        leaf = tree.apply(self.distinct)
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
        self.operation_nodes.append(_nodes(tree.tree_, tree.tree_.feature, values))

    def correct_networks(self, seen_steps: Any) -> None:
        _, residual = self.costs()
        tree = self.tree(max_depth=NETWORK_DEPTH, max_features=NETWORK_FEATURES).fit(
            self.network_seen[seen_steps], residual[seen_steps]
        )
        values = NETWORK_RATE * tree.tree_.value[:, 0, 0]
        self.network_correction += values[tree.apply(self.network_seen)]
        columns = np.where(
            tree.tree_.feature >= 0,
            self.varying[np.maximum(tree.tree_.feature, 0)],
            tree.tree_.feature,
        )
        self.network_nodes.append(_nodes(tree.tree_, columns, values))


def _nodes(tree: Any, columns: Any, values: FloatArray) -> dict[str, Any]:
    return {
        "feature": columns,
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "value": values,
    }


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
    two functions in turn, one of each operation's shape and one of the whole step.
    With ``share`` the part of the predicted total that an operation has, the gradient
    with respect to its log cost is ``share * residual``: each stage grows a tree on
    operations with the step's residual as target and the share as weight, then solves
    all its leaves together by ridge regression of the residuals on the shares gathered
    in each leaf. Cliffs in a layer's shape are learned by the first, what a backend
    does with a whole network, such as fusing or overlapping layers, by the second.
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
            boosting.correct_operations(seen_steps)
            boosting.correct_networks(seen_steps)
    return Hybrid(
        physical=physical,
        operation_trees=joined([*known, Trees.from_nodes(boosting.operation_nodes)]),
        network_trees=Trees.from_nodes(boosting.network_nodes),
        lowest=lowest,
        highest=highest,
        network_lowest=boosting.network.min(axis=0),
        network_highest=boosting.network.max(axis=0),
    )
