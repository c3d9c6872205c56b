"""The file in which CodeCarbon keeps what runs took (emissions.csv)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from predictor.errors import DatasetError
from predictor.scoring.fields import file_lines, moment, positive
from predictor.units import kwh_to_joules

COLUMNS = ("timestamp", "project_name", "run_id", "duration", "energy_consumed")
"""Those that are needed, as CodeCarbon 3 calls them."""

DEFAULT_PROJECT = "codecarbon"
"""What CodeCarbon calls a project that nobody named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCarbonRun:
    """One run that CodeCarbon tracked.

    Parameters
    ----------
    project : str
        Its project's name.
    ended_at : datetime
        When the row was written, with a time zone.
    duration_s : float
        In s.
    energy_j : float
        In J, without the PUE that CodeCarbon multiplies by.
    hardware : str
        Name of the GPU, or else of the processor.
    """

    project: str
    ended_at: datetime
    duration_s: float
    energy_j: float
    hardware: str

    @property
    def started_at(self) -> datetime:
        """When the tracker was started."""
        return self.ended_at - timedelta(seconds=self.duration_s)


def read_emissions(path: Path) -> list[CodeCarbonRun]:
    """Read what CodeCarbon wrote.

    Parameters
    ----------
    path : Path
        Its ``emissions.csv``.

    Returns
    -------
    runs : list of CodeCarbonRun
        Of several rows of one run, the last one.

    Raises
    ------
    InputFileError
        If the file is missing or unreadable.
    DatasetError
        If a column is missing, or a number is none.
    """
    reader = csv.DictReader(file_lines(path))
    runs: dict[str, CodeCarbonRun] = {}
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetError(
                f"{path}: has no column {', '.join(missing)}; give the emissions.csv "
                "that CodeCarbon 3 writes"
            )
        for number, row in enumerate(reader, start=2):
            where = f"{path}, row {number}"
            pue = positive(row.get("pue") or 1.0, "pue", where)
            energy_kwh = positive(row["energy_consumed"], "energy_consumed", where)
            runs[row["run_id"]] = CodeCarbonRun(
                project=row["project_name"] or DEFAULT_PROJECT,
                ended_at=moment(row["timestamp"], "timestamp", where),
                duration_s=positive(row["duration"], "duration", where),
                energy_j=kwh_to_joules(energy_kwh) / pue,
                hardware=row.get("gpu_model") or row.get("cpu_model") or "unknown",
            )
    except csv.Error as error:
        raise DatasetError(f"{path}: is no CSV ({error})") from error
    return list(runs.values())
