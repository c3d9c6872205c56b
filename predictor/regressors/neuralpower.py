"""Polynomials per layer type, summed over layers, terms chosen by the lasso."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import QUANTITIES, FloatArray, StepTable
from predictor.regressors.physical import Physical

DEGREES = {
    "matmul": 2,
    "convolution": 3,
    "grouped_convolution": 3,
    "transposed_convolution": 3,
    "depthwise": 3,
    "pooling": 3,
    "max_pooling": 3,
}
"""Degree of the polynomial by kind (Cai et al. 2017, section 3); others are linear."""

_VARIABLES = 5
_PASSES = 2  # forward; everything else


def _blocks() -> list[tuple[int, int, int]]:
    """Return kind, degree and number of terms of each block of columns."""
    blocks = []
    for index, kind in enumerate(OPERATION_KINDS):
        degree = DEGREES.get(kind, 0)
        monomials = sum(
            len(list(combinations_with_replacement(range(_VARIABLES), d)))
            for d in range(1, degree + 1)
        )
        blocks.append((index, degree, monomials + len(QUANTITIES)))
    return blocks


N_TERMS = _PASSES * sum(terms for _, _, terms in _blocks()) + 2
"""Number of candidate terms, including the overhead of a step by mode."""


def polynomial_terms(table: StepTable) -> FloatArray:
    """Return the candidate terms, summed over the operations of a step.

    Parameters
    ----------
    table : StepTable
        Any number of configurations.

    Returns
    -------
    terms : ndarray of shape (n_steps, n_terms)
        Per kind and pass: all monomials of batch size, side of the output map, side
        of the kernel, input and output channels up to the kind's degree, and the
        special products (launches, MACs, tensor and weight sizes).
    """
    dims = np.column_stack(
        [
            table.column("batch_size"),
            np.sqrt(table.column("positions")),
            np.sqrt(table.column("taps")),
            table.column("inner") / table.column("taps"),
            table.column("columns") * table.column("groups"),
        ]
    )
    special = np.column_stack([table.column(name) for name in QUANTITIES])
    kinds = table.column("kind").astype(int)
    backward = table.column("phase") > PHASES.index("forward")
    calls = table.column("calls")
    columns = []
    for kind, degree, terms in _blocks():
        for is_backward in (False, True):
            rows = np.flatnonzero((kinds == kind) & (backward == is_backward))
            block = np.zeros((len(table), terms))
            if len(rows):
                values = [
                    np.prod(dims[rows][:, list(chosen)], axis=1)
                    for d in range(1, degree + 1)
                    for chosen in combinations_with_replacement(range(_VARIABLES), d)
                ]
                values.extend(special[rows].T)
                weighted = np.column_stack(values) * calls[rows, None]
                np.add.at(block, table.step[rows], weighted)
            columns.append(block)
    training = table.step_column("training")
    return np.column_stack([*columns, 1.0 - training, training])


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuralPower:
    """Coefficients of `polynomial_terms`.

    Parameters
    ----------
    coefficients : ndarray of shape (n_terms,)
        Zero for terms the lasso dropped.
    floor : float
        Smallest answer given: the smallest value in the fit.
    """

    coefficients: FloatArray
    floor: float

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
        return np.maximum(polynomial_terms(table) @ self.coefficients, self.floor)

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By field name.
        """
        return {"coefficients": self.coefficients, "floor": np.array(self.floor)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> NeuralPower:
        """Rebuild from stored arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.

        Returns
        -------
        model : NeuralPower
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing or damaged.
        """
        try:
            coefficients = np.asarray(arrays["coefficients"], dtype=np.float64)
            floor = float(arrays["floor"])
        except KeyError as error:
            raise ModelFileError(f"array {error} of a regressor is missing") from error
        if coefficients.shape != (N_TERMS,):
            raise ModelFileError("stored coefficients are damaged; fit the model again")
        return cls(coefficients=coefficients, floor=floor)


def _prices_of_unseen(used: Any, physical: Physical) -> FloatArray:
    """Return coefficients for kinds of which no row tells anything."""
    coefficients = np.zeros(N_TERMS)
    forward = PHASES.index("forward")
    first = 0
    for kind, _, terms in _blocks():
        with np.errstate(divide="ignore"):  # what no row has may cost nothing
            logs = np.log(physical.prices[kind])
        for prices in (logs[forward], np.delete(logs, forward, axis=0).mean(axis=0)):
            last = first + terms
            if not used[first:last].any():
                coefficients[last - len(QUANTITIES) : last] = np.exp(prices)
            first = last
    return coefficients


def fit_neuralpower(
    table: StepTable,
    target: FloatArray,
    *,
    seed: int = 0,
    physical: Physical | None = None,
) -> NeuralPower:
    """Fit the polynomials.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.
    seed : int, default=0
        Seed of the cross-validation's folds.
    physical : Physical, optional
        Prices fitted on the same steps. With them errors are relative, coefficients not
        negative, and kinds that were never measured cost what these say. Without, the
        published form: squared error of raw values, coefficients of any sign, and what
        was never measured costs nothing.

    Returns
    -------
    model : NeuralPower
        The fitted model.

    Notes
    -----
    After Cai et al., NeuralPower, PMLR 77, 2017: a polynomial per layer type, summed
    over the layers, terms chosen by the lasso with ten-fold cross-validation. Fitted
    on raw values it minds large networks only and predicts negative ones, which are
    lifted to the smallest value in the fit, as the authors lift run times. In the
    relative form each row is divided by its target.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV
    from sklearn.model_selection import KFold

    unit = np.full(len(target), target.mean()) if physical is None else target
    terms = polynomial_terms(table) / unit[:, None]
    scale = np.sqrt((terms**2).mean(axis=0))
    used = scale > 0
    lasso = LassoCV(
        positive=physical is not None,
        fit_intercept=False,  # the overheads of a step are among the terms
        alphas=20,
        eps=1e-4,
        max_iter=2000,
        tol=1e-3,
        cv=KFold(min(10, len(table)), shuffle=True, random_state=seed),
    )
    with warnings.catch_warnings():
        # A path that stops early still answers; the error tables judge it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        lasso.fit(terms[:, used] / scale[used], target / unit)
    coefficients = np.zeros(N_TERMS)
    if physical is not None:
        coefficients = _prices_of_unseen(used, physical)
    coefficients[used] = lasso.coef_ / scale[used]
    return NeuralPower(coefficients=coefficients, floor=float(target.min()))
