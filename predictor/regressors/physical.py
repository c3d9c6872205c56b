"""Non-negative sum over operations: so much per launch, MAC and byte of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import QUANTITIES, FloatArray, IntArray, StepTable

_SHAPE = (len(OPERATION_KINDS), len(PHASES), len(QUANTITIES))
_N_TERMS = int(np.prod(_SHAPE))
_N_SHARED = len(PHASES) * len(QUANTITIES)

KIND_SPREAD = 1.0
"""Standard deviation, in log, of a kind's price around that of all kinds."""

PHASE_SPREAD = 0.7
"""Standard deviation, in log, of a pass's shared price around that of all passes."""

RESIDUAL_SPREAD = 0.2
"""Standard deviation, in log, that residuals are expected to have."""

ROBUST_LIMIT = 3.0
"""Residuals beyond this many `RESIDUAL_SPREAD` count linearly (Huber, 1964)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Physical:
    """Prices of a device, in the unit of its target.

    Parameters
    ----------
    prices : ndarray of shape (n_kinds, n_phases, n_quantities)
        Price of one unit of each of `features.QUANTITIES`. A kind that was never
        measured has the price shared by all kinds.
    overheads : ndarray of shape (2,)
        Price of starting one step, in inference and in training.
    """

    prices: FloatArray
    overheads: FloatArray

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
        kind, phase = _kind_and_phase(table)
        values: FloatArray = np.einsum(
            "oq,oq->o", _quantities(table), self.prices[kind, phase]
        )
        return values

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
        values: FloatArray = self.overheads[table.step_column("training").astype(int)]
        return values

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
            By field name.
        """
        return {"prices": self.prices, "overheads": self.overheads}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Physical:
        """Rebuild from stored arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `to_arrays` returned them.

        Returns
        -------
        model : Physical
            Ready to predict.

        Raises
        ------
        ModelFileError
            If an array is missing, has another shape or a negative price.
        """
        try:
            prices = np.asarray(arrays["prices"], dtype=np.float64)
            overheads = np.asarray(arrays["overheads"], dtype=np.float64)
        except KeyError as error:
            raise ModelFileError(f"array {error} of a regressor is missing") from error
        if prices.shape != _SHAPE or overheads.shape != (2,) or prices.min() < 0:
            raise ModelFileError("stored prices are damaged; fit the model again")
        return cls(prices=prices, overheads=overheads)


def _kind_and_phase(table: StepTable) -> tuple[IntArray, IntArray]:
    return (
        table.column("kind").astype(np.int64),
        table.column("phase").astype(np.int64),
    )


def _quantities(table: StepTable) -> FloatArray:
    return np.column_stack([table.column(name) for name in QUANTITIES])


def _design(table: StepTable) -> FloatArray:
    """Sum each quantity by kind and phase; the last two columns are the overheads."""
    kind, phase = _kind_and_phase(table)
    design = np.zeros((len(table), _N_TERMS + 2))
    first = (kind * len(PHASES) + phase) * len(QUANTITIES)
    calls = table.column("calls")
    for offset, quantity in enumerate(_quantities(table).T):
        np.add.at(design, (table.step, first + offset), quantity * calls)
    training = table.step_column("training").astype(int)
    design[np.arange(len(table)), _N_TERMS + training] = 1.0
    return design


def fit_physical(table: StepTable, target: FloatArray) -> Physical:
    """Learn a device's prices from the totals of whole steps.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.

    Returns
    -------
    model : Physical
        The fitted prices.

    Notes
    -----
    The logarithms of the prices maximise a posterior: log residuals are Huber
    distributed; the log price of a quantity for a kind and pass is normal around the
    one shared by all kinds in that pass, and that around the one shared by all
    passes. So a price is never negative, and what was never measured costs what its
    launches, MACs and bytes cost elsewhere.
    """
    from scipy.optimize import minimize

    design = _design(table)
    log_target = np.log(target)
    used = np.asarray(design.any(axis=0), dtype=np.bool_)
    used[_N_TERMS:] = True
    # Start where each quantity alone would explain a part of the median target.
    by_quantity = design[:, :_N_TERMS].reshape(len(table), -1, len(QUANTITIES)).sum(1)
    start = np.array(
        [
            np.median(log_target[sums > 0] - np.log(sums[sums > 0]))
            if sums.any()
            else np.median(log_target)
            for sums in by_quantity.T
        ]
    ) - np.log(len(QUANTITIES))
    n_quantities = len(QUANTITIES)
    shared_of_term = np.arange(_N_TERMS) % _N_SHARED
    quantity_of_shared = np.arange(_N_SHARED) % n_quantities
    # Parameters: deviation per term, deviation per shared price, price per quantity,
    # overheads; the deviations are in units of their spread, which makes the prior
    # the identity and the problem well conditioned.
    n_terms = int(used[:_N_TERMS].sum())
    term_index = np.flatnonzero(used[:_N_TERMS])
    used_design = design[:, used]
    floor = np.log(target.min()) - np.log(4.0)

    def unpack(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        deviations = parameters[:n_terms]
        shared = (
            parameters[n_terms : n_terms + _N_SHARED] * PHASE_SPREAD
            + parameters[n_terms + _N_SHARED : -2][quantity_of_shared]
        )
        terms = deviations * KIND_SPREAD + shared[shared_of_term[term_index]]
        return np.concatenate([terms, parameters[-2:]]), shared

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        log_prices, _ = unpack(parameters)
        parts = used_design * np.exp(np.clip(log_prices, -80.0, 40.0))
        total = parts.sum(axis=1)
        residual = (np.log(total) - log_target) / RESIDUAL_SPREAD
        clipped = np.clip(residual, -ROBUST_LIMIT, ROBUST_LIMIT)
        priors = parameters[: n_terms + _N_SHARED]
        value = float(
            (clipped * (residual - 0.5 * clipped)).sum() + 0.5 * (priors @ priors)
        )
        by_price = (clipped / RESIDUAL_SPREAD / total) @ parts
        gradient = np.zeros_like(parameters)
        gradient[:n_terms] = by_price[:-2] * KIND_SPREAD
        by_shared = np.bincount(
            shared_of_term[term_index], weights=by_price[:-2], minlength=_N_SHARED
        )
        gradient[n_terms : n_terms + _N_SHARED] = by_shared * PHASE_SPREAD
        gradient[n_terms + _N_SHARED : -2] = np.bincount(
            quantity_of_shared, weights=by_shared, minlength=n_quantities
        )
        gradient[: n_terms + _N_SHARED] += priors
        gradient[-2:] = by_price[-2:]
        return value, gradient

    first_guess = np.concatenate(
        [np.zeros(n_terms + _N_SHARED), start, np.full(2, floor)]
    )
    solution = minimize(
        loss, first_guess, jac=True, method="L-BFGS-B", options={"maxiter": 2000}
    )
    log_prices, shared = unpack(solution.x)
    all_terms = shared[shared_of_term]
    all_terms[term_index] = log_prices[:-2]
    return Physical(
        prices=np.exp(all_terms).reshape(_SHAPE), overheads=np.exp(log_prices[-2:])
    )
