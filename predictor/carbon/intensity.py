"""The carbon intensity of electricity at a place."""

import math
from dataclasses import dataclass

from predictor.carbon.regions import WORLD_REGION, canonical_code, region_called
from predictor.errors import UsageError

USER_SOURCE = "given by the user"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonIntensity:
    """What a kilowatt-hour of electricity emits at a place, and who says so.

    Parameters
    ----------
    carbon_intensity_g_per_kwh : float
        Carbon intensity of the grid in gCO2e/kWh.
    region : str or None
        Code of the place; None where the user gave a number without a place.
    year : int or None
        Year the number is about; None where nobody says.
    source : str
        Where the number comes from.
    """

    carbon_intensity_g_per_kwh: float
    region: str | None
    year: int | None
    source: str


def carbon_intensity(
    region: str | None = None, *, override_g_per_kwh: float | None = None
) -> CarbonIntensity:
    """Return the carbon intensity of electricity at a place.

    Nothing is looked up on a network.

    Parameters
    ----------
    region : str, optional
        Code of a place, in any case, such as ``DEU``, ``USA-CA``, ``gcp:us-central1``
        or ``WORLD``; the world average where left out.
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
    in Data, mostly of 2022 and 2023, over the life cycle of the plants. What the other
    regions' numbers are is told by `predictor.carbon.regions`. The table of
    countries has no world average; ours is 480 gCO2e/kWh,
    Ember's for 2023 (Global Electricity Review 2024), and agrees with the average of
    that table weighted by generation. CodeCarbon itself falls back on 475 gCO2e/kWh
    (IEA, Global Energy and CO2 Status Report 2019).

    Examples
    --------
    >>> carbon_intensity().carbon_intensity_g_per_kwh
    480.0
    >>> carbon_intensity("fra").region, carbon_intensity("us-ia").region
    ('FRA', 'USA-IA')
    >>> carbon_intensity(override_g_per_kwh=20.0).source
    'given by the user'
    """
    code = None if region is None else canonical_code(region)
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
    found = WORLD_REGION if region is None else region_called(region)
    return CarbonIntensity(
        carbon_intensity_g_per_kwh=found.carbon_intensity_g_per_kwh,
        region=found.code,
        year=found.year,
        source=found.source,
    )
