"""Regions in the tables that CodeCarbon ships, read without importing CodeCarbon."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from predictor.errors import InputFileError, MissingExtraError
from predictor.units import pounds_per_mwh_to_g_per_kwh

RegionKind = Literal["world", "country", "subdivision", "grid zone", "cloud"]

COUNTRIES = Path("private_infra", "global_energy_mix.json")
STATES = Path("private_infra", "2023", "usa_emissions.json")
CANADA = Path("private_infra", "2023", "canada_energy_mix.json")
FACTORS = Path("private_infra", "carbon_intensity_per_source.json")
CHINA = Path("private_infra", "2023", "china_provincial_emissions.json")
NORDIC = Path("private_infra", "nordic_emissions.json")
CLOUDS = Path("cloud", "impact.csv")

CANADA_YEAR = 2023
"""By the name of the folder; the file itself says no year."""

_SHIPPED = "as shipped with CodeCarbon"
_PROVINCES = {
    "alberta": "AB",
    "british columbia": "BC",
    "manitoba": "MB",
    "new brunswick": "NB",
    "newfoundland and labrador": "NL",
    "nova scotia": "NS",
    "northwest territories": "NT",
    "nunavut": "NU",
    "ontario": "ON",
    "prince edward island": "PE",
    "quebec": "QC",
    "saskatchewan": "SK",
    "yukon": "YT",
}
_FACTOR_NAMES = {"naturalGas": "natural_gas", "hydro": "hydroelectricity"}
_ZONE_COUNTRIES = {"SE": "SWE", "NO": "NOR"}
_SMALL_WORDS = ("and", "of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A place whose carbon intensity is known.

    Parameters
    ----------
    code : str
        ISO 3166 code of three letters; with ``-`` and the part's own code for a state,
        a province or a grid zone; ``provider:name`` for the region of a cloud.
    name : str
        In English.
    kind : {"world", "country", "subdivision", "grid zone", "cloud"}
        What it is.
    carbon_intensity_g_per_kwh : float
        Carbon intensity in gCO2e/kWh, above 0.
    year : int or None
        Year the number is about; None where its source does not say.
    source : str
        Who says so.
    """

    code: str
    name: str
    kind: RegionKind
    carbon_intensity_g_per_kwh: float
    year: int | None
    source: str


@cache
def shipped_regions() -> Mapping[str, Region]:
    """Read every region that CodeCarbon knows a number of.

    Returns
    -------
    regions : mapping of str to Region
        By code; countries first.

    Raises
    ------
    MissingExtraError
        If codecarbon is not installed.
    InputFileError
        If one of its files cannot be read.

    Examples
    --------
    >>> shipped_regions()["CAN-QC"].name
    'Quebec, Canada'
    """
    # The files are found without importing CodeCarbon, which would take a second.
    spec = find_spec("codecarbon")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "the carbon intensity of a region comes with the package codecarbon, which "
            "is not installed; install it, or give the carbon intensity as a number"
        )
    folder = Path(spec.origin).parent / "data"
    found: dict[str, Region] = {}
    readers: tuple[tuple[Path, Callable[[Path], Iterator[Region]]], ...] = (
        (COUNTRIES, _countries),
        (STATES, _states),
        (CANADA, _provinces_of_canada),
        (CHINA, _provinces_of_china),
        (NORDIC, _zones),
        (CLOUDS, _clouds),
    )
    for path, read in readers:
        try:
            regions = list(read(folder))
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise InputFileError(
                f"the table {path.name} of codecarbon cannot be read ({error!s:.200}); "
                "install codecarbon again, or give the carbon intensity as a number"
            ) from error
        # Zero stands for a number too small to be rounded to anything else.
        found |= {
            one.code: one for one in regions if one.carbon_intensity_g_per_kwh > 0
        }
    return found


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _countries(folder: Path) -> Iterator[Region]:
    for code, entry in _json(folder / COUNTRIES).items():
        yield Region(
            code=code,
            name=str(entry["country_name"]),
            kind="country",
            carbon_intensity_g_per_kwh=float(entry.get("carbon_intensity") or 0),
            year=int(entry["year"]),
            source=f"Our World in Data, {_SHIPPED}",
        )


def _states(folder: Path) -> Iterator[Region]:
    table = _json(folder / STATES)
    year = int(table["_source"]["year"])
    for name, entry in table.items():
        if name.startswith("_") or name == "usa":  # the whole country is in COUNTRIES
            continue
        yield Region(
            code=f"USA-{entry['regionCode']}",
            name=f"{_title(name)}, United States",
            kind="subdivision",
            carbon_intensity_g_per_kwh=pounds_per_mwh_to_g_per_kwh(
                float(entry["emissions"])
            ),
            year=year,
            source=f"EPA eGRID, emissions of plants only, {_SHIPPED}",
        )


def _provinces_of_canada(folder: Path) -> Iterator[Region]:
    factors = _json(folder / FACTORS)
    for name, mix in _json(folder / CANADA).items():
        shares = {
            _FACTOR_NAMES.get(kind, kind): float(share) for kind, share in mix.items()
        }
        counted = {kind: share for kind, share in shares.items() if kind in factors}
        total = sum(counted.values())
        emitted = sum(share * factors[kind] for kind, share in counted.items())
        yield Region(
            code=f"CAN-{_PROVINCES[name]}",
            name=f"{_title(name)}, Canada",
            kind="subdivision",
            carbon_intensity_g_per_kwh=round(emitted / total, 1),
            year=CANADA_YEAR,
            source=f"mix of generation times factors over the life cycle, {_SHIPPED}",
        )


def _provinces_of_china(folder: Path) -> Iterator[Region]:
    for code, entry in _json(folder / CHINA)["data"].items():
        yield Region(
            code=f"CHN-{code.partition('-')[2]}",
            name=f"{entry['description']}, China",
            kind="subdivision",
            carbon_intensity_g_per_kwh=float(entry["emission_factor"]),
            year=int(entry["year"]),
            source=f"MEE and NBS of China, CO2 of plants only, {_SHIPPED}",
        )


def _zones(folder: Path) -> Iterator[Region]:
    for code, entry in _json(folder / NORDIC)["data"].items():
        if len(code) == 2:  # a whole country, which is in COUNTRIES
            continue
        yield Region(
            code=f"{_ZONE_COUNTRIES[code[:2]]}-{code}",
            name=str(entry["description"]),
            kind="grid zone",
            carbon_intensity_g_per_kwh=float(entry["emission_factor"]),
            year=int(entry["year"]),
            source=f"ENTSO-E mix times factors over the life cycle, {_SHIPPED}",
        )


def _clouds(folder: Path) -> Iterator[Region]:
    text = (folder / CLOUDS).read_text(encoding="utf-8-sig")
    for row in csv.DictReader(io.StringIO(text)):
        place = (row["city"], row["state"], row["country_name"])
        yield Region(
            code=f"{row['provider']}:{row['region']}".lower(),
            name=f"{row['providerName']}, {', '.join(filter(None, place))}",
            kind="cloud",
            carbon_intensity_g_per_kwh=float(row["impact"]),
            year=None,
            source=f"{row['source'].removeprefix('https://')}, {_SHIPPED}",
        )


def _title(name: str) -> str:
    words = name.split()
    return " ".join(w if w in _SMALL_WORDS else w.capitalize() for w in words)
