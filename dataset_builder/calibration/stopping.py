"""When a calibration has measured enough: its interval no longer shrinks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset_builder.calibration.choice import ROUND_ROWS
from predictor.dataset import Measurement, step_table
from predictor.fitting import targets_of
from predictor.intervals import CONFIDENCE_LEVEL, log_half_width
from predictor.regressors.physical import fit_physical
from predictor.splits import FOLDS, grouped_folds

FIRST_ROWS = 24
"""Rows that fill the space before a committee is asked."""

FEWEST_ROWS = 40
"""No calibration is over with fewer valid rows."""

PATIENCE = 3
"""Rounds in a row that must not narrow the interval."""

LEAST_GAIN = 0.05
"""Share of the half-width by which a round must narrow it."""

SMALLEST_GAIN = 0.01
"""The same in log: what narrows it by less than 1 % of the energy is no gain."""


def whole_rounds(rows: int) -> int:
    """Return how many rounds some rows make up, after the first ones.

    Parameters
    ----------
    rows : int
        Valid rows.

    Returns
    -------
    rounds : int
        Not negative.

    Examples
    --------
    >>> [whole_rounds(rows) for rows in (0, 24, 31, 32)]
    [0, 0, 0, 1]
    """
    return max(0, rows - FIRST_ROWS) // ROUND_ROWS


def half_width(rows: Sequence[Measurement], *, seed: int) -> float:
    """Return how far a step's energy lies from its estimate at most, nine times in ten.

    Only the first `FIRST_ROWS` are judged, always by the same folds: they were drawn
    from the whole space. Later ones were chosen for being hard; an interval over them
    would widen while the model gets better.

    Parameters
    ----------
    rows : sequence of Measurement
        On one platform, those that fill the space first.
    seed : int
        Seed of the folds.

    Returns
    -------
    half_width : float
        In log, of `physical` fitted without the architecture it is judged on.

    Raises
    ------
    DatasetError
        If the first rows hold fewer than two architectures.
    """
    groups = np.array([row.group for row in rows])
    table, target = step_table(rows), targets_of(rows, "energy_j")
    residuals: list[float] = []
    for _, test in grouped_folds(groups[:FIRST_ROWS].tolist(), folds=FOLDS, seed=seed):
        train = np.flatnonzero(~np.isin(groups, groups[test]))
        model = fit_physical(table.take(train), target[train])
        predicted = model.predict(table.take(test))
        residuals += np.abs(np.log(predicted / target[test])).tolist()
    return log_half_width(np.sort(residuals), CONFIDENCE_LEVEL)


def is_settled(half_widths: Sequence[float]) -> bool:
    """Say whether the interval has stopped shrinking.

    Parameters
    ----------
    half_widths : sequence of float
        In log, after the first rows and after every round.

    Returns
    -------
    settled : bool
        True from `FEWEST_ROWS` rows on, where the last `PATIENCE` rounds are not below
        the best one before by `LEAST_GAIN` of it, or by `SMALLEST_GAIN`.

    Examples
    --------
    >>> is_settled([0.50, 0.40, 0.39, 0.41, 0.39])
    True
    >>> is_settled([0.50, 0.40, 0.39, 0.41, 0.37])
    False
    >>> is_settled([0.50, 0.40, 0.39, 0.41])  # the last round but two was a gain
    False
    """
    before, last = half_widths[:-PATIENCE], half_widths[-PATIENCE:]
    if not before or FIRST_ROWS + ROUND_ROWS * (len(half_widths) - 1) < FEWEST_ROWS:
        return False
    best = min(before)
    return best - min(last) <= max(LEAST_GAIN * best, SMALLEST_GAIN)
