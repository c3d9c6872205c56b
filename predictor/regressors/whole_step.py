"""`hybrid` times a boosted correction of the whole step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import STEP_COLUMNS, FloatArray, StepTable
from predictor.regressors.costs import Costs
from predictor.regressors.hybrid import Hybrid
from predictor.regressors.nested import below, prefixed
from predictor.regressors.trees import Trees, trees_of

STAGES = 250
RATE = 0.05
DEPTH = 4
SMALLEST_LEAF = 5
SUBSAMPLE = 0.7
FEATURES = 0.3
"""Share of the features that each split looks at."""

_N_COLUMNS = 1 + len(STEP_COLUMNS) + len(OPERATION_KINDS) * len(PHASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeStep:
    """Prices of operations, with a correction that fades when extrapolating.

    It learns what a backend does across layers, such as fusing or overlapping them.
    That helps with networks like the fitted ones and harms with others.

    Parameters
    ----------
    hybrid : Hybrid
        What is corrected.
    trees : Trees
        Log correction of a step as a function of `step_shapes`.
    lowest, highest : ndarray of shape (n_columns,)
        Range of each of `step_shapes` in the fit.
    """

    hybrid: Hybrid
    trees: Trees
    lowest: FloatArray
    highest: FloatArray

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
        return self.corrected(table, self.hybrid.costs(table))

    def corrected(self, table: StepTable, priced: Costs) -> Costs:
        """Correct what the hybrid says.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.
        priced : Costs
            The hybrid's.

        Returns
        -------
        costs : Costs
            As `costs` returns them.
        """
        shapes = step_shapes(table, priced)
        beyond = np.maximum(self.lowest - shapes, shapes - self.highest)
        fade = np.exp(-np.maximum(beyond, 0.0).sum(axis=1))
        whole = np.exp(self.trees.predict(shapes) * fade)
        return Costs(
            operations=priced.operations * whole[table.step],
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

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By dotted field name; the hybrid is stored for itself.
        """
        return {
            "lowest": self.lowest,
            "highest": self.highest,
            **prefixed("trees.", self.trees.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], *, hybrid: Hybrid) -> WholeStep:
        """Rebuild from stored arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.
        hybrid : Hybrid
            What is corrected, which is stored for itself.

        Returns
        -------
        model : WholeStep
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing or damaged.
        """
        ranges = {
            name: np.asarray(arrays.get(name, ()), dtype=np.float64)
            for name in ("lowest", "highest")
        }
        if any(values.shape != (_N_COLUMNS,) for values in ranges.values()):
            raise ModelFileError("stored ranges are damaged; fit the model again")
        return cls(
            hybrid=hybrid,
            trees=Trees.from_arrays(below(arrays, "trees."), n_features=_N_COLUMNS),
            **ranges,
        )


def step_shapes(table: StepTable, priced: Costs) -> FloatArray:
    """Return what the correction of a whole step may depend on.

    Parameters
    ----------
    table : StepTable
        Any number of configurations.
    priced : Costs
        What is corrected.

    Returns
    -------
    shapes : ndarray of shape (n_steps, n_columns)
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


def fit_whole_step(
    table: StepTable, target: FloatArray, hybrid: Hybrid, *, seed: int = 0
) -> WholeStep:
    """Boost a correction of whole steps from their totals.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.
    hybrid : Hybrid
        Fitted on the same steps.
    seed : int, default=0
        Seed of the subsampling.

    Returns
    -------
    model : WholeStep
        The fitted model.
    """
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import GradientBoostingRegressor

    priced = hybrid.costs(table)
    shapes = step_shapes(table, priced)
    varying = np.flatnonzero(np.ptp(shapes, axis=0) > 0)
    columns = varying if len(varying) else np.array([0])
    boosting = GradientBoostingRegressor(
        loss="huber",
        init=DummyRegressor(strategy="constant", constant=0.0),
        n_estimators=STAGES,
        learning_rate=RATE,
        max_depth=DEPTH,
        min_samples_leaf=SMALLEST_LEAF,
        subsample=SUBSAMPLE,
        max_features=FEATURES,
        random_state=seed,
    )
    boosting.fit(shapes[:, columns], np.log(target / priced.total(table)))
    return WholeStep(
        hybrid=hybrid,
        trees=trees_of(boosting, columns),
        lowest=shapes.min(axis=0),
        highest=shapes.max(axis=0),
    )
