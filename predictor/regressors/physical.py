"""Non-negative sum over operations: so much per launch, MAC, byte and so on by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import ModelFileError
from predictor.features import QUANTITIES, FloatArray, IntArray, StepTable
from predictor.regressors.costs import Costs

_SHAPE = (len(OPERATION_KINDS), len(PHASES), len(QUANTITIES))
_N_TERMS = int(np.prod(_SHAPE))
_N_SHARED = len(PHASES) * len(QUANTITIES)

KIND_SPREAD = 1.0
"""Standard deviation, in log, of a kind's price around that of all kinds."""

COPIED = ("window_bytes", "cross_group_bytes")
"""Bytes whose price lies around that of activations, for few networks tell it apart.
Where no row has any, they cost nothing: some backends avoid them."""

PHASE_SPREAD = 0.7
"""Standard deviation, in log, of a pass's shared price around that of all passes."""

RESIDUAL_SPREADS = (0.2, 0.1, 0.05, 0.025, 0.0125)
"""Residuals, in log, that are expected; the larger, the more do kinds share a price."""


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

    def per_quantity(self, table: StepTable) -> FloatArray:
        """Return what each quantity of one call of each operation takes.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        values : ndarray of shape (n_operations, n_quantities)
            Energy in J or time in s, whichever was fitted.
        """
        kind, phase = _kind_and_phase(table)
        return quantities(table) * self.prices[kind, phase]

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
        return Costs(
            operations=self.per_quantity(table).sum(axis=1),
            starts=self.overheads[table.step_column("training").astype(int)],
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


def quantities(table: StepTable) -> FloatArray:
    """Return what a device spends energy on.

    Parameters
    ----------
    table : StepTable
        Any number of configurations.

    Returns
    -------
    amounts : ndarray of shape (n_operations, n_quantities)
        `features.QUANTITIES` of one call of each operation.
    """
    return np.column_stack([table.column(name) for name in QUANTITIES])


def _design(
    table: StepTable, amounts: FloatArray, step_amounts: FloatArray
) -> FloatArray:
    """Sum amounts by kind, phase and quantity; the last two columns are the steps'."""
    kind, phase = _kind_and_phase(table)
    design = np.zeros((len(table), _N_TERMS + 2))
    first = (kind * len(PHASES) + phase) * len(QUANTITIES)
    calls = table.column("calls")
    for offset, amount in enumerate(amounts.T):
        np.add.at(design, (table.step, first + offset), amount * calls)
    training = table.step_column("training").astype(int)
    design[np.arange(len(table)), _N_TERMS + training] = step_amounts
    return design


def _prior(*, transferred: bool) -> tuple[FloatArray, Any]:
    """Log prices as sums of latents: by term, pass, quantity and mode; one of all.

    A device prices its quantities in units of its own. One that is priced relative to
    another device has one speed against it, around which its quantities lie.
    """
    n_quantities = len(QUANTITIES)
    terms, overheads = np.arange(_N_TERMS), np.arange(2)
    by_quantity = _N_TERMS + _N_SHARED
    by_mode = by_quantity + n_quantities
    basis = np.zeros((_N_TERMS + 2, by_mode + 2 + 1))
    basis[terms, terms] = KIND_SPREAD
    basis[terms, _N_TERMS + terms % _N_SHARED] = PHASE_SPREAD
    basis[terms, by_quantity + terms % n_quantities] = 1.0
    basis[_N_TERMS + overheads, by_mode + overheads] = 1.0
    free = np.arange(basis.shape[1]) >= by_quantity
    for name in COPIED:
        own = by_quantity + QUANTITIES.index(name)
        basis[:, by_quantity + QUANTITIES.index("activation_bytes")] += basis[:, own]
        free[own] = False
    if transferred:
        basis[:, -1] = 1.0
        free[:-1] = False
    return basis, free


def _likely_prices(
    design: FloatArray, target: FloatArray, *, transferred: bool
) -> FloatArray:
    """Return the mean of the prices under each prior, by how likely the rows are."""
    from threadpoolctl import threadpool_limits

    from predictor.regressors.positive_sum import PositiveSum

    basis, free = _prior(transferred=transferred)
    model = PositiveSum(basis=basis, free=free, warm_start=True)
    prices, evidence = [], []
    with threadpool_limits(1):  # the matrices are small, and waiting threads spin
        for spread in RESIDUAL_SPREADS:
            model.set_params(residual_spread=spread).fit(design, target)
            prices.append(model.prices_)
            evidence.append(model.log_evidence_)
    weights = np.exp(np.array(evidence) - max(evidence))
    mean: FloatArray = weights @ np.array(prices) / weights.sum()
    return mean


def fit_physical(
    table: StepTable,
    target: FloatArray,
    *,
    base: Physical | None = None,
    correction: FloatArray | None = None,
) -> Physical:
    """Learn a device's prices from the totals of whole steps.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.
    base : Physical, optional
        Another device, in units of whose prices these are fitted: where the rows tell
        nothing, this one is so many times dearer for everything.
    correction : ndarray of shape (n_operations,), optional
        Log correction of what each operation takes on `base`.

    Returns
    -------
    model : Physical
        The fitted prices.

    Notes
    -----
    The log price of a quantity for a kind and pass is normal around the one shared by
    all kinds in that pass, and that around the one shared by all passes. So what was
    never measured costs what its launches, MACs and bytes cost elsewhere. How much is
    shared, the rows say: prices are averaged over `RESIDUAL_SPREADS`, each counting as
    much as it makes the rows likely (Hoeting et al., "Bayesian model averaging", 1999).
    """
    amounts = quantities(table) if base is None else base.per_quantity(table)
    if correction is not None:
        amounts = amounts * np.exp(correction)[:, None]
    step_amounts = np.ones(len(table)) if base is None else base.costs(table).starts
    design = _design(table, amounts, step_amounts)
    fitted = _likely_prices(design, target, transferred=base is not None)
    prices, overheads = fitted[:_N_TERMS].reshape(_SHAPE), fitted[-2:]
    if base is not None:
        prices, overheads = prices * base.prices, overheads * base.overheads
    for place in map(QUANTITIES.index, COPIED):
        if not amounts[:, place].any():
            prices[:, :, place] = 0.0
    return Physical(prices=prices, overheads=overheads)
