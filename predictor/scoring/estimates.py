"""Estimates that ``predictor estimate --format json`` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from predictor.answer import SCHEMA_VERSION
from predictor.errors import DatasetError, InputFileError
from predictor.readers.limits import open_regular_file, parse_json, read_capped
from predictor.scoring.fields import level_at, object_at, quantity_at, text_at
from predictor.scoring.runs import Forecasted


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedEstimate:
    """An estimate that was kept.

    Parameters
    ----------
    forecast : Forecasted
        What it says.
    path : Path
        Where it was read.
    """

    forecast: Forecasted
    path: Path


def read_estimate(path: Path) -> SavedEstimate:
    """Read an estimate.

    Parameters
    ----------
    path : Path
        JSON as ``predictor estimate --format json -o FILE`` writes it.

    Returns
    -------
    estimate : SavedEstimate
        What it says of energy and time.

    Raises
    ------
    InputFileError
        If the file is missing, unreadable, or no such document.
    DatasetError
        If a field is missing or out of its range.
    """
    where = str(path)
    with open_regular_file(path) as file:
        document = parse_json(read_capped(file, where), where)
    if (
        not isinstance(document, dict)
        or document.get("schema_version") != SCHEMA_VERSION
        or not isinstance(document.get("energy_j"), dict)
    ):
        raise InputFileError(
            f"{path}: is no estimate; write one with `predictor estimate FILE --format "
            "json -o estimate.json`"
        )
    network = object_at(document, "network", where)
    model = object_at(document, "model", where)
    energy_source = text_at(
        object_at(document, "hardware", where), "energy_source", where
    )
    if energy_source not in ("measured", "modelled"):
        raise DatasetError(f"{where}: 'energy_source' must be measured or modelled")
    duration_s = None
    if document.get("duration_s") is not None:
        duration_s = quantity_at(document, "duration_s", where)
    return SavedEstimate(
        path=path,
        forecast=Forecasted(
            network=text_at(network, "name", where),
            network_sha256=text_at(network, "sha256", where),
            model=text_at(model, "name", where),
            digest=text_at(model, "digest", where),
            energy_source=energy_source,
            confidence_level=level_at(document, where),
            energy_j=quantity_at(document, "energy_j", where),
            duration_s=duration_s,
        ),
    )
