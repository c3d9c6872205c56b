"""What a calibration came to, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.calibration.choice import ROUND_ROWS
from dataset_builder.calibration.stopping import FIRST_ROWS, LEAST_GAIN, PATIENCE
from dataset_builder.store.contents import read_contents
from dataset_builder.store.timeline import sweep_clock
from predictor.hardware import MODELLED
from predictor.intervals import CONFIDENCE_LEVEL

SETTLED_TEXT = (
    f"in {PATIENCE} rounds of {ROUND_ROWS} rows the interval did not shrink by "
    f"{100 * LEAST_GAIN:.0f} %"
)
"""Why a calibration stops by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """What a calibration came to in all its sessions.

    Parameters
    ----------
    rows : int
        Valid rows.
    swept_s : float
        Time of sweeping in s, pauses left out.
    energy_j : float
        Energy of all its records in J: attempts, anchors and idle periods.
    is_modelled : bool
        Whether that energy is a power model's answer.
    half_widths : tuple of float
        Half-width of the interval, in log, after the first rows and every round.
    settled : bool
        Whether it stopped because the interval no longer shrank.
    """

    rows: int
    swept_s: float
    energy_j: float
    is_modelled: bool
    half_widths: tuple[float, ...]
    settled: bool

    def to_text(self) -> str:
        """Return the report in three lines.

        Returns
        -------
        text : str
            Ends with a line break.

        Examples
        --------
        >>> report = CalibrationReport(
        ...     rows=56,
        ...     swept_s=444.0,
        ...     energy_j=5120.4,
        ...     is_modelled=True,
        ...     half_widths=(0.5, 0.3),
        ...     settled=False,
        ... )
        >>> print(report.to_text(), end="")
        calibration: 56 valid rows in 7.4 min, 5,120 J (modelled)
        90 % of left-out networks within a factor of 1.65 at the start, 1.35 at the end
        ended while that may still shrink; the same command goes on
        """
        source = "modelled" if self.is_modelled else "measured"
        interval = f"no interval yet: it takes {FIRST_ROWS} valid rows"
        if self.half_widths:
            interval = (
                f"{100 * CONFIDENCE_LEVEL:.0f} % of left-out networks within a factor "
                f"of {factor(self.half_widths[0])} at the start, "
                f"{factor(self.half_widths[-1])} at the end"
            )
        end = "ended while that may still shrink; the same command goes on"
        if self.settled:
            end = f"stopped: {SETTLED_TEXT}"
        return (
            f"calibration: {self.rows} valid rows in {self.swept_s / 60:.1f} min, "
            f"{self.energy_j:,.0f} J ({source})\n{interval}\n{end}\n"
        )


def factor(half_width: float) -> str:
    """Return by which factor the truth may lie above or below an estimate.

    Parameters
    ----------
    half_width : float
        In log.

    Returns
    -------
    text : str
        With two decimals.

    Examples
    --------
    >>> factor(0.5)
    '1.65'
    """
    return f"{math.exp(half_width):.2f}"


def report_calibration(
    path: Path, half_widths: Sequence[float], *, settled: bool
) -> CalibrationReport:
    """Say what a calibration came to.

    Parameters
    ----------
    path : Path
        Its file of rows.
    half_widths : sequence of float
        In log, after the first rows and after every round.
    settled : bool
        Whether it stopped because the interval no longer shrank.

    Returns
    -------
    report : CalibrationReport
        Of all that the directory holds, whichever session measured it.

    Raises
    ------
    InputFileError
        If a file cannot be read.
    """
    contents = read_contents(path.parent)
    file = next(file for file in contents.files if file.name == path.name)
    attempts = {(row["id"], row.get("attempt")): row for row in file.content.rows}
    records = [*attempts.values(), *contents.anchors.rows, *contents.idle.rows]
    return CalibrationReport(
        rows=len(file.valid),
        swept_s=sweep_clock(contents, file).total_s,
        energy_j=sum(record["energy_j"] for record in records),
        is_modelled=any(row.get("source") == MODELLED for row in file.rows),
        half_widths=tuple(half_widths),
        settled=settled,
    )
