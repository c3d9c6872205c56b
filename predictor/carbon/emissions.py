"""The emissions of an amount of energy."""

import math

from predictor.errors import UsageError
from predictor.units import joules_to_kwh


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
