"""Whether a configuration lies inside what a model was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.features import STEP_COLUMNS, FloatArray, StepTable
from predictor.regressors.hybrid import (
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

_NEVER_MEASURED_DISTANCE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How far a configuration is from the fitted range.

    Parameters
    ----------
    in_domain : bool
        Whether it counts as inside.
    distance : float
        Zero inside; else in natural logarithms: 0.7 is a factor of two beyond.
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
        kind, phase = shapes[:, 0].astype(int), shapes[:, 1].astype(int)
        low, high = self.lowest[kind, phase], self.highest[kind, phase]
        beyond = np.maximum(np.maximum(low - shapes, shapes - high), 0.0)
        never = np.isnan(beyond).any(axis=1)
        beyond = np.where(never[:, None], 0.0, beyond)
        strange = never | (beyond.max(axis=1) > 1e-9)
        reasons: list[tuple[float, str]] = []
        for unknown in {
            (int(k), int(p)) for k, p in zip(kind[never], phase[never], strict=True)
        }:
            share = float(shares[never & (kind == unknown[0])].sum())
            reasons.append(
                (
                    share,
                    f"{OPERATION_KINDS[unknown[0]]} ({PHASES[unknown[1]]}) was never "
                    f"measured and has {share:.0%} of the estimate",
                )
            )
        by_column = shares @ beyond
        for column in np.flatnonzero(
            (shares @ (beyond > 1e-9)) > LARGEST_STRANGE_SHARE
        ):
            worst = int(np.argmax(beyond[:, column]))
            reasons.append(
                (
                    float(by_column[column]),
                    f"{SHAPE_COLUMNS[column].removeprefix('log_')} of a "
                    f"{OPERATION_KINDS[kind[worst]]} is a factor of "
                    f"{np.exp(beyond[worst, column]):.2g} beyond the fitted range",
                )
            )
        distance = float(by_column.sum()) + _NEVER_MEASURED_DISTANCE * float(
            shares[never].sum()
        )
        step_is_inside = True
        for name in RANGED_STEP_COLUMNS:
            place = STEP_COLUMNS.index(name)
            value = float(table.steps[0, place])
            excess = max(
                self.step_lowest[place] - value, value - self.step_highest[place]
            )
            if excess > 1e-9:
                step_is_inside = False
                distance += float(excess)
                reasons.append(
                    (
                        float(excess),
                        f"{name.removeprefix('log_')} of a step is a factor of "
                        f"{np.exp(excess):.2g} beyond the fitted range",
                    )
                )
        inside = (
            step_is_inside and float(shares[strange].sum()) <= LARGEST_STRANGE_SHARE
        )
        ordered = sorted(reasons, key=lambda reason: -reason[0])
        return Verdict(
            in_domain=inside,
            distance=distance,
            reasons=tuple(text for _, text in ordered),
        )
