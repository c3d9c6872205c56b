"""What a job would take if one thing about it were changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from predictor.answer import Estimate
from predictor.comparison import Ratio, energy_ratio
from predictor.errors import UsageError
from predictor.freezing import BASE, KERAS_FORMATS
from predictor.intervals import Quantity
from predictor.levers import Change, Question
from predictor.models import known_models

SCHEMA_VERSION = 1

Aim = Literal["emissions", "energy", "time", "cost"]
AIMS: tuple[Aim, ...] = get_args(Aim)
_FIELDS = {
    "emissions": "emissions_gco2e",
    "energy": "energy_j",
    "time": "duration_s",
    "cost": "cost",
}

REGIONS = ("SWE", "FRA", "USA", "DEU")
"""Places tried where none is named: grids of about 30 to 400 gCO2e/kWh."""

LOW_PUE = 1.1
"""Of the most efficient large data centres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a change comes to.

    Parameters
    ----------
    change : Change
        What is changed.
    answer : Estimate
        The answer with it.
    energy_ratio : Ratio
        Energy with it over energy without.
    ratio : float or None
        What is aimed at with it over the same without; None where one is not known.
    """

    change: Change
    answer: Estimate
    energy_ratio: Ratio
    ratio: float | None

    @property
    def saving(self) -> float | None:
        """The share of what is aimed at that is saved; negative for more."""
        return None if self.ratio is None else 1 - self.ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A job and what changes of it come to.

    Parameters
    ----------
    base : Estimate
        The job as it is.
    aim : {"emissions", "energy", "time", "cost"}
        What is to be saved.
    outcomes : tuple of Outcome
        The largest saving first.
    """

    base: Estimate
    aim: Aim
    outcomes: tuple[Outcome, ...]

    def records(self) -> list[dict[str, object]]:
        """Return the rows of a table.

        Returns
        -------
        records : list of dict
            By change; energies in J, durations in s, emissions in gCO2e.
        """
        return [
            {
                "lever": one.change.lever,
                "value": one.change.value,
                "saving": one.saving,
                "energy_j": one.answer.energy_j.estimate,
                "energy_j_lower": one.answer.energy_j.lower,
                "energy_j_upper": one.answer.energy_j.upper,
                "duration_s": one.answer.duration_s and one.answer.duration_s.estimate,
                "emissions_gco2e": one.answer.emissions_gco2e.estimate,
                "cost": one.answer.cost and one.answer.cost.estimate,
                "energy_ratio": one.energy_ratio.energy.estimate,
                "energy_ratio_lower": one.energy_ratio.energy.lower,
                "energy_ratio_upper": one.energy_ratio.energy.upper,
                "probability_less_energy": one.energy_ratio.probability_less,
                "in_domain": one.answer.verdict.in_domain,
            }
            for one in self.outcomes
        ]

    def to_frame(self) -> Any:
        """Return the records as a table.

        Returns
        -------
        frame : pandas.DataFrame
            One row per change.
        """
        import pandas

        return pandas.DataFrame(self.records())

    def _repr_html_(self) -> str:
        return str(self.to_frame()._repr_html_())

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; a quantity is estimate, lower and upper.
        """

        def numbers(quantity: Quantity | None) -> dict[str, float] | None:
            return None if quantity is None else quantity.to_dict()

        return {
            "schema_version": SCHEMA_VERSION,
            "aim": self.aim,
            "base": self.base.to_dict(),
            "changes": [
                {
                    "lever": one.change.lever,
                    "value": one.change.value,
                    "energy_j": one.answer.energy_j.to_dict(),
                    "duration_s": numbers(one.answer.duration_s),
                    "emissions_gco2e": one.answer.emissions_gco2e.to_dict(),
                    "cost": numbers(one.answer.cost),
                    "saving": one.saving,
                    "energy_ratio": one.energy_ratio.energy.to_dict(),
                    "probability_less_energy": one.energy_ratio.probability_less,
                    "in_domain": one.answer.verdict.in_domain,
                    "tier": one.answer.chosen.tier,
                }
                for one in self.outcomes
            ],
        }


def what_if(
    question: Question, changes: Sequence[Change] = (), *, aim: Aim = "emissions"
) -> WhatIf:
    """Estimate a job as it is, and with each change alone.

    Parameters
    ----------
    question : Question
        The job as it is.
    changes : sequence of Change, optional
        What is tried; by default `usual_changes`.
    aim : {"emissions", "energy", "time", "cost"}, default="emissions"
        What is to be saved.

    Returns
    -------
    found : WhatIf
        The largest saving first; what is not known comes last.

    Raises
    ------
    UsageError
        If a change is out of its range, or cost is aimed at without a price.
    """
    base = question.ask()
    if getattr(base, _FIELDS[aim]) is None:
        missing = "give a price" if aim == "cost" else "the fitted model has no times"
        raise UsageError(f"{aim} cannot be aimed at: {missing}")
    outcomes = []
    for change in changes or usual_changes(question, base):
        answer = change.applied(question).ask()
        ratio = energy_ratio(answer, base)
        outcomes.append(
            Outcome(
                change=change,
                answer=answer,
                energy_ratio=ratio,
                ratio=_quotient(answer, base, aim),
            )
        )
    outcomes.sort(key=lambda one: float("inf") if one.ratio is None else one.ratio)
    return WhatIf(base=base, aim=aim, outcomes=tuple(outcomes))


def _quotient(answer: Estimate, base: Estimate, aim: Aim) -> float | None:
    now, before = getattr(answer, _FIELDS[aim]), getattr(base, _FIELDS[aim])
    if now is None or not before.estimate:
        return None
    return float(now.estimate / before.estimate)


def usual_changes(question: Question, base: Estimate) -> list[Change]:
    """Return the changes to try where nobody names any.

    Parameters
    ----------
    question : Question
        The job as it is.
    base : Estimate
        Its answer.

    Returns
    -------
    changes : list of Change
        Half and twice the batch, half the epochs and samples, lower precision, other
        places, a frozen base, a low PUE, and every other fitted model with a name.
    """
    job = question.workload
    found: list[tuple[str, float | str]] = []
    found += [
        ("batch-size", size) for size in (job.batch_size // 2, 2 * job.batch_size)
    ]
    found += [("epochs", job.epochs // 2), ("samples", job.samples // 2)]
    if job.dtype == "float32":
        found.append(("dtype", "bfloat16"))
    found += [("region", code) for code in REGIONS if code != base.carbon.region]
    if job.mode == "training" and base.network.format in KERAS_FORMATS:
        found.append(("frozen", BASE))
    if base.pue > LOW_PUE:
        found.append(("pue", LOW_PUE))
    found += [
        ("hardware", name)
        for name, folder in known_models().items()
        if folder.resolve() != base.chosen.folder.resolve()
    ]
    return [Change(lever=lever, value=value) for lever, value in found if value]
