"""Time and energy of epochs, apart from what is done between and beside them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from predictor.forecasting.counters import EnergyCounter


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One epoch.

    Parameters
    ----------
    duration_s : float
        Time of its training steps in s.
    energy_j : float or None
        Energy of the same in J; None where none was read.
    aside_s : float
        Time of what was set aside in it, such as validation, in s.
    aside_j : float or None
        Energy of the same in J.
    """

    duration_s: float
    energy_j: float | None
    aside_s: float
    aside_j: float | None


class Stopwatch:
    """Reads clock and counter where epochs begin and end.

    Parameters
    ----------
    counter : EnergyCounter, optional
        Where energy is read.
    """

    def __init__(self, counter: EnergyCounter | None) -> None:
        self._counter = counter
        self._began: tuple[float, float | None] | None = None
        self._aside_began: tuple[float, float | None] | None = None
        self._aside_s = 0.0
        self._aside_j: float | None = 0.0
        self.trouble: str | None = None
        """Why no energy is read any more; None while it is."""

    def begin(self) -> None:
        """Begin an epoch."""
        self._aside_began, self._aside_s, self._aside_j = None, 0.0, 0.0
        self._began = self._now()

    def set_aside(self) -> None:
        """Begin what is no training; outside an epoch it is of no account."""
        if self._began is not None and self._aside_began is None:
            self._aside_began = self._now()

    def take_up(self) -> None:
        """Go on with training."""
        if self._aside_began is not None:
            duration_s, energy_j = self._since(self._aside_began)
            self._aside_s += duration_s
            self._aside_j = _sum(self._aside_j, energy_j)
            self._aside_began = None

    def end(self) -> Lap | None:
        """End an epoch.

        Returns
        -------
        lap : Lap or None
            None where no epoch had begun.
        """
        self.take_up()
        if self._began is None:
            return None
        duration_s, energy_j = self._since(self._began)
        self._began = None
        return Lap(
            duration_s=duration_s - self._aside_s,
            energy_j=_sum(energy_j, self._aside_j, -1.0),
            aside_s=self._aside_s,
            aside_j=self._aside_j,
        )

    def _since(self, began: tuple[float, float | None]) -> tuple[float, float | None]:
        now = self._now()
        return now[0] - began[0], _sum(now[1], began[1], -1.0)

    def _now(self) -> tuple[float, float | None]:
        energy_j = None
        if self._counter is not None and self.trouble is None:
            try:
                energy_j = float(self._counter.read_j())
            except Exception as error:  # noqa: BLE001 (whatever the user's counter raises)
                self.trouble = f"{type(error).__name__}: {error!s:.200}"
        return time.perf_counter(), energy_j


def _sum(first: float | None, second: float | None, sign: float = 1.0) -> float | None:
    return None if first is None or second is None else first + sign * second
