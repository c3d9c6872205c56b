"""Forecast against actual: one line in a file that only grows."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from predictor.answer import Estimate
from predictor.counting import count_network
from predictor.dataset import SCHEMA, row_checksum
from predictor.errors import PredictorError
from predictor.forecasting.laps import Lap
from predictor.readers import read_network_description

FORECAST_VERSION = 1
FEWEST_FOR_COLD = 3
"""Epochs from which on the first is compared with the mean of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """What was measured of a training.

    Parameters
    ----------
    laps : sequence of Lap
        The epochs done, at least one.
    source : str or None
        Meter of the energy; None where none was read.
    no_energy : str or None
        Why there is none; None where there is.
    hardware, backend : str
        What computed.
    started_at : datetime
        With its time zone.
    planned_epochs : int
        How many were to be done.
    outcome : {"finished", "stopped", "over budget", "failed"}
        How it ended.
    doubt : str or None
        Why what was done was not the workload that was forecast.
    versions : mapping of str to str
        Of what computed.
    """

    laps: Sequence[Lap]
    source: str | None
    no_energy: str | None
    hardware: str
    backend: str
    started_at: datetime
    planned_epochs: int
    outcome: str
    doubt: str | None
    versions: Mapping[str, str]

    @property
    def duration_s(self) -> float:
        """Time of the training steps in s."""
        return sum(lap.duration_s for lap in self.laps)

    @property
    def energy_j(self) -> float | None:
        """Energy of the training steps in J; None where none was read."""
        return None if self.no_energy else sum(lap.energy_j or 0.0 for lap in self.laps)


def record_of(
    description: Mapping[str, Any], forecast: Estimate, actual: Actual
) -> dict[str, object]:
    """Put forecast and actual into one row.

    Parameters
    ----------
    description : mapping
        The network as JSON values.
    forecast : Estimate
        Of the epochs that were done.
    actual : Actual
        What was measured.

    Returns
    -------
    record : dict
        A measurement row, with the forecast as a further field. It is marked invalid,
        with the reason, where it is none that a model could be fitted on.
    """
    work, model = forecast.workload, forecast.chosen.model
    doubt = actual.doubt or _doubt(description) or actual.no_energy
    record: dict[str, object] = {
        "schema": SCHEMA,
        "id": uuid.uuid4().hex,
        "network": description,
        "mode": work.mode,
        "batch_size": work.batch_size,
        "samples": work.samples,
        "epochs": work.epochs,
        "optimizer": work.optimizer,
        "dtype": work.dtype,
        "energy_j": actual.energy_j,
        "duration_s": actual.duration_s,
        **_cold(actual),
        "source": actual.source,
        "hardware": actual.hardware,
        "backend": actual.backend,
        "group": forecast.network.sha256,
        "family": forecast.network.architecture.name[:500],
        "source_dataset": "forecast",
        "started_at": actual.started_at.isoformat(timespec="milliseconds"),
        "valid": doubt is None,
        **({} if doubt is None else {"invalid_reason": doubt}),
        "forecast": {
            "version": FORECAST_VERSION,
            "network": forecast.network.architecture.name,
            "network_sha256": forecast.network.sha256,
            "planned_epochs": actual.planned_epochs,
            "outcome": actual.outcome,
            "confidence_level": forecast.confidence_level,
            "energy_j": forecast.energy_j.to_dict(),
            "duration_s": forecast.duration_s and forecast.duration_s.to_dict(),
            "emissions_gco2e": forecast.emissions_gco2e.to_dict(),
            "energy_source": model.platform.energy_source,
            "hardware": model.platform.hardware,
            "backend": model.platform.backend,
            "tier": forecast.chosen.tier,
            "in_domain": forecast.verdict.in_domain,
            "model": {"name": model.name, "digest": forecast.chosen.digest},
            "aside_s": sum(lap.aside_s for lap in actual.laps),
            "is_comparable": actual.doubt is None,
            "versions": dict(actual.versions),
        },
    }
    return {**record, "checksum": row_checksum(record)}


def append_line(path: str | os.PathLike[str], record: Mapping[str, object]) -> None:
    """Append one line to a file, and see to it that it stays.

    Parameters
    ----------
    path : path
        The file; its folder must exist.
    record : mapping
        JSON values.

    Raises
    ------
    OSError
        If it cannot be written, whole.

    Notes
    -----
    One write of the whole line, so that several processes can append to one file and
    a process that dies leaves whole lines. Where an earlier line was cut off all the
    same, the new one begins on a line of its own.
    """
    text = json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n"
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            if os.read(descriptor, 1) != b"\n":
                text = "\n" + text
        content = text.encode("ascii")
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(f"only {written} of {len(content)} bytes were written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cold(actual: Actual) -> dict[str, float]:
    """Return what the first epoch took more than the others, where that is known."""
    if len(actual.laps) < FEWEST_FOR_COLD:
        return {}
    first, *others = actual.laps
    found = {
        "cold_duration_s": first.duration_s
        - sum(lap.duration_s for lap in others) / len(others)
    }
    if actual.energy_j is not None:
        found["cold_energy_j"] = (first.energy_j or 0.0) - sum(
            lap.energy_j or 0.0 for lap in others
        ) / len(others)
    return {name: value for name, value in found.items() if value > 0}


def _doubt(description: Mapping[str, Any]) -> str | None:
    """Say why no model could be fitted on a row, as far as that is its network."""
    try:
        count_network(read_network_description(description))
    except PredictorError as error:
        return f"the network cannot be counted from its description: {error!s:.200}"
    return None
