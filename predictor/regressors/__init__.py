"""The table of candidates and baselines that compete to be the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from predictor.features import FloatArray, StepTable
from predictor.regressors.baselines import BASELINE_COLUMNS, LogLinear, fit_baseline
from predictor.regressors.boosting import Boosting, fit_boosting
from predictor.regressors.hybrid import Hybrid, fit_hybrid
from predictor.regressors.neuralpower import NeuralPower, fit_neuralpower
from predictor.regressors.physical import Physical, fit_physical


class Regressor(Protocol):
    """A fitted regressor: predicts with numpy alone and is stored as arrays."""

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
        ...

    def to_arrays(self) -> dict[str, Any]:
        """Return the arrays to store.

        Returns
        -------
        arrays : dict of str to ndarray
            By field name.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressorKind:
    """How a kind of regressor is fitted and read back.

    Parameters
    ----------
    fit : callable
        Takes a `StepTable`, the target and a seed.
    from_arrays : callable
        Takes what `Regressor.to_arrays` gave.
    is_baseline : bool, default=False
        Baselines are shown beside the candidates and never chosen.
    """

    fit: Callable[[StepTable, FloatArray, int], Regressor]
    from_arrays: Callable[[Mapping[str, Any]], Regressor]
    is_baseline: bool = False


def _baseline(name: str) -> RegressorKind:
    return RegressorKind(
        fit=lambda table, target, seed: fit_baseline(name, table, target),
        from_arrays=LogLinear.from_arrays,
        is_baseline=True,
    )


REGRESSORS: dict[str, RegressorKind] = {
    "hybrid": RegressorKind(
        fit=lambda table, target, seed: fit_hybrid(table, target, seed=seed),
        from_arrays=Hybrid.from_arrays,
    ),
    "physical": RegressorKind(
        fit=lambda table, target, seed: fit_physical(table, target),
        from_arrays=Physical.from_arrays,
    ),
    "boosting": RegressorKind(
        fit=lambda table, target, seed: fit_boosting(table, target, seed=seed),
        from_arrays=Boosting.from_arrays,
    ),
    "neuralpower": RegressorKind(
        fit=lambda table, target, seed: fit_neuralpower(table, target, seed=seed),
        from_arrays=NeuralPower.from_arrays,
    ),
    **{name: _baseline(name) for name in BASELINE_COLUMNS},
}
"""Every regressor, candidates first."""

CANDIDATES = tuple(name for name, kind in REGRESSORS.items() if not kind.is_baseline)
BASELINES = tuple(name for name, kind in REGRESSORS.items() if kind.is_baseline)
