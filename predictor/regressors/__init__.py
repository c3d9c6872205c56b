"""The table of candidates and baselines that compete to be the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from predictor.errors import ModelFileError
from predictor.features import FloatArray, IntArray, StepTable
from predictor.regressors.baselines import BASELINE_COLUMNS, LogLinear, fit_baseline
from predictor.regressors.boosting import Boosting, fit_boosting
from predictor.regressors.hybrid import Hybrid, fit_hybrid
from predictor.regressors.neuralpower import NeuralPower, fit_neuralpower
from predictor.regressors.physical import Physical, fit_physical
from predictor.regressors.whole_step import WholeStep, fit_whole_step


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
class TrainingRows:
    """What a regressor is fitted on.

    Parameters
    ----------
    table : StepTable
        What was done in a step.
    target : ndarray of shape (n_steps,)
        What the step took, strictly positive, in J or s.
    groups : sequence of str
        The architecture of each step; what is chosen inside a fit is chosen by
        leaving out whole architectures.
    seed : int, default=0
        Seed of everything random.
    base : mapping of str to Regressor, optional
        Regressors of the same target on another device, from which ``physical`` and
        ``hybrid`` start.
    """

    table: StepTable
    target: FloatArray
    groups: Sequence[str]
    seed: int = 0
    base: Mapping[str, Regressor] = field(default_factory=dict)

    def take(self, rows: IntArray) -> TrainingRows:
        """Return some of the rows.

        Parameters
        ----------
        rows : ndarray of int
            Which, none twice.

        Returns
        -------
        part : TrainingRows
            These, in that order.
        """
        return TrainingRows(
            table=self.table.take(rows),
            target=self.target[rows],
            groups=[self.groups[row] for row in rows],
            seed=self.seed,
            base=self.base,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressorKind:
    """How a kind of regressor is fitted and read back.

    Parameters
    ----------
    fit : callable
        Takes `TrainingRows` and, by name, the regressors already fitted on them.
    from_arrays : callable
        Takes what `Regressor.to_arrays` gave and, by name, the regressors already read.
    is_baseline : bool, default=False
        Baselines are shown beside the candidates and never chosen.
    """

    fit: Callable[[TrainingRows, Mapping[str, Regressor]], Regressor]
    from_arrays: Callable[[Mapping[str, Any], Mapping[str, Regressor]], Regressor]
    is_baseline: bool = False


def _physical(rows: TrainingRows, fitted: Mapping[str, Regressor]) -> Physical:
    base = rows.base.get("physical")
    return fit_physical(
        rows.table,
        rows.target,
        base=base if isinstance(base, Physical) else None,
    )


def _fitted_physical(rows: TrainingRows, fitted: Mapping[str, Regressor]) -> Physical:
    known = fitted.get("physical")
    return known if isinstance(known, Physical) else _physical(rows, fitted)


def _hybrid(rows: TrainingRows, fitted: Mapping[str, Regressor]) -> Hybrid:
    base = rows.base.get("hybrid")
    if isinstance(base, Hybrid):
        physical = fit_physical(
            rows.table,
            rows.target,
            base=base.physical,
            correction=base.operation_correction(rows.table),
        )
        return fit_hybrid(rows.table, rows.target, physical, seed=rows.seed, base=base)
    physical = _fitted_physical(rows, fitted)
    return fit_hybrid(rows.table, rows.target, physical, seed=rows.seed)


def _whole_step(rows: TrainingRows, fitted: Mapping[str, Regressor]) -> WholeStep:
    known = fitted.get("hybrid")
    hybrid = known if isinstance(known, Hybrid) else _hybrid(rows, fitted)
    return fit_whole_step(rows.table, rows.target, hybrid, seed=rows.seed)


def _boosting(rows: TrainingRows, fitted: Mapping[str, Regressor]) -> Boosting:
    return fit_boosting(rows.table, rows.target, seed=rows.seed)


def _neuralpower(rows: TrainingRows, fitted: Mapping[str, Regressor]) -> NeuralPower:
    return fit_neuralpower(
        rows.table,
        rows.target,
        seed=rows.seed,
        physical=_fitted_physical(rows, fitted),
    )


def _neuralpower_raw(
    rows: TrainingRows, fitted: Mapping[str, Regressor]
) -> NeuralPower:
    return fit_neuralpower(rows.table, rows.target, seed=rows.seed)


def _alone(
    read: Callable[[Mapping[str, Any]], Regressor],
) -> Callable[[Mapping[str, Any], Mapping[str, Regressor]], Regressor]:
    return lambda arrays, known: read(arrays)


def _whole_step_from(
    arrays: Mapping[str, Any], known: Mapping[str, Regressor]
) -> WholeStep:
    hybrid = known.get("hybrid")
    if not isinstance(hybrid, Hybrid):
        raise ModelFileError("what whole_step corrects is missing; fit the model again")
    return WholeStep.from_arrays(arrays, hybrid=hybrid)


def _baseline(name: str) -> RegressorKind:
    return RegressorKind(
        fit=lambda rows, fitted: fit_baseline(name, rows.table, rows.target),
        from_arrays=_alone(LogLinear.from_arrays),
        is_baseline=True,
    )


REGRESSORS: dict[str, RegressorKind] = {
    "physical": RegressorKind(fit=_physical, from_arrays=_alone(Physical.from_arrays)),
    "hybrid": RegressorKind(fit=_hybrid, from_arrays=_alone(Hybrid.from_arrays)),
    "whole_step": RegressorKind(fit=_whole_step, from_arrays=_whole_step_from),
    "boosting": RegressorKind(fit=_boosting, from_arrays=_alone(Boosting.from_arrays)),
    "neuralpower": RegressorKind(
        fit=_neuralpower, from_arrays=_alone(NeuralPower.from_arrays)
    ),
    **{name: _baseline(name) for name in BASELINE_COLUMNS},
    "neuralpower_raw": RegressorKind(
        fit=_neuralpower_raw,
        from_arrays=_alone(NeuralPower.from_arrays),
        is_baseline=True,
    ),
}
"""Every regressor, candidates first, each behind those that it builds on."""


def fit_regressors(names: Sequence[str], rows: TrainingRows) -> dict[str, Regressor]:
    """Fit several regressors on the same rows.

    Parameters
    ----------
    names : sequence of str
        Keys of `REGRESSORS`.
    rows : TrainingRows
        What they are fitted on.

    Returns
    -------
    regressors : dict of str to Regressor
        By name.
    """
    fitted: dict[str, Regressor] = {}
    for name in (name for name in REGRESSORS if name in names):
        fitted[name] = REGRESSORS[name].fit(rows, fitted)
    return fitted


CANDIDATES = tuple(name for name, kind in REGRESSORS.items() if not kind.is_baseline)
BASELINES = tuple(name for name, kind in REGRESSORS.items() if kind.is_baseline)
