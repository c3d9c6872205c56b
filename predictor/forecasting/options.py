"""What a user asks of a forecast in a training script."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from predictor.budgets import Budgets
from predictor.dataset import SOURCES
from predictor.errors import UsageError
from predictor.hardware import MODELLED
from predictor.intervals import CONFIDENCE_LEVEL
from predictor.workload import Workload

OVER_BUDGET = ("warn", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is forecast, held against what, and recorded where.

    Parameters
    ----------
    workload : Workload
        What is done.
    input_shapes : sequence of sequence of int, default=()
        Shape of each input without the batch axis, where the network leaves sizes open.
    record : path, optional
        File to which one line is appended at the end.
    budgets : Budgets, optional
        Limits of what the whole training may take.
    over_budget : {"warn", "stop"}, default="warn"
        What to do above one.
    energy_counter_j : callable, optional
        Returns J since any moment; by default this machine's counters are read.
    energy_source : str, default="modelled"
        Meter behind it, one of `predictor.dataset.SOURCES`.
    tracker : object, optional
        A CodeCarbon tracker in use, to read energy from.
    answering : mapping of str to object, default={}
        Other arguments of `predictor.estimate`.
    """

    workload: Workload
    input_shapes: Sequence[Sequence[int]] = ()
    record: str | os.PathLike[str] | None = None
    budgets: Budgets | None = None
    over_budget: str = "warn"
    energy_counter_j: Callable[[], float] | None = None
    energy_source: str = MODELLED
    tracker: Any = None
    answering: Mapping[str, Any] = field(default_factory=dict)

    @property
    def confidence_level(self) -> float:
        """Of every interval."""
        return float(self.answering.get("confidence_level", CONFIDENCE_LEVEL))

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises
        ------
        UsageError
            If an option is none of those allowed.
        """
        if not isinstance(self.workload, Workload):
            raise UsageError(
                "workload must be a predictor.Workload, got "
                f"{type(self.workload).__name__}"
            )
        if self.over_budget not in OVER_BUDGET:
            raise UsageError(
                f"over_budget must be one of {', '.join(OVER_BUDGET)}; "
                f"got {self.over_budget!r:.40}"
            )
        if self.energy_source not in SOURCES:
            raise UsageError(
                f"energy_source must be one of {', '.join(SOURCES)}; "
                f"got {self.energy_source!r:.40}"
            )
        if self.energy_counter_j is not None and self.tracker is not None:
            raise UsageError("give energy_counter_j or tracker, not both")
