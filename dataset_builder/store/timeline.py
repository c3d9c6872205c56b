"""When a data set was measured: the spans of its trials, and the time of sweeping."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataset_builder.plan.anchor import ANCHOR_NAME
from dataset_builder.store.contents import Contents, RowsFile
from dataset_builder.store.drift import seconds

LONGEST_GAP_S = 5.0
"""A longer time without a trial is a pause: a wait for the lock, another session."""

WHOLE_SECONDS_SLACK_S = 1.0
"""How far a timestamp without milliseconds may be off."""

SLACK_S = 0.01

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when to when something was measured.

    Parameters
    ----------
    start_s, end_s : float
        In s since 1970.
    host : str
        Where.
    label : str
        What, for people.
    part : str or None
        File of rows that a trial belongs to; None for an anchor or an idle period.
    slack_s : float
        How far its edges may be off.
    """

    start_s: float
    end_s: float
    host: str
    label: str
    part: str | None
    slack_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepClock:
    """The time of sweeping, which stands still in pauses.

    Parameters
    ----------
    busy : tuple of (float, float)
        Start and end of what was swept without a pause, in s since 1970, ascending.

    Examples
    --------
    >>> clock = SweepClock(busy=((0.0, 10.0), (100.0, 120.0)))
    >>> clock.elapsed_s(5.0), clock.elapsed_s(50.0), clock.elapsed_s(110.0)
    (5.0, 10.0, 20.0)
    >>> clock.total_s
    30.0
    """

    busy: tuple[tuple[float, float], ...]

    @property
    def total_s(self) -> float:
        """All time of sweeping in s."""
        return sum(end - start for start, end in self.busy)

    def elapsed_s(self, time_s: float) -> float:
        """Return how long had been swept at some time.

        Parameters
        ----------
        time_s : float
            In s since 1970.

        Returns
        -------
        elapsed_s : float
            Time of sweeping before it in s.
        """
        place = bisect.bisect_right(self.busy, (time_s, float("inf")))
        before = [min(end, time_s) - start for start, end in self.busy[:place]]
        return sum(before)


def span_of(row: Row, part: str | None) -> Span | None:
    """Return when a row's trial ran.

    Parameters
    ----------
    row : mapping
        A row, an anchor, an idle period or a failure.
    part : str or None
        File of rows it belongs to.

    Returns
    -------
    span : Span or None
        None where the row does not say.

    Examples
    --------
    >>> row = {"host": "h", "started_at": "1970-01-01T00:00:10+00:00", "trial_s": 5.0}
    >>> span = span_of(row, "runs.jsonl")
    >>> span.start_s, span.end_s, span.slack_s
    (10.0, 15.0, 1.0)
    """
    started_at, ended_at = row.get("started_at"), row.get("ended_at")
    try:
        if started_at is None:  # a failure says when it ended, and how long it took
            ended_at = row["failed_at"]
            end_s = seconds(ended_at)
            start_s = end_s - row["duration_s"]
        else:
            start_s = seconds(started_at)
            end_s = seconds(ended_at) if ended_at else start_s + row["trial_s"]
    except (KeyError, TypeError, ValueError):
        return None
    exact = "." in str(started_at) and "." in str(ended_at)
    return Span(
        start_s=start_s,
        end_s=max(start_s, end_s),
        host=str(row.get("host", "")),
        label=f"{row.get('name', 'idle')} {row.get('id', '')}".strip(),
        part=part,
        slack_s=SLACK_S if exact else WHOLE_SECONDS_SLACK_S,
    )


def all_spans(contents: Contents) -> list[Span]:
    """Return when everything in a data set ran.

    Parameters
    ----------
    contents : Contents
        The data set.

    Returns
    -------
    spans : list of Span
        By host and start; a trial whose row was appended again counts once.
    """
    zoo = set((contents.manifest or {}).get("zoo", {}).values())
    parts: list[tuple[str | None, Iterable[Row]]] = [
        *((file.name, file.content.rows) for file in contents.files),
        (None, contents.anchors.rows),
        (None, contents.idle.rows),
    ]
    for row in contents.failures.rows:
        of_zoo = row.get("network_sha256") in zoo
        part = "zoo.jsonl" if of_zoo else "runs.jsonl"
        parts.append((None if row.get("name") == ANCHOR_NAME else part, (row,)))
    found = (span_of(row, part) for part, rows in parts for row in rows)
    spans = {span for span in found if span is not None}
    return sorted(spans, key=lambda span: (span.host, span.start_s, span.end_s))


def overlaps(spans: Sequence[Span]) -> list[tuple[Span, Span, float]]:
    """Return what ran at the same time on one host.

    Parameters
    ----------
    spans : sequence of Span
        By host and start, as `all_spans` returns them.

    Returns
    -------
    overlaps : list of (Span, Span, float)
        The earlier, the later, and for how long in s, beyond what their timestamps
        may be off.

    Examples
    --------
    >>> def span(start_s, end_s):
    ...     edges = {"start_s": start_s, "end_s": end_s, "slack_s": 0.01}
    ...     return Span(**edges, host="h", label="", part=None)
    >>> [late for _, _, late in overlaps([span(0, 10), span(9, 20), span(20, 30)])]
    [1]
    """
    found = []
    latest: Span | None = None
    for span in spans:
        if not span.host:
            continue
        if latest is None or span.host != latest.host:
            latest = span
            continue
        together_s = min(latest.end_s, span.end_s) - span.start_s
        if together_s > max(latest.slack_s, span.slack_s):
            found.append((latest, span, together_s))
        if span.end_s > latest.end_s:
            latest = span
    return found


def valid_window_s(row: Row) -> float:
    """Return the time that a row's trial spent inside valid windows.

    Parameters
    ----------
    row : mapping
        A row of a sweep.

    Returns
    -------
    window_s : float
        Time in s.

    Examples
    --------
    >>> window = {"duration_s": 1.5, "valid": True}
    >>> valid_window_s({"windows": [window, window, {**window, "valid": False}]})
    3.0
    """
    windows = row.get("windows", [])
    return float(sum(item["duration_s"] for item in windows if item["valid"]))


def sweep_clock(contents: Contents, file: RowsFile) -> SweepClock:
    """Return the time of sweeping of one file of rows.

    It runs while at least one host runs a trial of the file, valid or not, one that
    failed, an anchor or an idle period that goes with them, and in gaps of up to
    `LONGEST_GAP_S` between these. It stands still while the sweep waits for the lock,
    between sessions, and while another file's trials run; starting a sweep, which
    imports the backend, is not in it.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    clock : SweepClock
        Without any time where the rows do not say when they were measured.
    """
    edges: list[tuple[float, float]] = []
    by_host: dict[str, list[Span]] = defaultdict(list)
    for span in all_spans(contents):
        by_host[span.host].append(span)
    for spans in by_host.values():
        for session in _sessions(spans):
            edges += _runs(session, file.name)
    return SweepClock(busy=tuple(_merged(sorted(edges))))


def _sessions(spans: Sequence[Span]) -> Iterator[list[Span]]:
    session: list[Span] = []
    end_s = 0.0
    for span in spans:
        if session and span.start_s - end_s > LONGEST_GAP_S:
            yield session
            session = []
        end_s = max(end_s, span.end_s) if session else span.end_s
        session.append(span)
    if session:
        yield session


def _runs(session: Sequence[Span], part: str) -> Iterator[tuple[float, float]]:
    # An anchor or idle period belongs to the trial after it; at a session's end, to
    # the one before.
    parts = [span.part for span in session]
    following, preceding = _filled(parts[::-1])[::-1], _filled(parts)
    owners = [
        after or before for after, before in zip(following, preceding, strict=True)
    ]
    start_s: float | None = None
    end_s = 0.0
    for span, owner in zip(session, owners, strict=True):
        if owner == part:
            end_s = span.end_s if start_s is None else max(end_s, span.end_s)
            start_s = span.start_s if start_s is None else start_s
        elif start_s is not None:
            yield start_s, end_s
            start_s = None
    if start_s is not None:
        yield start_s, end_s


def _filled(parts: Sequence[str | None]) -> list[str | None]:
    known: str | None = None
    filled = []
    for part in parts:
        known = part or known
        filled.append(known)
    return filled


def _merged(edges: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    current: tuple[float, float] | None = None
    for start_s, end_s in edges:
        if current is None:
            current = start_s, end_s
        elif start_s <= current[1]:
            current = current[0], max(current[1], end_s)
        else:
            yield current
            current = start_s, end_s
    if current is not None:
        yield current
