"""How much of what was measured counts, why not all, and what measuring cost."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable

from dataset_builder.checking.report import (
    Remark,
    Section,
    counted,
    figure,
    named,
    percent,
)
from dataset_builder.store.contents import Contents, RowsFile

LEAST_VALID_SHARE = 0.9
LARGEST_METERING_SHARE = 0.01

REASONS = (
    ("drift", ("drift of",)),
    ("foreign load", ("foreign",)),
    ("stolen time", ("stolen",)),
    ("suspend or set clock", ("suspended", "clock was set")),
    ("throttling", ("throttl", "clock", "frequency", "temperature")),
    ("window length", ("window of",)),
)
"""Kinds of reasons, and what their text contains; the first that fits counts."""

METER = "doubts of the meter"
"""The kind of all others: what is left are the meter's own words."""


def reason_kind(reason: str | None) -> str:
    """Return the kind of a reason for which something is invalid.

    Parameters
    ----------
    reason : str or None
        As in a row or in a window.

    Returns
    -------
    kind : str
        One of `REASONS`, or `METER`.

    Examples
    --------
    >>> reason_kind("3 of 4 windows invalid: foreign load 12.0 % of the machine")
    'foreign load'
    >>> reason_kind("drift of 12.0 % between anchors")
    'drift'
    >>> reason_kind("package-0: went backwards")
    'doubts of the meter'
    """
    text = (reason or "").lower()
    for kind, signs in REASONS:
        if any(sign in text for sign in signs):
            return kind
    return METER


def check_validity(contents: Contents, file: RowsFile) -> Section:
    """Check how many rows are valid, and why others are not.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        Shares by reason.
    """
    rows, valid = file.rows, file.valid
    share = len(valid) / len(rows) if rows else 0.0
    reasons = _kinds(
        row.get("invalid_reason") for row in rows if not row.get("valid", True)
    )
    windows = [window for row in rows for window in row.get("windows", [])]
    disturbed = _kinds(
        window.get("reason") for window in windows if not window["valid"]
    )
    attempts = Counter(int(row.get("attempt", 1)) for row in rows)
    cold = sum(not row.get("cold_valid", True) for row in rows)
    lines = [figure(len(rows), f"rows, {len(valid)} of them valid ({percent(share)})")]
    if reasons:
        lines.append(figure(len(rows) - len(valid), f"invalid: {named(reasons)}"))
    lines.append(figure(len(windows), "windows, each disturbed one tried again"))
    if disturbed:
        count = sum(disturbed.values())
        of_all = percent(count / len(windows))
        lines.append(figure(count, f"disturbed ({of_all}): {named(disturbed)}"))
    again = sum(count for attempt, count in attempts.items() if attempt > 1)
    if again:
        most = max(attempts)
        lines.append(
            figure(again, f"rows measured more than once, {most} times at most")
        )
    if cold:
        lines.append(figure(cold, "rows whose cold part was disturbed"))
    problems = []
    if rows and share < LEAST_VALID_SHARE:
        problems.append(
            Remark(
                text=f"{file.name}: only {percent(share)} of the rows are valid, "
                f"mostly because of {next(iter(reasons))}; leave the machine alone "
                "and measure these again",
                command=contents.sweep_command("--retry-failed", rows=file.name),
            )
        )
    return Section(
        title="rows",
        file=file.name,
        facts={
            "rows": len(rows),
            "valid": len(valid),
            "invalid_by_reason": reasons,
            "windows": len(windows),
            "windows_invalid_by_reason": disturbed,
            "rows_by_attempt": {str(key): attempts[key] for key in sorted(attempts)},
            "cold_invalid": cold,
        },
        lines=tuple(lines),
        problems=tuple(problems),
    )


def check_cost(contents: Contents, file: RowsFile) -> Section:
    """Check how much of a window's time the meter itself takes.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        Empty where the rows do not say.
    """
    del contents
    shares = [
        float(row["metering_share"])
        for row in file.valid
        if row.get("metering_share") is not None
    ]
    title = "cost of measuring"
    if not shares:
        return Section(title=title, file=file.name)
    median, worst = statistics.median(shares), max(shares)
    over = sum(share > LARGEST_METERING_SHARE for share in shares)
    limit = percent(LARGEST_METERING_SHARE, 0)
    remark = Remark(
        text=f"{file.name}: starting and stopping the meter takes {percent(median, 2)} "
        f"of a window in the median and {percent(worst, 2)} at most, more than {limit} "
        f"in {counted(over, 'row')}; see which meter this machine has",
        command="predictor doctor",
    )
    return Section(
        title=title,
        file=file.name,
        facts={"median": median, "largest": worst, "rows_above_limit": over},
        lines=(
            figure(percent(median, 2), "of a window in the median"),
            figure(percent(worst, 2), f"at most; {over} rows above {limit}"),
        ),
        problems=(remark,) if median > LARGEST_METERING_SHARE else (),
        notes=(remark,) if over and median <= LARGEST_METERING_SHARE else (),
    )


def _kinds(reasons: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(reason_kind(reason) for reason in reasons).most_common())
