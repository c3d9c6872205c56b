"""Records that forecasts in training scripts leave behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.dataset import SCHEMA, SOURCES, row_checksum
from predictor.errors import DatasetError, InputFileError
from predictor.readers.limits import parse_json
from predictor.scoring.fields import (
    file_lines,
    level_at,
    moment,
    object_at,
    positive,
    quantity_at,
    text_at,
)
from predictor.scoring.runs import Forecasted, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What a file of records says.

    Parameters
    ----------
    runs : tuple of Run
        In the order of the file.
    left_out : mapping of str to int
        How many lines say nothing of a forecast, by reason.
    """

    runs: tuple[Run, ...]
    left_out: Mapping[str, int]


def read_records(path: Path) -> Records:
    """Read a file of records.

    Parameters
    ----------
    path : Path
        JSON lines, as `predictor.forecast` appends them.

    Returns
    -------
    records : Records
        Of several with the same `id`, the last one.

    Raises
    ------
    InputFileError
        If the file is missing or unreadable, or holds no JSON at all.
    DatasetError
        If a record breaks the format or was altered; names line and field.

    Notes
    -----
    A line that was cut off, such as by a full disk, is left out and counted.
    """
    rows: dict[object, tuple[str, Mapping[str, Any]]] = {}
    left_out: Counter[str] = Counter()
    for number, line in enumerate(file_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = parse_json(line.encode(), where)
        except InputFileError:
            row = None
        if not isinstance(row, Mapping):
            left_out["line cut off, or no JSON object"] += 1
            continue
        if "checksum" in row and row["checksum"] != row_checksum(row):
            raise DatasetError(
                f"{where}: the record was altered after it was written, its checksum "
                "is another; take the line out"
            )
        identity = row.get("id")
        rows[identity if isinstance(identity, str) else number] = where, row
    if not rows:
        raise InputFileError(
            f"{path}: holds no JSON object; give records of predictor.forecast "
            "(*.jsonl) or CodeCarbon's emissions.csv"
        )
    runs = []
    for where, row in rows.values():
        forecast = row.get("forecast")
        if row.get("schema") != SCHEMA or not isinstance(forecast, Mapping):
            left_out["row without a forecast"] += 1
        elif forecast.get("is_comparable") is False:
            left_out["another workload than was forecast"] += 1
        else:
            runs.append(_run(row, forecast, where))
    return Records(runs=tuple(runs), left_out=left_out)


def _run(row: Mapping[str, Any], forecast: Mapping[str, Any], where: str) -> Run:
    model = object_at(forecast, "model", where)
    energy_source = text_at(forecast, "energy_source", where)
    source, energy_j = row.get("source"), row.get("energy_j")
    if energy_source not in ("measured", "modelled"):
        raise DatasetError(
            f"{where}: 'energy_source' must be measured or modelled, got "
            f"{energy_source!r:.40}"
        )
    if energy_j is not None and source not in SOURCES:
        raise DatasetError(
            f"{where}: 'source' must be one of {', '.join(SOURCES)}; got {source!r:.40}"
        )
    duration_s = None
    if forecast.get("duration_s") is not None:
        duration_s = quantity_at(forecast, "duration_s", where)
    return Run(
        forecast=Forecasted(
            network=text_at(forecast, "network", where),
            network_sha256=text_at(forecast, "network_sha256", where),
            model=text_at(model, "name", where),
            digest=text_at(model, "digest", where),
            energy_source=energy_source,
            confidence_level=level_at(forecast, where),
            energy_j=quantity_at(forecast, "energy_j", where),
            duration_s=duration_s,
        ),
        hardware=text_at(row, "hardware", where),
        backend=text_at(row, "backend", where),
        energy_j=None if energy_j is None else positive(energy_j, "energy_j", where),
        source=None if energy_j is None else str(source),
        duration_s=positive(row.get("duration_s"), "duration_s", where),
        started_at=moment(row.get("started_at"), "started_at", where),
    )
