"""How well measurements repeat: between windows, and between processes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataset_builder.checking.report import (
    Remark,
    Section,
    counted,
    figure,
    percent,
    table,
)
from dataset_builder.plan.again import IMPRECISE
from dataset_builder.store.contents import Contents, RowsFile
from dataset_builder.store.noise import SHORT_STEP_S, noise_floor
from predictor.dataset import Measurement, Target
from predictor.metrics import by_configuration

WIDE_SPREAD = 0.05
UNSTABLE_SPREAD = 0.1
LARGEST_MEDIAN_ERROR = 0.025
LARGEST_ERROR = IMPRECISE
"""Standard errors of a level: those of four windows that spread by 5 % and by 10 %."""

LARGEST_IMPRECISE_SHARE = 0.1
LARGEST_NOISE_FLOOR = 0.1
WANTED_PRECISION = 0.01
NORMAL_95 = 1.96
SHOWN = 5

TARGET_NAMES: tuple[tuple[Target, str], ...] = (
    ("energy_j", "energy"),
    ("duration_s", "time"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much the windows of one configuration differ.

    Parameters
    ----------
    relative : float
        Standard deviation over mean.
    windows : int
        Number of windows.

    Examples
    --------
    >>> Spread(relative=0.1, windows=4).standard_error
    0.05
    """

    relative: float
    windows: int

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over the mean: what further windows make less."""
        return self.relative / math.sqrt(self.windows)


def spread(processes: Sequence[Measurement]) -> Spread | None:
    """Return the spread of a configuration over all windows of all its processes.

    Parameters
    ----------
    processes : sequence of Measurement
        Rows of one configuration.

    Returns
    -------
    spread : Spread or None
        Of the energy per step of the valid windows, drift taken out as in the row; None
        with fewer than two windows.
    """
    rows: list[Mapping[str, Any]] = [item.row for item in processes]
    energies = [
        window["energy_j"] / window["steps"] / row.get("drift_energy", 1.0)
        for row in rows
        for window in row.get("windows", [])
        if window["valid"] and window["energy_j"] is not None
    ]
    if len(energies) < 2:
        return None
    relative = statistics.stdev(energies) / statistics.fmean(energies)
    return Spread(relative=relative, windows=len(energies))


def processes_needed(spread: float) -> int:
    """Return how many processes give a mean within 1 % at 95 % confidence.

    Parameters
    ----------
    spread : float
        Standard deviation over mean of one process' value.

    Returns
    -------
    processes : int
        At least 1.

    Examples
    --------
    >>> processes_needed(0.0), processes_needed(0.01), processes_needed(0.1)
    (1, 4, 385)
    """
    return max(1, math.ceil((NORMAL_95 * spread / WANTED_PRECISION) ** 2))


def check_spread(contents: Contents, file: RowsFile) -> Section:
    """Check how much windows of one configuration differ.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        Spread over all valid windows of all processes.
    """
    parts = list(by_configuration(file.measurements).values())
    known = [(cv, items) for items in parts if (cv := spread(items)) is not None]
    if not known:
        return Section(title="spread", file=file.name)
    spreads = [found.relative for found, _ in known]
    errors = [found.standard_error for found, _ in known]
    median, error = statistics.median(spreads), statistics.median(errors)
    wide = sum(cv > WIDE_SPREAD for cv in spreads)
    known.sort(key=lambda pair: -pair[0].relative)
    unstable = [pair for pair in known if pair[0].relative > UNSTABLE_SPREAD]
    imprecise = sum(value > LARGEST_ERROR for value in errors)
    needed = statistics.median_high([processes_needed(cv) for cv in spreads])
    twice = sum(len(items) > 1 for _, items in known)
    lines = [
        figure(len(known), f"configurations, {twice} in two processes or more"),
        figure(percent(median), "standard deviation of a step's energy in the median"),
        figure(wide, f"above {percent(WIDE_SPREAD, 0)}"),
        figure(len(unstable), f"unstable, above {percent(UNSTABLE_SPREAD, 0)}"),
        figure(percent(error), "standard error of a step's energy in the median"),
        figure(imprecise, f"imprecise, above {percent(LARGEST_ERROR, 0)}"),
        figure(needed, "processes needed for 1 % at 95 %, in the median"),
    ]
    lines += [
        figure(percent(found.relative, 0), f"  {_name(items[0])}")
        for found, items in unstable[:SHOWN]
    ]
    again = ["--plan", "again"] if file.name == "runs.jsonl" else []
    remedy = "measure in further processes"
    command = contents.sweep_command(*again, rows=file.name)
    if not again and twice == len(known):  # the plan measures everything twice
        remedy = "begin another data set"
        command = contents.sweep_command(
            rows=file.name, out=f"{contents.directory}-quiet"
        )
    problems = []
    if error > LARGEST_MEDIAN_ERROR:
        problems.append(
            Remark(
                text=f"{file.name}: steps are known to {percent(error)} in the median, "
                f"{percent(LARGEST_MEDIAN_ERROR)} is good; quieten the machine and "
                f"{remedy}",
                command=command,
            )
        )
    if imprecise > LARGEST_IMPRECISE_SHARE * len(known):
        problems.append(
            Remark(
                text=f"{file.name}: {imprecise} of {len(known)} configurations are "
                f"not known to {percent(LARGEST_ERROR, 0)}; quieten the machine and "
                f"{remedy}",
                command=command,
            )
        )
    return Section(
        title="spread",
        file=file.name,
        facts={
            "configurations": len(known),
            "in_two_processes": twice,
            "median": median,
            "above_5_percent": wide,
            "unstable": [str(items[0].row.get("id")) for _, items in unstable],
            "standard_error_median": error,
            "imprecise": imprecise,
            "processes_needed_median": needed,
        },
        lines=tuple(lines),
        problems=tuple(problems),
    )


def check_noise(contents: Contents, file: RowsFile) -> Section:
    """Check how much one configuration differs between two processes.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        The noise floor, over all steps, short ones and long ones.
    """
    if not file.measurements:
        return Section(title="noise floor", file=file.name)
    floor = noise_floor(file.measurements)
    short_ms = f"{1000 * SHORT_STEP_S:g} ms"
    parts = (
        ("all_steps", "", floor.all_steps),
        ("short_steps", f", below {short_ms}", floor.short_steps),
        ("long_steps", f", {short_ms} and longer", floor.long_steps),
    )
    share = floor.duplicated / floor.configurations
    rows = [
        [
            f"{label} per step{suffix}",
            str(found.pairs),
            percent(found.median, 2),
            percent(found.ninth_decile),
            percent(found.largest),
        ]
        for target, label in TARGET_NAMES
        for _, suffix, by_target in parts
        if (found := by_target.get(target)) is not None
    ]
    lines = [
        figure(
            floor.duplicated,
            f"of {counted(floor.configurations, 'configuration')} measured in another "
            f"process too ({percent(share)})",
        )
    ]
    if rows:
        titles = ["difference of the two", "pairs", "median", "90 %", "largest"]
        lines += table(titles, rows)
    notes = []
    if file.name == "runs.jsonl" and not floor.known:
        notes.append(
            Remark(
                text=f"{file.name}: {floor.duplicated} of "
                f"{counted(floor.configurations, 'configuration')} were measured in a "
                f"second process, {floor.wanted} are needed for a noise floor",
                command=contents.sweep_command("--plan", "again"),
            )
        )
    problems = [
        Remark(
            text=f"{file.name}: the same configuration differs by "
            f"{percent(found.median, 0)} in {label} from process to process; no fit "
            "can be better. Quieten the machine and begin another data set",
            command=contents.sweep_command(
                rows=file.name, out=f"{contents.directory}-quiet"
            ),
        )
        for target, label in TARGET_NAMES
        if (found := floor.all_steps.get(target)) is not None
        and found.median > LARGEST_NOISE_FLOOR
    ]
    facts: dict[str, object] = {
        "configurations": floor.configurations,
        "duplicated": floor.duplicated,
        "duplicated_wanted": floor.wanted,
    }
    for name, _, by_target in parts:
        facts[name] = {
            target: {
                "pairs": found.pairs,
                "median": found.median,
                "ninth_decile": found.ninth_decile,
                "largest": found.largest,
            }
            for target, found in by_target.items()
        }
    return Section(
        title="noise floor",
        file=file.name,
        facts=facts,
        lines=tuple(lines),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _name(item: Measurement) -> str:
    name, work = item.row.get("name", item.family), item.workload
    return f"{name} {work.mode} batch {work.batch_size} ({item.row.get('id')})"
