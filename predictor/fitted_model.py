"""A fitted model: regressors by target, how wrong they were, and what they cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from predictor.dataset import Target
from predictor.domain import Domain
from predictor.errors import ArchitectureError
from predictor.features import FloatArray, StepTable
from predictor.hardware import Platform
from predictor.levels import Levels
from predictor.metrics import Errors
from predictor.regressors import Regressor
from predictor.regressors.blend import BLEND, Blend


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetModel:
    """The regressors of one target, and how wrong each was on left-out networks.

    Parameters
    ----------
    chosen : str
        The regressor that answers: the blend where it errs as little as the best on
        left-out architectures, else the candidate with the smallest mean absolute log
        error there.
    regressors : mapping of str to Regressor
        Every candidate and baseline, fitted on all rows, and the ``blend``.
    residuals : mapping of str to ndarray
        Absolute log errors on left-out architectures, ascending.
    errors : mapping of str to Errors
        Errors on left-out architectures.
    pair_residuals : ndarray of shape (n_pairs,)
        Absolute log errors of the quotient of two left-out architectures by the chosen
        regressor, ascending.
    """

    chosen: str
    regressors: Mapping[str, Regressor]
    residuals: Mapping[str, FloatArray]
    errors: Mapping[str, Errors]
    pair_residuals: FloatArray

    @property
    def weights(self) -> dict[str, float]:
        """Weights of the blend's members."""
        blend = self.regressors.get(BLEND)
        return dict(blend.weights) if isinstance(blend, Blend) else {}

    def predict(self, table: StepTable) -> FloatArray:
        """Return the chosen regressor's prediction.

        Parameters
        ----------
        table : StepTable
            Any number of configurations.

        Returns
        -------
        values : ndarray of shape (n_steps,)
            In the target's unit, positive and finite.

        Raises
        ------
        ArchitectureError
            If an answer is beyond what a number can hold.
        """
        with np.errstate(all="ignore"):  # what comes of it is looked at
            values = self.regressors[self.chosen].predict(table)
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ArchitectureError(
                "this model has no answer for such a network: its sizes are beyond "
                "what can be computed, or the model is damaged; check the sizes, or "
                "fit again"
            )
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """Everything needed to estimate on one platform.

    Parameters
    ----------
    name : str
        Short name, the folder's.
    platform : Platform
        The device, backend, dtype and meter it speaks for.
    steps : mapping of str to TargetModel
        By target, for one steady step; ``duration_s`` may be missing.
    cold : mapping of str to TargetModel
        By target, for what is spent once; may be empty.
    power_residuals : ndarray of shape (n_rows,)
        Absolute log errors of the mean power on left-out architectures, ascending.
    domain : Domain
        The fitted ranges.
    rows : int
        Number of measurements in the fit.
    noise_floor : float or None
        Relative difference of the same configuration measured twice.
    data_digest : str
        SHA-256 over the measurements.
    base : str or None, default=None
        The model of another platform that the fit started from: its name and the first
        digits of the digest of its measurements.
    levels : mapping of str to mapping of str to float
        By data set and target, what its rows were divided by to be at the level of the
        first data set's.
    """

    name: str
    platform: Platform
    steps: Mapping[Target, TargetModel]
    cold: Mapping[Target, TargetModel]
    power_residuals: FloatArray
    domain: Domain
    rows: int
    noise_floor: float | None
    data_digest: str
    base: str | None = None
    levels: Levels = field(default_factory=dict)
