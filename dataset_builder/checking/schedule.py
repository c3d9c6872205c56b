"""When trials ran: never two at once on a host, and how many in an hour."""

from __future__ import annotations

from dataset_builder.checking.report import Remark, Section, counted, figure, percent
from dataset_builder.store.contents import Contents, RowsFile
from dataset_builder.store.timeline import (
    all_spans,
    overlaps,
    sweep_clock,
    valid_window_s,
)
from predictor.units import SECONDS_PER_HOUR

SHOWN = 3


def check_overlap(contents: Contents) -> Section:
    """Check that nothing ran at the same time on one host.

    Parameters
    ----------
    contents : Contents
        The data set.

    Returns
    -------
    section : Section
        What overlapped.
    """
    spans = [span for span in all_spans(contents) if span.host]
    found = overlaps(spans)
    hosts = sorted({span.host for span in spans})
    problems = [
        Remark(
            text=f"host {host}: {counted(len(own), 'trial')} began before the one "
            "before had ended, first "
            + "; ".join(
                f"{later.label} beside {earlier.label} for {time_s:.1f} s"
                for earlier, later, time_s in own[:SHOWN]
            )
            + "; begin another data set with one sweep at a time",
            command=contents.sweep_command(out=f"{contents.directory}-2"),
        )
        for host in hosts
        if (own := [one for one in found if one[0].host == host])
    ]
    return Section(
        title="overlap",
        facts={
            "spans": len(spans),
            "overlaps": [
                {
                    "host": earlier.host,
                    "earlier": earlier.label,
                    "later": later.label,
                    "duration_s": round(time_s, 3),
                }
                for earlier, later, time_s in found
            ],
        },
        lines=(
            figure(len(found), f"overlaps in {counted(len(spans), 'timed trial')}"),
        ),
        problems=tuple(problems),
    )


def check_pace(contents: Contents, file: RowsFile) -> Section:
    """Check how fast a file was measured.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        Time of sweeping, rows per hour, and the share inside valid windows.
    """
    swept_s = sweep_clock(contents, file).total_s
    if not swept_s:
        return Section(title="pace", file=file.name)
    windows_s = sum(valid_window_s(row) for row in file.rows)
    per_hour = len(file.valid) / (swept_s / SECONDS_PER_HOUR)
    share = windows_s / swept_s
    return Section(
        title="pace",
        file=file.name,
        facts={
            "swept_s": swept_s,
            "valid_rows_per_hour": per_hour,
            "window_share": share,
        },
        lines=(
            figure(f"{swept_s / 60:.1f} min", "of sweeping, pauses left out"),
            figure(f"{per_hour:.0f}", "valid rows per hour"),
            figure(percent(share, 0), "of the time inside valid windows"),
        ),
    )
