"""A run: what was forecast of it, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from predictor.hardware import MODELLED
from predictor.intervals import Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasted:
    """What was forecast.

    Parameters
    ----------
    network : str
        Name of the network.
    network_sha256 : str
        Hash of its description.
    model, digest : str
        Name and digest of the fitted model.
    energy_source : str
        Whether that model's energy is ``measured`` or ``modelled``.
    confidence_level : float
        Of the intervals.
    energy_j : Quantity
        Energy in J.
    duration_s : Quantity or None
        Time in s; None where the model has none.
    """

    network: str
    network_sha256: str
    model: str
    digest: str
    energy_source: str
    confidence_level: float
    energy_j: Quantity
    duration_s: Quantity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was forecast of a run, and what it took.

    Parameters
    ----------
    forecast : Forecasted
        What was forecast.
    hardware, backend : str
        What computed.
    energy_j : float or None
        What it took in J; None where nothing could be read.
    source : str or None
        Meter of the energy.
    duration_s : float or None
        Time it took in s.
    started_at : datetime or None
        With its time zone.
    """

    forecast: Forecasted
    hardware: str
    backend: str
    energy_j: float | None
    source: str | None
    duration_s: float | None
    started_at: datetime | None

    @property
    def energy_kind(self) -> str | None:
        """``measured`` or ``modelled``; None without energy."""
        if self.energy_j is None:
            return None
        return MODELLED if self.source == MODELLED else "measured"
