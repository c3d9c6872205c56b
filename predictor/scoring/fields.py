"""Fields of files that somebody else may have written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from predictor.errors import DatasetError, InputFileError
from predictor.intervals import Quantity
from predictor.readers.limits import open_regular_file

LARGEST_FILE_BYTES = 2**30
LONGEST_TEXT = 500


def file_lines(path: Path) -> list[str]:
    """Read the lines of a text file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    lines : list of str
        Without line breaks; what is not UTF-8 is replaced.

    Raises
    ------
    InputFileError
        If it is missing, no regular file, empty, or over `LARGEST_FILE_BYTES`.
    """
    with open_regular_file(path) as file:
        content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise InputFileError(f"{path}: over {LARGEST_FILE_BYTES} bytes; give parts")
    return content.decode("utf-8-sig", "replace").splitlines()


def object_at(values: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """Return a field that is an object.

    Parameters
    ----------
    values : mapping
        Parsed JSON.
    name : str
        The field.
    where : str
        Names the place in an error.

    Returns
    -------
    value : mapping
        The object.

    Raises
    ------
    DatasetError
        If it is none.
    """
    value = values.get(name)
    if not isinstance(value, Mapping):
        raise DatasetError(f"{where}: {name!r} must be an object, got {value!r:.40}")
    return value


def text_at(values: Mapping[str, Any], name: str, where: str) -> str:
    """Return a field that is text.

    Parameters
    ----------
    values : mapping
        Parsed JSON.
    name : str
        The field.
    where : str
        Names the place in an error.

    Returns
    -------
    value : str
        Of 1 to `LONGEST_TEXT` characters.

    Raises
    ------
    DatasetError
        If it is none.
    """
    value = values.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        raise DatasetError(
            f"{where}: {name!r} must be text of 1 to {LONGEST_TEXT} characters, got "
            f"{value!r:.40}"
        )
    return value


def positive(value: object, name: str, where: str) -> float:
    """Return a number that can be divided by.

    Parameters
    ----------
    value : object
        The number, or its text.
    name : str
        Of the field.
    where : str
        Names the place in an error.

    Returns
    -------
    number : float
        Finite and above 0.

    Raises
    ------
    DatasetError
        If it is none.
    """
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise DatasetError(
            f"{where}: {name!r} must be a finite number above 0, got {value!r:.40}"
        )
    return number


def quantity_at(values: Mapping[str, Any], name: str, where: str) -> Quantity:
    """Return a field that is a number with its interval.

    Parameters
    ----------
    values : mapping
        Parsed JSON.
    name : str
        The field.
    where : str
        Names the place in an error.

    Returns
    -------
    quantity : Quantity
        In the field's unit.

    Raises
    ------
    DatasetError
        If a part is missing or not positive, or they are out of order.
    """
    parts = object_at(values, name, where)
    lower, estimate, upper = (
        positive(parts.get(part), f"{name}.{part}", where)
        for part in ("lower", "estimate", "upper")
    )
    if not lower <= estimate <= upper:
        raise DatasetError(
            f"{where}: {name!r} must have lower <= estimate <= upper, got "
            f"{lower:.4g}, {estimate:.4g}, {upper:.4g}"
        )
    return Quantity(estimate=estimate, lower=lower, upper=upper)


def level_at(values: Mapping[str, Any], where: str) -> float:
    """Return the confidence level of a forecast.

    Parameters
    ----------
    values : mapping
        Parsed JSON.
    where : str
        Names the place in an error.

    Returns
    -------
    level : float
        Between 0 and 1.

    Raises
    ------
    DatasetError
        If it is none.
    """
    level = positive(values.get("confidence_level"), "confidence_level", where)
    if level >= 1:
        raise DatasetError(f"{where}: 'confidence_level' must be below 1, got {level}")
    return level


def moment(text: object, name: str, where: str) -> datetime:
    """Return a point in time.

    Parameters
    ----------
    text : object
        As ISO 8601; without a time zone it is this machine's.
    name : str
        Of the field.
    where : str
        Names the place in an error.

    Returns
    -------
    moment : datetime
        With a time zone.

    Raises
    ------
    DatasetError
        If it is none.
    """
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise DatasetError(
            f"{where}: {name!r} must be a time such as 2026-01-31T12:00:00, got "
            f"{text!r:.40}"
        ) from error
