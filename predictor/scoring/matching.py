"""Which run of CodeCarbon belongs to which forecast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from predictor.scoring.codecarbon_csv import DEFAULT_PROJECT, CodeCarbonRun
from predictor.scoring.estimates import SavedEstimate
from predictor.scoring.runs import Run

ALMOST = 0.9
"""Part of a tracked run that the training must fill, so that the rest, such as reading
data, changes its energy by at most a tenth or so."""

CLOCK_S = 2.0
"""CodeCarbon writes whole seconds, and rounds them down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Runs that can be judged.

    Parameters
    ----------
    runs : tuple of Run
        Each with what was forecast and what it took.
    left_out : mapping of str to int
        How many others there were, by reason.
    """

    runs: tuple[Run, ...]
    left_out: Mapping[str, int]


def gather(
    runs: Sequence[Run],
    tracked: Sequence[CodeCarbonRun],
    estimates: Sequence[SavedEstimate],
    *,
    meter: str,
) -> Gathered:
    """Bring together what was forecast and what CodeCarbon tracked.

    Parameters
    ----------
    runs : sequence of Run
        From records.
    tracked : sequence of CodeCarbonRun
        From CodeCarbon's file.
    estimates : sequence of SavedEstimate
        Forecasts without a record.
    meter : str
        What stands behind CodeCarbon's energy.

    Returns
    -------
    gathered : Gathered
        Records, with the energy of the tracked run that they fill almost wholly, or
        that bears the network's name and lasted as long; and tracked runs that bear
        the name of an estimate's network. Where there is one estimate alone, runs of
        a project that nobody named are taken for its.
    """
    found = list(runs)
    without_record: list[Run] = []
    left_out: Counter[str] = Counter()
    taken: set[int] = set()
    for one in tracked:
        place = _record_of(one, found, taken)
        if place is not None:
            taken.add(place)
            if found[place].energy_j is None:
                found[place] = replace(
                    found[place], energy_j=one.energy_j, source=meter
                )
            else:
                left_out["tracked run whose record has energy of its own"] += 1
            continue
        estimate = _estimate_of(one, estimates)
        if estimate is None:
            left_out["tracked run without a forecast"] += 1
            continue
        without_record.append(
            Run(
                forecast=estimate.forecast,
                hardware=one.hardware,
                backend="unknown",
                energy_j=one.energy_j,
                source=meter,
                duration_s=one.duration_s,
                started_at=one.started_at,
            )
        )
    return Gathered(runs=(*found, *without_record), left_out=left_out)


def _record_of(
    tracked: CodeCarbonRun, runs: Sequence[Run], taken: set[int]
) -> int | None:
    free = [place for place in range(len(runs)) if place not in taken]
    filling = [place for place in free if _fills(runs[place], tracked)]
    if filling:
        return max(filling, key=lambda place: runs[place].duration_s or 0.0)
    named = [
        place
        for place in free
        if runs[place].forecast.network == tracked.project
        and _lasted_as_long(runs[place], tracked)
    ]
    return named[0] if len(named) == 1 else None


def _fills(run: Run, tracked: CodeCarbonRun) -> bool:
    if run.started_at is None or not _lasted_as_long(run, tracked):
        return False
    slack = timedelta(seconds=CLOCK_S)
    ended_at = run.started_at + timedelta(seconds=run.duration_s or 0.0)
    return (
        tracked.started_at - slack <= run.started_at
        and ended_at <= tracked.ended_at + slack
    )


def _lasted_as_long(run: Run, tracked: CodeCarbonRun) -> bool:
    if run.duration_s is None:
        return False
    return ALMOST * tracked.duration_s <= run.duration_s <= tracked.duration_s + CLOCK_S


def _estimate_of(
    tracked: CodeCarbonRun, estimates: Sequence[SavedEstimate]
) -> SavedEstimate | None:
    for one in estimates:
        if one.forecast.network == tracked.project:
            return one
    if len(estimates) == 1 and tracked.project == DEFAULT_PROJECT:
        return estimates[0]
    return None
