"""Arrays of a part inside those of a whole: the same names behind a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def below(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the arrays of a part.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Of the whole.
    prefix : str
        How the names of the part begin.

    Returns
    -------
    part : dict of str to ndarray
        Without the prefix.

    Examples
    --------
    >>> below({"trees.value": 1, "intercept": 2}, "trees.")
    {'value': 1}
    """
    return {
        name.removeprefix(prefix): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


def prefixed(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of a part as those of the whole.

    Parameters
    ----------
    prefix : str
        Put before every name.
    arrays : mapping of str to ndarray
        Of the part.

    Returns
    -------
    whole : dict of str to ndarray
        What `below` takes apart.

    Examples
    --------
    >>> prefixed("trees.", {"value": 1})
    {'trees.value': 1}
    """
    return {f"{prefix}{name}": values for name, values in arrays.items()}
