"""What one step takes, and what is spent before the first, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from predictor.counting import NetworkCount
from predictor.dataset import Target
from predictor.domain import Verdict, approximated
from predictor.errors import OutOfDomainError
from predictor.features import FloatArray, StepTable, describe_steps
from predictor.fitted_model import FittedModel, TargetModel
from predictor.intervals import Quantity, interval
from predictor.prediction import judge, widening
from predictor.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPrice:
    """What a step takes.

    Parameters
    ----------
    table : StepTable
        The step.
    shares : ndarray of shape (n_operations,)
        Each operation's share of the energy.
    verdict : Verdict
        Inside the fitted range or not.
    widening : float
        Factor on half-widths in log outside of it.
    steady, cold : mapping of str to Quantity
        By target, one steady step and what is spent once; in J and s.
    """

    table: StepTable
    shares: FloatArray
    verdict: Verdict
    widening: float
    steady: Mapping[Target, Quantity]
    cold: Mapping[Target, Quantity]

    def total(self, target: Target, steps: float) -> Quantity:
        """Return what so many steps take, the cold part included.

        Parameters
        ----------
        target : {"energy_j", "duration_s"}
            Of which the model has regressors.
        steps : float
            Number of full batches.

        Returns
        -------
        total : Quantity
            In J or s.
        """
        steady = self.steady[target].scaled(steps)
        return steady.plus(self.cold[target]) if target in self.cold else steady


def price_step(
    model: FittedModel,
    counts: NetworkCount,
    workload: Workload,
    *,
    name: str,
    confidence_level: float,
    strict: bool = False,
) -> StepPrice:
    """Predict one step.

    Parameters
    ----------
    model : FittedModel
        The model that answers.
    counts : NetworkCount
        The network.
    workload : Workload
        What is done with it.
    name : str
        The network's, for messages.
    confidence_level : float
        Of the intervals.
    strict : bool, default=False
        Whether to refuse what is outside the fitted range.

    Returns
    -------
    price : StepPrice
        Of one step.

    Raises
    ------
    OutOfDomainError
        If `strict` and the step is outside the fitted range.
    """
    table = describe_steps([(counts, workload)])
    shares, verdict = judge(model, table)
    verdict = approximated(
        verdict, counts, dtype=workload.dtype, fitted=model.platform.dtype
    )
    if strict and not verdict.in_domain:
        raise OutOfDomainError(
            f"{name}: outside the range {model.name} was fitted on: "
            f"{'; '.join(verdict.reasons[:2])}. Leave out --strict for an estimate "
            "with a wider interval, or measure such networks and fit again"
        )
    widen = widening(verdict)

    def say(target: TargetModel) -> Quantity:
        residuals = target.residuals[target.chosen]
        predicted = float(target.predict(table)[0])
        return interval(predicted, residuals, confidence_level, widen=widen)

    return StepPrice(
        table=table,
        shares=shares,
        verdict=verdict,
        widening=widen,
        steady={target: say(one) for target, one in model.steps.items()},
        cold={target: say(one) for target, one in model.cold.items()},
    )
