"""Numbers as people read them: three digits and a fitting unit."""

from __future__ import annotations

from predictor.intervals import Quantity

Scale = tuple[tuple[float, str], ...]

ENERGY_WH: Scale = (
    (1e-3, "mWh"),
    (1.0, "Wh"),
    (1e3, "kWh"),
    (1e6, "MWh"),
    (1e9, "GWh"),
)
DURATION_S: Scale = ((1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"))
POWER_W: Scale = ((1e-3, "mW"), (1.0, "W"), (1e3, "kW"))
MASS_G: Scale = ((1e-3, "mg CO2e"), (1.0, "g CO2e"), (1e3, "kg CO2e"), (1e6, "t CO2e"))
COUNT: Scale = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))


def _unit(value: float, scale: Scale) -> tuple[float, str]:
    fitting = [step for step in scale if value >= step[0] * 0.9995]
    return fitting[-1] if fitting else scale[0]


def _digits(value: float) -> str:
    if value >= 99_950:
        return f"{value:.3g}"
    if value >= 999.5:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def readable(value: float, scale: Scale) -> str:
    """Write a number with three digits and a unit.

    Parameters
    ----------
    value : float
        In the scale's unit of size 1.
    scale : Scale
        Sizes and names of the units, smallest first.

    Returns
    -------
    text : str
        Such as ``"1.5 kWh"``.

    Examples
    --------
    >>> readable(1500.0, ENERGY_WH), readable(90.0, DURATION_S)
    ('1.5 kWh', '1.5 min')
    """
    size, name = _unit(value, scale)
    return f"{_digits(value / size)} {name}".rstrip()


def times(ratio: float) -> str:
    """Write how many times as much something is, with two digits.

    Parameters
    ----------
    ratio : float
        Not negative.

    Returns
    -------
    text : str
        Without an exponent, unless it is very large or very small.

    Examples
    --------
    >>> times(0.4712), times(74.3), times(2031.0)
    ('0.47', '74', '2,000')
    """
    text = f"{ratio:.2g}"
    return f"{float(text):,.0f}" if 99 < ratio < 99_500 else text


def readable_interval(quantity: Quantity, scale: Scale) -> str:
    """Write an interval in the unit of its estimate.

    Parameters
    ----------
    quantity : Quantity
        In the scale's unit of size 1.
    scale : Scale
        Sizes and names of the units, smallest first.

    Returns
    -------
    text : str
        Such as ``"1.2 to 1.9 kWh"``.

    Examples
    --------
    >>> readable_interval(Quantity(estimate=2e3, lower=5e2, upper=4e3), ENERGY_WH)
    '0.5 to 4 kWh'
    """
    size, name = _unit(quantity.estimate, scale)
    low, high = _digits(quantity.lower / size), _digits(quantity.upper / size)
    return f"{low} to {high} {name}".rstrip()


def readable_ratio(ratio: Quantity) -> str:
    """Write how many times one takes of another, with its interval.

    Parameters
    ----------
    ratio : Quantity
        Without a unit.

    Returns
    -------
    text : str
        Two digits each; no interval where its ends look the same.

    Examples
    --------
    >>> readable_ratio(Quantity(estimate=1.25, lower=0.9, upper=330.0))
    '1.2 (0.9-330)'
    >>> readable_ratio(Quantity(estimate=0.5, lower=0.499, upper=0.501))
    '0.5'
    """
    shown, low, high = map(times, (ratio.estimate, ratio.lower, ratio.upper))
    return shown if low == high else f"{shown} ({low}-{high})"
