"""Gradient boosting on the logarithm, from a few numbers per configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.errors import ModelFileError
from predictor.features import STEP_COLUMNS, FloatArray, StepTable
from predictor.regressors.nested import below, prefixed
from predictor.regressors.trees import Trees, trees_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """A boosted sum of trees on `features.STEP_COLUMNS`.

    Parameters
    ----------
    intercept : float
        Log of the first guess.
    trees : Trees
        What is added to it.
    """

    intercept: float
    trees: Trees

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
        values: FloatArray = np.exp(self.intercept + self.trees.predict(table.steps))
        return values

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By dotted field name.
        """
        trees = prefixed("trees.", self.trees.to_arrays())
        return {"intercept": np.array(self.intercept), **trees}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Boosting:
        """Rebuild from stored arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.

        Returns
        -------
        model : Boosting
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing or damaged.
        """
        if "intercept" not in arrays:
            raise ModelFileError("array 'intercept' of a regressor is missing")
        return cls(
            intercept=float(arrays["intercept"]),
            trees=Trees.from_arrays(
                below(arrays, "trees."), n_features=len(STEP_COLUMNS)
            ),
        )


def gradient_boosting(seed: int) -> Any:
    """Return the unfitted scikit-learn regressor of the logarithm.

    Parameters
    ----------
    seed : int
        Seed of its subsampling.

    Returns
    -------
    regressor : GradientBoostingRegressor
        To be fitted on `features.STEP_COLUMNS`.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        loss="huber",
        alpha=0.95,
        n_estimators=400,
        learning_rate=0.05,
        max_depth=4,
        min_samples_leaf=3,
        subsample=0.7,
        max_features=0.5,
        random_state=seed,
    )


def export_boosting(regressor: Any) -> Boosting:
    """Turn a fitted scikit-learn regressor into plain arrays.

    Parameters
    ----------
    regressor : GradientBoostingRegressor
        Fitted on the logarithm of a target.

    Returns
    -------
    model : Boosting
        Predicts the same without scikit-learn.
    """
    return Boosting(
        intercept=float(np.ravel(regressor.init_.constant_)[0]),
        trees=trees_of(regressor),
    )


def fit_boosting(table: StepTable, target: FloatArray, *, seed: int = 0) -> Boosting:
    """Fit gradient boosting on the logarithm of the target.

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
    model : Boosting
        The fitted model.
    """
    return export_boosting(gradient_boosting(seed).fit(table.steps, np.log(target)))
