"""A directory that looks like the processor's counters under Linux."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from predictor.units import MICRO

RANGE_J = 262_143.328850
"""Range of a counter of many processors: 14 bits of 16 J."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeZone:
    """One counter, as files.

    Parameters
    ----------
    path : Path
        Its directory.
    range_j : float, default=262143.32885
        Largest value before it starts again at zero, in J.
    """

    path: Path
    range_j: float = RANGE_J

    @property
    def energy_j(self) -> float:
        """What it shows, in J."""
        return float((self.path / "energy_uj").read_text()) * MICRO

    def use(self, energy_j: float) -> None:
        """Use energy; the counter starts again at zero as often as it must.

        Parameters
        ----------
        energy_j : float
            How much, in J; less than 0 lets it go backwards.
        """
        self.show(str(round((self.energy_j + energy_j) % self.range_j / MICRO)))

    def show(self, text: str) -> None:
        """Show something else than an energy.

        Parameters
        ----------
        text : str
            Such as ``"nan"``.
        """
        (self.path / "energy_uj").write_text(f"{text}\n")

    def hide(self) -> None:
        """Make it unreadable, for every user."""
        (self.path / "energy_uj").unlink()
        (self.path / "energy_uj").mkdir()


def make_zone(
    root: Path,
    directory: str,
    name: str,
    *,
    energy_j: float = 0.0,
    range_j: float = RANGE_J,
) -> FakeZone:
    """Make a counter below a fake powercap directory.

    Parameters
    ----------
    root : Path
        Stands for ``/sys/class/powercap``.
    directory : str
        Such as ``"intel-rapl:0"``, or ``"intel-rapl:0:1"`` for one inside it.
    name : str
        Such as ``"package-0"``, ``"dram"``, ``"psys"``.
    energy_j : float, default=0.0
        What it shows first, in J.
    range_j : float, default=262143.32885
        Largest value before it starts again at zero, in J.

    Returns
    -------
    zone : FakeZone
        The counter.
    """
    zone = FakeZone(path=root / directory, range_j=range_j)
    zone.path.mkdir(parents=True)
    (zone.path / "name").write_text(f"{name}\n")
    (zone.path / "max_energy_range_uj").write_text(f"{round(range_j / MICRO)}\n")
    zone.show(str(round(energy_j / MICRO)))
    return zone
