"""The processor's energy counters (RAPL): which there are, and which can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from predictor.errors import MeasurementError

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of the processor (RAPL), of Intel and of AMD."""

ZoneKind = Literal["package", "dram", "psys", "core", "other"]

_ZONE = re.compile(r"intel-rapl(-mmio)?(:\d+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RaplZone:
    """One counter of the processor's energy (RAPL), as Linux shows it.

    Parameters
    ----------
    name : str
        The system's name, such as ``"package-0"``.
    path : Path
        Its directory.
    kind : {"package", "dram", "psys", "core", "other"}
        What it counts: a processor package, memory, the whole platform, or a part.
    inside : str or None
        Name of the zone it lies in; None at the top level.
    range_uj : int or None
        Largest value before it starts again at zero, in uJ; None where not told.
    trouble : str or None
        Why it cannot be read; None where it can.
    mirrors : str or None, default=None
        The earlier package whose counter this one repeats, as on processors of several
        dies; adding both would count the energy twice.
    """

    name: str
    path: Path
    kind: ZoneKind
    inside: str | None
    range_uj: int | None
    trouble: str | None
    mirrors: str | None = None

    @property
    def readable(self) -> bool:
        """Whether it could be read."""
        return self.trouble is None


def rapl_zones(root: Path = POWERCAP) -> tuple[RaplZone, ...]:
    """Return the counters of the processor, in the order of their directories.

    Parameters
    ----------
    root : Path, default=Path("/sys/class/powercap")
        Where the system shows them.

    Returns
    -------
    zones : tuple of RaplZone
        Empty where the system shows none.

    Examples
    --------
    >>> rapl_zones(Path("/nowhere"))
    ()
    """
    try:
        names = [path.name for path in root.iterdir() if _ZONE.fullmatch(path.name)]
    except OSError:
        return ()
    zones: list[RaplZone] = []
    for name in sorted(names, key=_zone_order):
        zone = _zone(root, name)
        if zone.kind == "package":
            zone = replace(zone, mirrors=_mirrored(zone, zones))
        zones.append(zone)
    return tuple(zones)


def zone_energy_uj(zone: RaplZone) -> int:
    """Return what a counter shows now.

    Parameters
    ----------
    zone : RaplZone
        The counter.

    Returns
    -------
    energy_uj : int
        Energy since an unknown moment in uJ.

    Raises
    ------
    MeasurementError
        If it cannot be read, or shows no energy.
    """
    try:
        text = (zone.path / "energy_uj").read_text().strip()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MeasurementError(f"{zone.name}: cannot be read ({reason})") from error
    if not text.isdecimal():
        raise MeasurementError(f"{zone.name}: shows {text!r:.40}, which is no energy")
    return int(text)


def _zone_order(name: str) -> tuple[bool, list[int]]:
    # Registers before their copies in memory; packages before what is inside.
    return "-mmio" in name, [int(number) for number in name.split(":")[1:]]


def _zone(root: Path, directory: str) -> RaplZone:
    path = root / directory
    name = _text(path / "name") or directory
    parent = directory.rpartition(":")[0]
    range_text = _text(path / "max_energy_range_uj") or ""
    zone = RaplZone(
        name=name,
        path=path,
        kind=_kind(name),
        inside=(_text(root / parent / "name") or parent) if ":" in parent else None,
        range_uj=int(range_text) if range_text.isdecimal() else None,
        trouble=None,
    )
    try:
        zone_energy_uj(zone)
    except MeasurementError as error:
        return replace(zone, trouble=str(error).partition(": ")[2])
    return zone


def _kind(name: str) -> ZoneKind:
    if name.startswith("package"):
        return "package"
    if name in ("dram", "psys"):
        return "dram" if name == "dram" else "psys"
    return "core" if name in ("core", "uncore") else "other"


def _mirrored(zone: RaplZone, earlier: list[RaplZone]) -> str | None:
    for other in earlier:
        if other.kind != "package" or not other.readable or other.mirrors:
            continue
        if other.name == zone.name:  # the same package, seen through memory
            return other.name
        if not zone.readable:
            continue
        # What repeats a counter cannot leave the range between two reads of it.
        first = zone_energy_uj(other)
        if 0 < first <= zone_energy_uj(zone) <= zone_energy_uj(other):
            return other.name
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
