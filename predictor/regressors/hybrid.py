"""Physical prices times a boosted correction for each operation's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import FloatArray, StepTable
from predictor.regressors.physical import Physical, fit_physical
from predictor.regressors.trees import Trees

SHAPE_COLUMNS = (
    "kind",
    "phase",
    "log_macs",
    "log_bytes",
    "log_weight_bytes",
    "log_batch_size",
    "log_positions",
    "log_rows",
    "log_inner",
    "log_columns",
    "log_groups",
    "log_taps",
    "log_stride",
    "log_dilation",
    "log_macs_per_byte",
)
"""What a correction may depend on; all but the first two are natural logarithms."""

STAGES = 250
LEARNING_RATE = 0.08
LEAVES = 12
SMALLEST_LEAF = 5
"""Rows of a tree's leaf, counted in distinct shapes of the sample."""

SUBSAMPLE = 0.7
"""Share of the configurations that each stage sees."""

LEAF_RIDGE = 3.0
"""Strength, in configurations, that pulls a leaf's correction to none."""

RESIDUAL_LIMIT = 1.0
"""Log residuals are cut here in each stage, so that outliers do not steer a tree."""

_NO_CORRECTION: Mapping[str, Any] = {
    "feature": [-1],
    "threshold": [0.0],
    "left": [-1],
    "right": [-1],
    "value": [0.0],
}
"""A tree of one leaf that adds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """Physical prices with a correction per operation that fades when extrapolating.

    Parameters
    ----------
    physical : Physical
        The prices.
    trees : Trees
        Log correction as a function of `SHAPE_COLUMNS`.
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        Range of each column in the fit; NaN for what was never measured.
    """

    physical: Physical
    trees: Trees
    lowest: FloatArray
    highest: FloatArray

    def per_operation(self, table: StepTable) -> FloatArray:
        """Return what one call of each operation takes.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        values : ndarray of shape (n_operations,)
            Energy in J or time in s, whichever was fitted.
        """
        shapes = operation_shapes(table)
        distinct, back = np.unique(shapes, axis=0, return_inverse=True)
        fade = np.exp(-_distance(distinct, self.lowest, self.highest))
        correction = (self.trees.predict(distinct) * fade)[back.reshape(-1)]
        return self.physical.per_operation(table) * np.exp(correction)

    def per_step(self, table: StepTable) -> FloatArray:
        """Return what starting one step takes.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        values : ndarray of shape (n_steps,)
            Energy in J or time in s, whichever was fitted.
        """
        return self.physical.per_step(table)

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
        return table.total(self.per_operation(table)) + self.per_step(table)

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By dotted field name.
        """
        return {
            **{f"physical.{k}": v for k, v in self.physical.to_arrays().items()},
            **{f"trees.{k}": v for k, v in self.trees.to_arrays().items()},
            "lowest": self.lowest,
            "highest": self.highest,
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

        def part(prefix: str) -> dict[str, Any]:
            return {
                name.removeprefix(prefix): values
                for name, values in arrays.items()
                if name.startswith(prefix)
            }

        shape = (len(OPERATION_KINDS), len(PHASES), len(SHAPE_COLUMNS))
        try:
            lowest, highest = (
                np.asarray(arrays[name], dtype=np.float64)
                for name in ("lowest", "highest")
            )
        except KeyError as error:
            raise ModelFileError(f"array {error} of a regressor is missing") from error
        if lowest.shape != shape or highest.shape != shape:
            raise ModelFileError("stored ranges are damaged; fit the model again")
        return cls(
            physical=Physical.from_arrays(part("physical.")),
            trees=Trees.from_arrays(part("trees."), n_features=len(SHAPE_COLUMNS)),
            lowest=lowest,
            highest=highest,
        )


def operation_shapes(table: StepTable) -> FloatArray:
    """Return the shape of each operation.

    Parameters
    ----------
    table : StepTable
        Any number of configurations.

    Returns
    -------
    shapes : ndarray of shape (n_operations, n_shape_columns)
        Columns as in `SHAPE_COLUMNS`.
    """
    macs = table.column("macs")
    weight_bytes = table.column("weight_bytes")
    moved = table.column("activation_bytes") + weight_bytes
    logs = [
        np.log1p(macs),
        np.log1p(moved),
        np.log1p(weight_bytes),
        np.log(table.column("batch_size")),
        np.log(table.column("positions")),
        np.log(table.column("positions") * table.column("batch_size")),
        *(
            np.log(table.column(name))
            for name in ("inner", "columns", "groups", "taps", "stride", "dilation")
        ),
        np.log1p(macs / np.maximum(moved, 1.0)),
    ]
    return np.column_stack([table.column("kind"), table.column("phase"), *logs])


def operation_ranges(shapes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the range of each column by kind and phase.

    Parameters
    ----------
    shapes : ndarray of shape (n_operations, n_shape_columns)
        As `operation_shapes` returns them.

    Returns
    -------
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        NaN for what does not occur.
    """
    size = (len(OPERATION_KINDS), len(PHASES), len(SHAPE_COLUMNS))
    lowest, highest = np.full(size, np.nan), np.full(size, np.nan)
    for kind, phase in {(int(k), int(p)) for k, p in shapes[:, :2]}:
        rows = shapes[(shapes[:, 0] == kind) & (shapes[:, 1] == phase)]
        lowest[kind, phase], highest[kind, phase] = rows.min(axis=0), rows.max(axis=0)
    return lowest, highest


def _distance(
    shapes: FloatArray, lowest: FloatArray, highest: FloatArray
) -> FloatArray:
    kind, phase = shapes[:, 0].astype(int), shapes[:, 1].astype(int)
    low, high = lowest[kind, phase], highest[kind, phase]
    beyond = np.maximum(np.maximum(low - shapes, shapes - high), 0.0).sum(axis=1)
    # What was never measured is infinitely far: no correction.
    return np.where(np.isnan(beyond), np.inf, beyond)


def fit_hybrid(table: StepTable, target: FloatArray, *, seed: int = 0) -> Hybrid:
    """Learn prices, then boost a correction per operation from the totals of steps.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.
    seed : int, default=0
        Seed of the subsampling.

    Returns
    -------
    model : Hybrid
        The fitted model.

    Notes
    -----
    Gradient boosting (Friedman, 2001) on the squared log error of a step's total,
    where the boosted function acts on each operation. With ``share`` the part of the
    predicted total that an operation has, the gradient with respect to its log cost
    is ``share * residual``: each stage grows a tree on operations with the step's
    residual as target and the share as weight, then solves all its leaves together
    by ridge regression of the residuals on the shares gathered in each leaf.
    """
    from sklearn.tree import DecisionTreeRegressor

    table = table.merged()
    physical = fit_physical(table, target)
    shapes = operation_shapes(table)
    # Networks share shapes, and a tree cannot tell equal ones apart: it grows on the
    # distinct ones, each with the mean residual and the sum of shares.
    distinct, place = np.unique(
        np.asarray(shapes, dtype=np.float32), axis=0, return_inverse=True
    )
    place = place.reshape(-1)
    calls, base = table.column("calls"), physical.per_operation(table)
    overhead, log_target = physical.per_step(table), np.log(target)
    correction = np.zeros(len(shapes))
    random = np.random.default_rng(seed)
    nodes: list[Mapping[str, Any]] = []
    for _ in range(STAGES):
        cost = base * np.exp(correction) * calls
        total = np.bincount(table.step, weights=cost, minlength=len(table)) + overhead
        share = cost / total[table.step]
        residual = np.clip(log_target - np.log(total), -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
        seen_steps = random.random(len(table)) < SUBSAMPLE
        seen = seen_steps[table.step] & (share > 1e-4)
        weight = np.bincount(place[seen], share[seen], minlength=len(distinct))
        pull = np.bincount(
            place[seen], (share * residual[table.step])[seen], minlength=len(distinct)
        )
        known = weight > 0
        if not known.any():  # of a handful of configurations a stage may see none
            nodes.append(_NO_CORRECTION)
            continue
        tree = DecisionTreeRegressor(
            max_leaf_nodes=LEAVES,
            min_samples_leaf=SMALLEST_LEAF,
            random_state=int(random.integers(2**31)),
        ).fit(distinct[known], pull[known] / weight[known], sample_weight=weight[known])
        leaf = tree.apply(distinct)
        values = np.zeros(tree.tree_.node_count)
        leaves, compact = np.unique(leaf, return_inverse=True)
        cell = table.step * len(leaves) + compact[place]
        gathered = np.bincount(
            cell, weights=share, minlength=len(table) * len(leaves)
        ).reshape(len(table), len(leaves))
        used = gathered[seen_steps]
        gram = used.T @ used + LEAF_RIDGE * np.eye(len(leaves))
        solved = np.linalg.solve(gram, used.T @ residual[seen_steps])
        values[leaves] = LEARNING_RATE * np.clip(solved, -2.0, 2.0)
        correction += values[leaf[place]]
        nodes.append(
            {
                "feature": tree.tree_.feature,
                "threshold": tree.tree_.threshold,
                "left": tree.tree_.children_left,
                "right": tree.tree_.children_right,
                "value": values,
            }
        )
    lowest, highest = operation_ranges(shapes)
    return Hybrid(
        physical=physical,
        trees=Trees.from_nodes(nodes),
        lowest=lowest,
        highest=highest,
    )
