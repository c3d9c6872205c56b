"""Unit conversions; the only module allowed to hold a conversion factor."""

JOULES_PER_KWH = 3_600_000.0
SECONDS_PER_HOUR = 3_600.0
SECONDS_PER_MINUTE = 60.0
GRAMS_PER_POUND = 453.59237
KWH_PER_MWH = 1_000.0
MILLI = 1e-3
MICRO = 1e-6
NANO = 1e-9


def joules_to_kwh(energy_j: float) -> float:
    """Convert joules to kilowatt-hours.

    Parameters
    ----------
    energy_j : float
        Energy in J.

    Returns
    -------
    energy_kwh : float
        The same energy in kWh.

    Examples
    --------
    >>> joules_to_kwh(1_800_000.0)
    0.5
    """
    return energy_j / JOULES_PER_KWH


def kwh_to_joules(energy_kwh: float) -> float:
    """Convert kilowatt-hours to joules.

    Parameters
    ----------
    energy_kwh : float
        Energy in kWh.

    Returns
    -------
    energy_j : float
        The same energy in J.

    Examples
    --------
    >>> kwh_to_joules(0.5)
    1800000.0
    """
    return energy_kwh * JOULES_PER_KWH


def pounds_per_mwh_to_g_per_kwh(intensity_lb_per_mwh: float) -> float:
    """Convert pounds per megawatt-hour to grams per kilowatt-hour.

    Parameters
    ----------
    intensity_lb_per_mwh : float
        Mass per energy in lb/MWh.

    Returns
    -------
    intensity_g_per_kwh : float
        The same in g/kWh.

    Examples
    --------
    >>> round(pounds_per_mwh_to_g_per_kwh(1000.0), 2)
    453.59
    """
    return intensity_lb_per_mwh * GRAMS_PER_POUND / KWH_PER_MWH
