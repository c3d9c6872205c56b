"""Carbon intensity of electricity by place, and the emissions of an energy."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from predictor.errors import InputFileError, MissingExtraError, UsageError
from predictor.units import joules_to_kwh

WORLD = "WORLD"
"""Region of the average over all countries, used where no place is given."""

WORLD_CARBON_INTENSITY_G_PER_KWH = 480.0
WORLD_YEAR = 2023
WORLD_SOURCE = "Ember, Global Electricity Review 2024"

TABLE_SOURCE = "Our World in Data, as shipped with CodeCarbon"
USER_SOURCE = "given by the user"

_TABLE_PATH = Path("data", "private_infra", "global_energy_mix.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonIntensity:
    """What a kilowatt-hour of electricity emits at a place, and who says so.

    Parameters
    ----------
    carbon_intensity_g_per_kwh : float
        Carbon intensity of the grid, over the life cycle, in gCO2e/kWh.
    region : str or None
        ISO 3166 code of three letters, or `WORLD`; None where the user gave a
        number without a place.
    year : int or None
        Year the number is about; None where the user gave it.
    source : str
        Where the number comes from.
    """

    carbon_intensity_g_per_kwh: float
    region: str | None
    year: int | None
    source: str


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    # The file is found without importing CodeCarbon, which would take a second.
    spec = find_spec("codecarbon")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "the carbon intensity of a region comes with the package codecarbon, which "
            "is not installed; install it, or give the carbon intensity as a number"
        )
    path = Path(spec.origin).parent / _TABLE_PATH
    try:
        table: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(
            f"the table {_TABLE_PATH.name} of codecarbon cannot be read ({error}); "
            "install codecarbon again, or give the carbon intensity as a number"
        ) from error
    # Zero stands for a mix too small to be rounded to anything else.
    return {
        code: entry for code, entry in table.items() if entry.get("carbon_intensity")
    }


def known_regions() -> dict[str, str]:
    """Return the places whose carbon intensity is known.

    Returns
    -------
    names : dict of str to str
        English name of the country by ISO 3166 code of three letters.

    Examples
    --------
    >>> known_regions()["DEU"]
    'Germany'
    """
    return {code: str(entry["country_name"]) for code, entry in _table().items()}


def _similar_regions(region: str) -> list[str]:
    names = known_regions()
    codes_by_text = {name.casefold(): code for code, name in names.items()}
    codes_by_text |= {code.casefold(): code for code in names}
    wanted = region.casefold()
    starting = [text for text in codes_by_text if wanted and text.startswith(wanted)]
    similar = [*sorted(starting), *get_close_matches(wanted, codes_by_text, n=4)]
    codes = dict.fromkeys(codes_by_text[text] for text in similar)
    return [f"{code} ({names[code]})" for code in codes][:4]


def carbon_intensity(
    region: str | None = None, *, override_g_per_kwh: float | None = None
) -> CarbonIntensity:
    """Return the carbon intensity of electricity at a place.

    Nothing is looked up on a network.

    Parameters
    ----------
    region : str, optional
        ISO 3166 code of three letters, or `WORLD`, in any case; the world average
        where left out.
    override_g_per_kwh : float, optional
        Carbon intensity to use instead, in gCO2e/kWh, finite and at least 0; with it
        the region is a label only.

    Returns
    -------
    intensity : CarbonIntensity
        The number with its region, year and source.

    Raises
    ------
    UsageError
        If the region is not known or the override is out of range.
    MissingExtraError
        If a region is given and codecarbon is not installed.

    Notes
    -----
    Countries are from the table that CodeCarbon ships: yearly averages of Our World
    in Data, mostly of 2022 and 2023. It has no world average; ours is 480 gCO2e/kWh,
    Ember's for 2023 (Global Electricity Review 2024), and agrees with the average of
    that table weighted by generation. CodeCarbon itself falls back on 475 gCO2e/kWh
    (IEA, Global Energy and CO2 Status Report 2019).

    Examples
    --------
    >>> carbon_intensity().carbon_intensity_g_per_kwh
    480.0
    >>> carbon_intensity("fra").region
    'FRA'
    >>> carbon_intensity(override_g_per_kwh=20.0).source
    'given by the user'
    """
    code = None if region is None else region.strip().upper()
    if override_g_per_kwh is not None:
        if not (math.isfinite(override_g_per_kwh) and override_g_per_kwh >= 0):
            raise UsageError(
                "carbon intensity must be a finite number of gCO2e/kWh, at least 0; "
                f"got {override_g_per_kwh!r}"
            )
        return CarbonIntensity(
            carbon_intensity_g_per_kwh=float(override_g_per_kwh),
            region=code,
            year=None,
            source=USER_SOURCE,
        )
    if code is None or code == WORLD:
        return CarbonIntensity(
            carbon_intensity_g_per_kwh=WORLD_CARBON_INTENSITY_G_PER_KWH,
            region=WORLD,
            year=WORLD_YEAR,
            source=WORLD_SOURCE,
        )
    entry = _table().get(code)
    if entry is None:
        similar = ", ".join(_similar_regions(code))
        raise UsageError(
            f"no carbon intensity is known for the region {region!r:.60}"
            + (f"; similar are {similar}" if similar else "")
            + ". Give an ISO 3166 code of three letters such as DEU, or the carbon "
            "intensity in gCO2e/kWh (--carbon-intensity)"
        )
    return CarbonIntensity(
        carbon_intensity_g_per_kwh=float(entry["carbon_intensity"]),
        region=code,
        year=int(entry["year"]),
        source=TABLE_SOURCE,
    )


def check_pue(pue: float) -> float:
    """Return a power usage effectiveness if it can be one.

    Parameters
    ----------
    pue : float
        Facility energy over IT energy.

    Returns
    -------
    pue : float
        The same number.

    Raises
    ------
    UsageError
        If it is not finite or below 1.

    Examples
    --------
    >>> check_pue(1.58)
    1.58
    >>> check_pue(0.9)
    Traceback (most recent call last):
    predictor.errors.UsageError: PUE must be a finite number, at least 1; got 0.9
    """
    if not (math.isfinite(pue) and pue >= 1):
        raise UsageError(f"PUE must be a finite number, at least 1; got {pue!r}")
    return pue


def facility_energy_j(energy_j: float, *, pue: float) -> float:
    """Return what a site draws in all for an amount of IT energy.

    Parameters
    ----------
    energy_j : float
        IT energy in J.
    pue : float
        Power usage effectiveness: facility energy over IT energy, at least 1.

    Returns
    -------
    facility_energy_j : float
        Energy with cooling and power supply in J.

    Raises
    ------
    UsageError
        If the PUE is not finite or below 1.

    Examples
    --------
    >>> facility_energy_j(100.0, pue=1.5)
    150.0
    """
    return energy_j * check_pue(pue)


def emissions_gco2e(
    energy_j: float, *, carbon_intensity_g_per_kwh: float, pue: float = 1.0
) -> float:
    """Return the emissions of an amount of IT energy.

    Parameters
    ----------
    energy_j : float
        IT energy, without facility overhead, in J.
    carbon_intensity_g_per_kwh : float
        Carbon intensity of the electricity in gCO2e/kWh.
    pue : float, default=1.0
        Power usage effectiveness: facility energy over IT energy, at least 1.

    Returns
    -------
    emissions_gco2e : float
        Emissions in gCO2e.

    Raises
    ------
    UsageError
        If the PUE is not finite or below 1.

    Examples
    --------
    >>> emissions_gco2e(7_200_000.0, carbon_intensity_g_per_kwh=50.0, pue=1.5)
    150.0
    """
    energy_kwh = joules_to_kwh(facility_energy_j(energy_j, pue=pue))
    return energy_kwh * carbon_intensity_g_per_kwh
