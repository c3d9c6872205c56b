"""What a fitted model says of one configuration: shares, range and interval width."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from predictor.domain import Verdict
from predictor.features import QUANTITIES, FloatArray, StepTable
from predictor.fitted_model import FittedModel, TargetModel
from predictor.regressors.blend import Blend

Driver = Literal["launches", "macs", "bytes"]
DRIVERS: tuple[Driver, ...] = get_args(Driver)
_DRIVER_OF = [
    DRIVERS.index(name if name in DRIVERS else "bytes") for name in QUANTITIES
]

LARGEST_WIDENING = 2.0
"""Factor on an interval's half-width, in log, from a factor of e beyond the range."""


def share_source(fitted: TargetModel) -> str:
    """Return which regressor says how a step's energy divides among operations.

    Parameters
    ----------
    fitted : TargetModel
        Of the energy of a step.

    Returns
    -------
    name : str
        The chosen one if it prices operations, of a blend its leading member, else
        ``physical``.
    """
    regressor = fitted.regressors[fitted.chosen]
    if isinstance(regressor, Blend):
        return regressor.lead
    return fitted.chosen if hasattr(regressor, "costs") else "physical"


def operation_shares(fitted: TargetModel, table: StepTable) -> FloatArray:
    """Return each operation's share of its step.

    Parameters
    ----------
    fitted : TargetModel
        Its regressor `share_source` answers.
    table : StepTable
        Any number of configurations.

    Returns
    -------
    shares : ndarray of shape (n_operations,)
        Calls included; what is missing to 1 in a step is its start.
    """
    regressor: Any = fitted.regressors[share_source(fitted)]
    costs = regressor.costs(table)
    shares: FloatArray = (
        costs.operations * table.column("calls") / costs.total(table)[table.step]
    )
    return shares


def drivers(
    fitted: TargetModel, table: StepTable, shares: FloatArray, layers: int
) -> list[Driver | None]:
    """Say what most of each layer's energy is spent on.

    Parameters
    ----------
    fitted : TargetModel
        Of the energy of a step; its ``physical`` regressor says.
    table : StepTable
        One configuration.
    shares : ndarray of shape (n_operations,)
        Each operation's share of the energy.
    layers : int
        Number of layers.

    Returns
    -------
    drivers : list of {"launches", "macs", "bytes"} or None
        By layer; None where nothing in it has a price.
    """
    physical: Any = fitted.regressors["physical"]
    spent = physical.per_quantity(table)
    total = spent.sum(axis=1, keepdims=True)
    parts = np.divide(spent, total, out=np.zeros_like(spent), where=total > 0)
    by_layer = np.zeros((layers, len(DRIVERS)))
    for place, driver in enumerate(_DRIVER_OF):
        np.add.at(by_layer[:, driver], table.layer, parts[:, place] * shares)
    return [DRIVERS[row.argmax()] if row.any() else None for row in by_layer]


def judge(model: FittedModel, table: StepTable) -> tuple[FloatArray, Verdict]:
    """Say where the energy goes and whether that was ever measured.

    Parameters
    ----------
    model : FittedModel
        The model.
    table : StepTable
        One configuration.

    Returns
    -------
    shares : ndarray of shape (n_operations,)
        Each operation's share of the energy.
    verdict : Verdict
        Inside the fitted range or not.
    """
    shares = operation_shares(model.steps["energy_j"], table)
    return shares, model.domain.judge(table, shares)


def verdicts(model: FittedModel, table: StepTable) -> list[Verdict]:
    """Say of each configuration whether its like was ever measured.

    Parameters
    ----------
    model : FittedModel
        The model.
    table : StepTable
        Any number of configurations.

    Returns
    -------
    verdicts : list of Verdict
        Inside the fitted range or not.
    """
    shares = operation_shares(model.steps["energy_j"], table)
    first = np.searchsorted(table.step, np.arange(len(table) + 1))
    return [
        model.domain.judge(table.take([row]), shares[first[row] : first[row + 1]])
        for row in range(len(table))
    ]


def widening(verdict: Verdict) -> float:
    """Return the factor by which intervals are wider outside the fitted range.

    Parameters
    ----------
    verdict : Verdict
        Where a configuration lies.

    Returns
    -------
    factor : float
        1 inside, at most `LARGEST_WIDENING`.

    Notes
    -----
    Fitted on the smallest 50 to 85 % of the shipped sweep by energy and asked for the
    rest, the 90 % quantile of the log error was 1.1 to 2.1 times the half-width found
    in the range from 70 % on, without a trend in the distance: sums of priced work
    extrapolate, so that distance alone does not make them ever worse.

    Examples
    --------
    >>> widening(Verdict(in_domain=True, distance=0.0, reasons=()))
    1.0
    """
    return min(1.0 + verdict.distance, LARGEST_WIDENING)


def widenings(model: FittedModel, table: StepTable) -> FloatArray:
    """Return the factor of `widening` for each configuration.

    Parameters
    ----------
    model : FittedModel
        The model.
    table : StepTable
        Any number of configurations.

    Returns
    -------
    factors : ndarray of shape (n_steps,)
        At least 1.
    """
    return np.array([widening(verdict) for verdict in verdicts(model, table)])
