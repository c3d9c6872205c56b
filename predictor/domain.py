"""Whether a configuration lies inside what a model was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.counting import NetworkCount
from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.features import STEP_COLUMNS, FloatArray, IntArray, StepTable
from predictor.regressors.shapes import (
    SHAPE_COLUMNS,
    operation_ranges,
    operation_shapes,
)

RANGED_STEP_COLUMNS = (
    "log_batch_size",
    "log_macs",
    "log_params",
    "log_activation_bytes",
    "log_launches",
)
"""Numbers of a whole step that must lie in the fitted range."""

LARGEST_STRANGE_SHARE = 0.05
"""An estimate is in domain while operations beyond the range have no larger share."""

APPROXIMATED_DISTANCE = 1.0
"""Makes every interval twice as wide, in log."""

_NEVER_MEASURED_DISTANCE = 3.0
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How far a configuration is from the fitted range.

    Parameters
    ----------
    in_domain : bool
        Whether it counts as inside.
    distance : float
        Zero inside; else in natural logarithms, so that 0.7 is a factor of two
        beyond: the operations' largest excess weighted by share, plus the step's.
    reasons : tuple of str
        What is beyond the range, by how much, most important first.
    """

    in_domain: bool
    distance: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The ranges of a fit.

    Parameters
    ----------
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        Range of each operation's shape; NaN for what was never measured.
    step_lowest, step_highest : ndarray of shape (n_step_columns,)
        Range of each of `features.STEP_COLUMNS`.
    """

    lowest: FloatArray
    highest: FloatArray
    step_lowest: FloatArray
    step_highest: FloatArray

    @classmethod
    def of(cls, table: StepTable) -> Domain:
        """Return the ranges of a table.

        Parameters
        ----------
        table : StepTable
            What a model is fitted on.

        Returns
        -------
        domain : Domain
            Its ranges.
        """
        lowest, highest = operation_ranges(operation_shapes(table))
        return cls(
            lowest=lowest,
            highest=highest,
            step_lowest=table.steps.min(axis=0),
            step_highest=table.steps.max(axis=0),
        )

    def judge(self, table: StepTable, shares: FloatArray) -> Verdict:
        """Say whether one configuration is inside.

        Parameters
        ----------
        table : StepTable
            A single configuration.
        shares : ndarray of shape (n_operations,)
            Each operation's share of the estimate, calls included.

        Returns
        -------
        verdict : Verdict
            Inside or not, how far, and why.
        """
        shapes = operation_shapes(table)
        kind, phase = shapes[:, 0].astype(np.int64), shapes[:, 1].astype(np.int64)
        low, high = self.lowest[kind, phase], self.highest[kind, phase]
        beyond = np.maximum(np.maximum(low - shapes, shapes - high), 0.0)
        never = np.asarray(np.isnan(beyond).any(axis=1), dtype=np.bool_)
        beyond = np.where(never[:, None], 0.0, beyond)
        strange = never | (beyond.max(axis=1) > _ROUNDING)
        excesses = self._step_excesses(table)
        reasons = [
            *_never_measured(kind[never], phase[never], shares[never]),
            *_beyond_range(kind, beyond, shares),
            *excesses,
        ]
        strange_share = float(shares[strange].sum())
        ordered = sorted(reasons, key=lambda reason: -reason[0])
        return Verdict(
            in_domain=strange_share <= LARGEST_STRANGE_SHARE and not excesses,
            distance=(
                float((shares @ beyond).max(initial=0.0))
                + _NEVER_MEASURED_DISTANCE * float(shares[never].sum())
                + max((excess for excess, _ in excesses), default=0.0)
            ),
            reasons=tuple(text for _, text in ordered),
        )

    def _step_excesses(self, table: StepTable) -> list[tuple[float, str]]:
        found = []
        for name in RANGED_STEP_COLUMNS:
            place = STEP_COLUMNS.index(name)
            value = float(table.steps[0, place])
            excess = float(
                max(self.step_lowest[place] - value, value - self.step_highest[place])
            )
            if excess > _ROUNDING:
                found.append((excess, _sentence(f"{name} of a step", excess)))
        return found


def other_dtype(dtype: str, fitted: str) -> str | None:
    """Return what is wrong with an answer in another dtype than was measured.

    Parameters
    ----------
    dtype : str
        Of the computation.
    fitted : str
        Of the measurements.

    Returns
    -------
    reason : str or None
        A sentence; None where it is the same.

    Examples
    --------
    >>> other_dtype("float32", "float32") is None
    True
    """
    if dtype == fitted:
        return None
    return (
        f"the model was fitted on {fitted}; for {dtype} only the bytes moved are scaled"
    )


def approximated(
    verdict: Verdict, counts: NetworkCount, *, dtype: str, fitted: str
) -> Verdict:
    """Put outside what was never measured in its kind of layer or its dtype.

    Parameters
    ----------
    verdict : Verdict
        As if all of the network was known.
    counts : NetworkCount
        Says which layers have no counting rule.
    dtype : str
        Of the computation.
    fitted : str
        Of the measurements.

    Returns
    -------
    verdict : Verdict
        The same where every layer has a rule and the dtype was measured; else outside
        by `APPROXIMATED_DISTANCE` at least, for nobody knows what it takes.
    """
    unmeasured = other_dtype(dtype, fitted)
    reasons = [] if unmeasured is None else [unmeasured]
    reasons += [
        f"{layer.name:.60} ({layer.kind:.60}) has no counting rule: it is priced by "
        "the tensors it takes and makes alone, whatever it does with them"
        for layer in counts.approximated[:2]
    ]
    if not reasons:
        return verdict
    return Verdict(
        in_domain=False,
        distance=max(verdict.distance, APPROXIMATED_DISTANCE),
        reasons=(*reasons, *verdict.reasons),
    )


def _sentence(what: str, excess: float) -> str:
    shown = what.replace("log_", "").replace("_", " ")
    factor = float(np.exp(excess))
    if factor < 1.05:
        return f"{shown}: just beyond the fitted range"
    times = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2g}"
    return f"{shown}: {times} times beyond the fitted range"


def _never_measured(
    kind: IntArray, phase: IntArray, shares: FloatArray
) -> list[tuple[float, str]]:
    by_operation: dict[tuple[int, int], float] = {}
    for key, share in zip(zip(kind, phase, strict=True), shares, strict=True):
        by_operation[key] = by_operation.get(key, 0.0) + float(share)
    return [
        (
            share,
            f"{OPERATION_KINDS[one]} ({PHASES[other].replace('_', ' ')}) was never "
            f"measured and has {share:.0%} of the estimate",
        )
        for (one, other), share in by_operation.items()
    ]


def _beyond_range(
    kind: IntArray, beyond: FloatArray, shares: FloatArray
) -> list[tuple[float, str]]:
    share_beyond = shares @ (beyond > _ROUNDING)
    found = []
    for column in np.flatnonzero(share_beyond > LARGEST_STRANGE_SHARE):
        worst = int(np.argmax(shares * beyond[:, column]))
        what = f"{SHAPE_COLUMNS[column]} of a {OPERATION_KINDS[kind[worst]]}"
        weight = float(shares @ beyond[:, column])
        found.append((weight, _sentence(what, float(beyond[worst, column]))))
    return found
