"""Drift of a host between anchors: measured, corrected, or a reason to repeat.

The anchor is one configuration that a host measures again and again. Its level is its
energy or time per step over the median of all anchors of the host. Rows between two
anchors are divided by the level, interpolated in time, where it strays by more than
`CORRECTED`; beyond `REJECTED` they are measured again. Both limits are wider on a host
whose neighbouring anchors differ by much: what comes and goes within minutes is noise,
and a correction by it would only add to it.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

CORRECTED = 0.05
"""Relative drift above which rows are corrected."""

REJECTED = 0.10
"""Relative drift above which rows are measured again."""

FEWEST_POINTS = 4
"""Anchor points from which on drift can be told from noise."""

NOISE_FACTOR = 3.0
"""Drift below this many times the usual difference of neighbouring points is noise."""

Row = Mapping[str, Any]

ENERGIES = (
    "energy_j",
    "cpu_energy_j",
    "gpu_energy_j",
    "ram_energy_j",
    "steady_energy_j",
    "cold_energy_j",
)
DURATIONS = ("duration_s", "steady_duration_s", "cold_duration_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorPoint:
    """What a host's anchor showed at one time.

    Parameters
    ----------
    time_s : float
        When, in s since 1970.
    energy, duration : float
        Level of the energy and of the time per step: 1 is the host's median.
    """

    time_s: float
    energy: float
    duration: float

    @property
    def drift(self) -> float:
        """The larger relative deviation from the host's median."""
        return max(abs(self.energy - 1.0), abs(self.duration - 1.0))


def anchor_points(anchors: Sequence[Row], host: str) -> list[AnchorPoint]:
    """Return a host's anchors as levels around their median.

    A point measured more than once, because its first value looked like drift, counts
    with the median of its values: what one process has by chance is no drift.

    Parameters
    ----------
    anchors : sequence of mapping
        Rows of ``anchors.jsonl``; invalid ones and other hosts' are left out.
    host : str
        The host.

    Returns
    -------
    points : list of AnchorPoint
        In the order of time.

    Examples
    --------
    >>> def anchor(minute, energy_j):
    ...     time = f"2026-01-01T00:{minute:02}:00+00:00"
    ...     return {
    ...         "host": "h", "started_at": time, "point": time, "steps_measured": 1,
    ...         "steady_energy_j": energy_j, "steady_duration_s": 1.0,
    ...     }
    >>> points = anchor_points([anchor(0, 10.0), anchor(9, 11.0)], "h")
    >>> [round(point.energy, 2) for point in points]
    [0.95, 1.05]
    """
    own: dict[str, list[Row]] = defaultdict(list)
    for row in anchors:
        if row.get("valid", True) and row.get("host") == host:
            own[row["point"]].append(row)
    if not own:
        return []
    energies = [_median(rows, "steady_energy_j") for rows in own.values()]
    durations = [_median(rows, "steady_duration_s") for rows in own.values()]
    usual_j, usual_s = statistics.median(energies), statistics.median(durations)
    points = [
        AnchorPoint(
            time_s=seconds(point), energy=energy_j / usual_j, duration=time_s / usual_s
        )
        for point, energy_j, time_s in zip(own, energies, durations, strict=True)
    ]
    return sorted(points, key=lambda point: point.time_s)


def drift_limits(points: Sequence[AnchorPoint]) -> tuple[float, float] | None:
    """Return from which drift rows are corrected, and from which measured again.

    Parameters
    ----------
    points : sequence of AnchorPoint
        A host's, in the order of time.

    Returns
    -------
    corrected, rejected : (float, float) or None
        Relative drifts; None where there are too few points to tell.

    Examples
    --------
    >>> def points(*levels):
    ...     times = enumerate(levels)
    ...     return [AnchorPoint(time_s=t, energy=x, duration=1.0) for t, x in times]
    >>> drift_limits(points(1.0, 1.0, 1.01, 1.0))
    (0.05, 0.1)
    >>> drift_limits(points(1.0, 1.1, 1.0, 1.1)) == (3 * 0.1, 6 * 0.1)
    True
    """
    if len(points) < FEWEST_POINTS:
        return None
    noise = max(
        statistics.median(
            round(abs(getattr(after, name) - getattr(before, name)), 9)
            for before, after in pairwise(points)
        )
        for name in ("energy", "duration")
    )
    corrected = max(CORRECTED, NOISE_FACTOR * noise)
    return corrected, max(REJECTED, 2 * corrected)


def amendments(
    rows: Sequence[Row], anchors: Sequence[Row], host: str
) -> list[dict[str, Any]]:
    """Return the rows of a host's drifting blocks as they must be appended again.

    Parameters
    ----------
    rows : sequence of mapping
        Rows so far; a block is what the host measured between two anchor points.
    anchors : sequence of mapping
        Rows of ``anchors.jsonl``.
    host : str
        The host that has just measured an anchor.

    Returns
    -------
    rows : list of dict
        Corrected, with `raw_energy_j`, `raw_duration_s`, `drift_energy` and
        `drift_duration`, or marked invalid; empty without drift.
    """
    points = anchor_points(anchors, host)
    limits = drift_limits(points)
    if limits is None:
        return []
    corrected, rejected = limits
    times_s = [point.time_s for point in points]
    amended = []
    for row in rows:
        if row.get("host") != host or "drift_energy" in row or not row["valid"]:
            continue
        place = bisect.bisect_right(times_s, seconds(row["started_at"]))
        if not 0 < place < len(points):
            continue
        first, last = points[place - 1], points[place]
        drift = max(first.drift, last.drift)
        if drift > rejected:
            amended.append(_rejected(row, drift))
        elif drift > corrected:
            amended.append(_corrected(row, first, last))
    return amended


def seconds(timestamp: str) -> float:
    """Return a row's timestamp as s since 1970.

    Parameters
    ----------
    timestamp : str
        ISO 8601 with an offset.

    Returns
    -------
    time_s : float
        The time.

    Examples
    --------
    >>> seconds("1970-01-01T00:01:00.500+00:00")
    60.5
    """
    return datetime.fromisoformat(timestamp).timestamp()


def rows_between(rows: Sequence[Row], times_s: Sequence[float]) -> list[int]:
    """Return how many rows lie between neighbouring times.

    Parameters
    ----------
    rows : sequence of mapping
        Rows with `started_at`.
    times_s : sequence of float
        Ascending, in s since 1970.

    Returns
    -------
    counts : list of int
        One for each gap.

    Examples
    --------
    >>> row = {"started_at": "1970-01-01T00:00:05+00:00"}
    >>> rows_between([row, row], [0.0, 10.0, 20.0])
    [2, 0]
    """
    started = sorted(seconds(row["started_at"]) for row in rows)
    places = [bisect.bisect_left(started, time_s) for time_s in times_s]
    return [after - before for before, after in pairwise(places)]


def _median(rows: Sequence[Row], quantity: str) -> float:
    steps = [float(row[quantity] / row["steps_measured"]) for row in rows]
    return statistics.median(steps)


def _rejected(row: Row, drift: float) -> dict[str, Any]:
    reason = f"drift of {100 * drift:.1f} % between anchors"
    return {**row, "valid": False, "invalid_reason": reason}


def _corrected(row: Row, first: AnchorPoint, last: AnchorPoint) -> dict[str, Any]:
    span_s = last.time_s - first.time_s
    share = (seconds(row["started_at"]) - first.time_s) / span_s if span_s else 0.5

    def level(before: float, after: float) -> float:
        return math.exp((1 - share) * math.log(before) + share * math.log(after))

    energy = level(first.energy, last.energy)
    duration = level(first.duration, last.duration)
    amended = dict(row)
    for names, factor in ((ENERGIES, energy), (DURATIONS, duration)):
        for name in names:
            if row.get(name) is not None:
                amended[name] = float(f"{row[name] / factor:.8g}")
    return amended | {
        "raw_energy_j": row["energy_j"],
        "raw_duration_s": row["duration_s"],
        "drift_energy": round(energy, 5),
        "drift_duration": round(duration, 5),
    }
