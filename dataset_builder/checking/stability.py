"""Whether hosts stayed as they were: anchors, and power at rest."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from dataset_builder.checking.report import (
    Remark,
    Section,
    counted,
    figure,
    percent,
    table,
)
from dataset_builder.checking.validity import reason_kind
from dataset_builder.store.contents import Contents, Row
from dataset_builder.store.drift import (
    CORRECTED,
    AnchorPoint,
    amendments,
    anchor_points,
    drift_limits,
    rows_between,
)

ANCHORED_PROTOCOL = 2
"""From this protocol on, anchors are part of a data set."""

MOST_ROWS = 20
LONGEST_S = 900.0
"""More between two anchors than this is worth a word; a sweep aims at 15 rows or 600 s
and finishes the trial it is at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDrift:
    """What the anchors of one host show.

    Parameters
    ----------
    points : int
        Number of anchors; one measured more than once counts once.
    energy_lowest, energy_highest, duration_lowest, duration_highest : float
        Relative deviations from the median anchor, of energy and time per step.
    largest_change : float
        Largest relative difference of neighbouring anchors.
    most_rows_between : int
        Most rows between neighbouring anchors.
    longest_between_s : float
        Longest time in s between neighbouring anchors with a row in between.
    rows_outside : int
        Rows before the first or after the last anchor.
    rows_unhandled : int
        Valid rows that the anchors say must be corrected or measured again.
    corrected_above : float or None
        Drift above which rows are corrected; None with too few anchors to tell.
    """

    points: int
    energy_lowest: float
    energy_highest: float
    duration_lowest: float
    duration_highest: float
    largest_change: float
    most_rows_between: int
    longest_between_s: float
    rows_outside: int
    rows_unhandled: int
    corrected_above: float | None


def check_drift(contents: Contents) -> Section:
    """Check by the anchors how much hosts drifted, and what was done about it.

    Parameters
    ----------
    contents : Contents
        The data set.

    Returns
    -------
    section : Section
        By host: anchors, range, largest drift, and what lies between anchors.
    """
    rows = [row for file in contents.files for row in file.rows]
    trials = _trials(contents)
    by_host: dict[str, list[Row]] = {}
    for row in trials:
        by_host.setdefault(str(row.get("host", "")), []).append(row)
    anchors = [{"point": row.get("started_at"), **row} for row in contents.anchors.rows]
    valid = [row for file in contents.files for row in file.valid if "valid" in row]
    valid = [row for row in valid if row.get("started_at")]
    corrected = sum("drift_energy" in row or "drift_duration" in row for row in rows)
    again = {
        row.get("id")
        for file in contents.files
        for row in file.content.rows
        if reason_kind(row.get("invalid_reason")) == "drift"
    }
    hosts: dict[str, HostDrift] = {}
    notes: list[Remark] = []
    problems: list[Remark] = []
    command = contents.sweep_command()
    for host, own in sorted(by_host.items()):
        points = anchor_points(anchors, host)
        if not points:
            if contents.protocol >= ANCHORED_PROTOCOL:
                problems.append(
                    Remark(
                        text=f"host {host}: {counted(len(own), 'trial')} and no valid "
                        "anchor, so nobody knows whether it drifted; go on with the "
                        "sweep, which measures anchors",
                        command=command,
                    )
                )
            continue
        due = amendments(valid, anchors, host)
        hosts[host] = _host_drift(points, own, unhandled=len(due))
        notes += _notes(contents, host, hosts[host])
    lines = []
    if hosts:
        titles = ["host", "anchors", "energy", "time", "change", "rows", "minutes"]
        lines = [
            *table(titles, [_cells(host, found) for host, found in hosts.items()]),
            figure("", "largest change, rows and minutes are those between neighbours"),
            figure(corrected, "rows corrected for drift"),
            figure(len(again), "configurations measured again because of it"),
        ]
    elif not problems:
        lines = [figure(0, "anchors: this data set says nothing of drift")]
    return Section(
        title="drift",
        facts={
            "hosts": {host: asdict(found) for host, found in hosts.items()},
            "rows_corrected": corrected,
            "measured_again": len(again),
        },
        lines=tuple(lines),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def check_idle(contents: Contents) -> Section:
    """Check that the power at rest is known.

    Parameters
    ----------
    contents : Contents
        The data set.

    Returns
    -------
    section : Section
        Count, median and range.
    """
    powers = [
        float(row["idle_power_w"])
        for row in contents.idle.rows
        if row.get("valid", True) and row.get("idle_power_w") is not None
    ]
    if not powers:
        return Section(
            title="idle power",
            facts={"periods": 0},
            lines=(figure(0, "periods at rest"),),
            notes=(
                Remark(
                    text="no valid idle period: what a step takes beyond the power at "
                    "rest is not known; go on with the sweep, which measures it",
                    command=contents.sweep_command(),
                ),
            ),
        )
    median, lowest, highest = statistics.median(powers), min(powers), max(powers)
    disturbed = len(contents.idle.rows) - len(powers)
    return Section(
        title="idle power",
        facts={
            "periods": len(powers),
            "disturbed": disturbed,
            "median_w": median,
            "lowest_w": lowest,
            "highest_w": highest,
        },
        lines=(
            figure(len(powers), f"periods at rest, {disturbed} more disturbed"),
            figure(f"{median:.2f} W", f"median, {lowest:.2f} to {highest:.2f} W"),
        ),
    )


def _trials(contents: Contents) -> list[Row]:
    # A row appended again without a new trial has the same start.
    trials = {
        (row.get("host"), row["started_at"], row.get("id")): row
        for file in contents.files
        for row in file.content.rows
        if row.get("started_at")
    }
    return list(trials.values())


def _host_drift(
    points: Sequence[AnchorPoint], rows: Sequence[Row], *, unhandled: int
) -> HostDrift:
    times = [point.time_s for point in points]
    before, *between, after = rows_between(rows, [-math.inf, *times, math.inf])
    gaps = zip(pairwise(times), between, strict=True)
    limits = drift_limits(points)
    energies = [point.energy for point in points]
    durations = [point.duration for point in points]
    return HostDrift(
        points=len(points),
        energy_lowest=min(energies) - 1.0,
        energy_highest=max(energies) - 1.0,
        duration_lowest=min(durations) - 1.0,
        duration_highest=max(durations) - 1.0,
        largest_change=max(
            (
                max(one, other) / min(one, other) - 1.0
                for levels in (energies, durations)
                for one, other in pairwise(levels)
            ),
            default=0.0,
        ),
        most_rows_between=max(between, default=0),
        longest_between_s=max(
            (end_s - start_s for (start_s, end_s), count in gaps if count), default=0.0
        ),
        rows_outside=before + after,
        rows_unhandled=unhandled,
        corrected_above=None if limits is None else limits[0],
    )


def _cells(host: str, found: HostDrift) -> list[str]:
    return [
        host,
        str(found.points),
        f"{100 * found.energy_lowest:+.1f} .. {100 * found.energy_highest:+.1f} %",
        f"{100 * found.duration_lowest:+.1f} .. {100 * found.duration_highest:+.1f} %",
        percent(found.largest_change),
        str(found.most_rows_between),
        f"{found.longest_between_s / 60:.1f}",
    ]


def _notes(contents: Contents, host: str, found: HostDrift) -> Iterator[Remark]:
    again = contents.sweep_command("--plan", "again")
    if found.most_rows_between > MOST_ROWS or found.longest_between_s > LONGEST_S:
        yield Remark(
            text=f"host {host}: up to {found.most_rows_between} rows and "
            f"{found.longest_between_s / 60:.0f} min between two anchors, more than "
            f"{MOST_ROWS} rows or {LONGEST_S / 60:.0f} min; drift in between is not "
            "seen. Measure in another process too",
            command=again,
        )
    if found.rows_outside:
        yield Remark(
            text=f"host {host}: {counted(found.rows_outside, 'row')} before the first "
            "or after the last anchor; a sweep that is not killed ends with one",
            command=contents.sweep_command("--runs", "1"),
        )
    if found.rows_unhandled:
        yield Remark(
            text=f"host {host}: {counted(found.rows_unhandled, 'valid row')} between "
            "anchors that strayed, not corrected; the next anchor corrects them or has "
            "them measured again",
            command=contents.sweep_command("--runs", "1"),
        )
    if found.corrected_above is not None and found.corrected_above > CORRECTED:
        yield Remark(
            text=f"host {host}: anchors differ so much from one to the next that drift "
            f"below {percent(found.corrected_above)} cannot be told from noise, and is "
            "not corrected; quieten the machine, and measure in another process too",
            command=again,
        )
