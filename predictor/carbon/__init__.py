"""Carbon intensity of electricity by place, and the emissions of an energy."""

from predictor.carbon.emissions import check_pue, emissions_gco2e, facility_energy_j
from predictor.carbon.intensity import CarbonIntensity, carbon_intensity
from predictor.carbon.regions import (
    WORLD,
    Region,
    find_regions,
    known_regions,
    regions,
)

__all__ = [
    "WORLD",
    "CarbonIntensity",
    "Region",
    "carbon_intensity",
    "check_pue",
    "emissions_gco2e",
    "facility_energy_j",
    "find_regions",
    "known_regions",
    "regions",
]
