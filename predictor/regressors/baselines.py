"""The simple metrics people use instead, fitted as well as they can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.errors import ModelFileError
from predictor.features import STEP_COLUMNS, FloatArray, StepTable

BASELINE_COLUMNS: dict[str, tuple[str, ...]] = {
    "mean": (),
    "flops": ("log_macs",),
    "params": ("log_params", "log_batch_size"),
    "macs+params": ("log_macs", "log_params", "log_batch_size"),
}
"""What each baseline regresses the log target on, apart by mode.

``flops`` counts the whole batch and, in training, the backward pass; FLOPs are twice
the MACs, which a regression of logarithms does not see. Parameters know nothing of
the batch size, so it is given to them.
"""

SLOPE_RIDGE = 0.1
"""Keeps slopes finite where few rows cannot tell two columns apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLinear:
    """A straight line in logarithms, one for each mode.

    Parameters
    ----------
    columns : tuple of str
        Columns of `features.STEP_COLUMNS`.
    coefficients : ndarray of shape (2, n_columns + 1)
        Intercept and slopes, for inference and training.
    """

    columns: tuple[str, ...]
    coefficients: FloatArray

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
        columns = [table.step_column(name) for name in self.columns]
        return line_values(table.step_column("training"), columns, self.coefficients)

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By field name.
        """
        places = [STEP_COLUMNS.index(name) for name in self.columns]
        return {
            "columns": np.array(places, dtype=np.int64),
            "coefficients": self.coefficients,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> LogLinear:
        """Rebuild from stored arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.

        Returns
        -------
        model : LogLinear
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing or damaged.
        """
        try:
            places = [int(place) for place in arrays["columns"]]
            coefficients = np.asarray(arrays["coefficients"], dtype=np.float64)
            columns = tuple(STEP_COLUMNS[place] for place in places)
        except (KeyError, IndexError, TypeError) as error:
            raise ModelFileError(
                f"a baseline's arrays are damaged ({error})"
            ) from error
        if coefficients.shape != (2, len(columns) + 1):
            raise ModelFileError("a baseline's coefficients have another shape")
        return cls(columns=columns, coefficients=coefficients)


def _terms(training: FloatArray, columns: Sequence[FloatArray]) -> FloatArray:
    return np.column_stack([np.ones(len(training)), *columns])


def fit_lines(
    training: FloatArray, columns: Sequence[FloatArray], target: FloatArray
) -> FloatArray:
    """Fit lines by least squares of logarithms, very slightly regularised.

    Parameters
    ----------
    training : ndarray of shape (n_steps,)
        1 for a step of training, 0 for one of inference; each mode has its line.
    columns : sequence of ndarray of shape (n_steps,)
        What the logarithm of the target is regressed on.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.

    Returns
    -------
    coefficients : ndarray of shape (2, n_columns + 1)
        Intercept and slopes, for inference and training; a mode without rows has the
        other's.
    """
    terms, log_target = _terms(training, columns), np.log(target)
    penalty = SLOPE_RIDGE * np.diag([0.0, *[1.0] * len(columns)])
    coefficients = []
    for rows in (training == 0, training > 0):
        used = rows if rows.any() else np.ones(len(training), dtype=bool)
        gram = terms[used].T @ terms[used] + penalty
        coefficients.append(np.linalg.solve(gram, terms[used].T @ log_target[used]))
    return np.array(coefficients)


def line_values(
    training: FloatArray, columns: Sequence[FloatArray], coefficients: FloatArray
) -> FloatArray:
    """Return what lines say a step takes.

    Parameters
    ----------
    training : ndarray of shape (n_steps,)
        1 for a step of training, 0 for one of inference.
    columns : sequence of ndarray of shape (n_steps,)
        As they were fitted.
    coefficients : ndarray of shape (2, n_columns + 1)
        As `fit_lines` returned them.

    Returns
    -------
    values : ndarray of shape (n_steps,)
        In J or s, whichever was fitted.
    """
    terms = _terms(training, columns)
    with np.errstate(over="ignore"):
        values: FloatArray = np.exp((terms * coefficients[training.astype(int)]).sum(1))
    return np.clip(values, 1e-300, 1e300)


def fit_baseline(name: str, table: StepTable, target: FloatArray) -> LogLinear:
    """Fit one baseline.

    Parameters
    ----------
    name : str
        One of `BASELINE_COLUMNS`.
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.

    Returns
    -------
    model : LogLinear
        The line of each mode, as `fit_lines` finds it.
    """
    names = BASELINE_COLUMNS[name]
    columns = [table.step_column(column) for column in names]
    lines = fit_lines(table.step_column("training"), columns, target)
    return LogLinear(columns=names, coefficients=lines)
