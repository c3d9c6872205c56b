"""Descriptions of life cycles, read from TOML, JSON or a mapping."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from predictor.errors import InputFileError, UsageError
from predictor.lifecycle.description import (
    Answering,
    Description,
    Place,
    Variant,
)
from predictor.lifecycle.phases import training_phase, use_phase
from predictor.lifecycle.searching import search_phase
from predictor.lifecycle.tables import Table
from predictor.readers.limits import (
    LARGEST_FILE_BYTES,
    LONGEST_NAME,
    check_depth,
    parse_json,
)

LARGEST_TOML_BYTES = 2**18
LONGEST_TOML_LINE = 4_000
"""A key of many parts takes time with the square of their number."""

MOST_VARIANTS = 100

_TOP = ("name", "place", "answer", "variants")
_PLACE = ("region", "carbon_intensity", "pue", "price")
_ANSWER = ("model", "hardware", "confidence", "idle_power_w")
_VARIANT = ("place", "search", "training", "use")


def read_description(
    source: str | os.PathLike[str] | Mapping[str, Any],
) -> Description:
    """Read the description of a life cycle.

    Parameters
    ----------
    source : path or mapping
        A file in TOML, or in JSON where its name ends with ``.json``, or what was
        parsed from one.

    Returns
    -------
    description : Description
        Checked; relative paths in a file start at the file, in a mapping at the
        working directory.

    Raises
    ------
    InputFileError
        If the file cannot be read, a key is not known or missing, or a value is out
        of its range.

    Examples
    --------
    >>> use = {"inferences": 1000, "inference_energy_j": 0.5}
    >>> read_description({"variants": {"a": {"use": use}}}).variants[0].use.inferences
    1000
    """
    if isinstance(source, Mapping):
        check_depth(source, "the description")
        return _description(source, "the description", Path(), "life cycle")
    path = Path(source)
    value = _parsed(path)
    return _description(value, str(path), path.parent, path.stem)


def _parsed(path: Path) -> object:
    is_json = path.suffix.lower() == ".json"
    largest = LARGEST_FILE_BYTES if is_json else LARGEST_TOML_BYTES
    try:
        if not path.is_file():
            raise InputFileError(f"{path}: there is no such file; check the path")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(f"{path}: cannot be read ({error})") from error
    if len(content) > largest:
        raise InputFileError(f"{path}: larger than {largest:,} bytes")
    if is_json:
        return parse_json(content, str(path))
    try:
        text = content.decode("utf-8-sig")
        if any(len(line) > LONGEST_TOML_LINE for line in text.split("\n")):
            raise InputFileError(
                f"{path}: a line is longer than {LONGEST_TOML_LINE:,} characters; "
                "write a list over several lines"
            )
        value = tomllib.loads(text.replace("\r\n", "\n"))
    except InputFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputFileError(
            f"{path}: is no TOML file ({error!s:.200}); a file in JSON must be named "
            ".json"
        ) from error
    check_depth(value, str(path))
    return value


def _description(value: object, where: str, folder: Path, name: str) -> Description:
    table = Table(value, where, _TOP)
    place = _place(Table(table.content.get("place", {}), f"{where}: place", _PLACE))
    variants = Table(table.content.get("variants", {}), f"{where}: variants")
    answer = Table(table.content.get("answer", {}), f"{where}: answer", _ANSWER)
    if not 1 <= len(variants.content) <= MOST_VARIANTS:
        raise table.wrong(
            f"variants must be 1 to {MOST_VARIANTS} tables by name, such as "
            "[variants.mine.training]"
        )
    return Description(
        name=(table.text("name") or name)[:LONGEST_NAME],
        variants=tuple(
            _variant(variants, key, place, folder) for key in variants.content
        ),
        answering=_answering(answer, folder),
    )


def _variant(variants: Table, name: str, place: Place, folder: Path) -> Variant:
    table = variants.inside(name, _VARIANT)
    if not any(key in table for key in _VARIANT[1:]):
        raise table.wrong("needs a phase: search, training or use")
    training = table.content.get("training")
    keys: Mapping[str, object] = training if isinstance(training, Mapping) else {}
    where = f"{table.where}."
    return Variant(
        name=name[:LONGEST_NAME],
        place=_place(table.inside("place", _PLACE)).over(place),
        training=(
            None
            if "training" not in table
            else training_phase(training, f"{where}training", folder)
        ),
        search=(
            None
            if "search" not in table
            else search_phase(table.content["search"], keys, f"{where}search", folder)
        ),
        use=(
            None
            if "use" not in table
            else use_phase(table.content["use"], keys, f"{where}use", folder)
        ),
    )


def _place(table: Table) -> Place:
    place = Place(
        region=table.text("region"),
        carbon_intensity_g_per_kwh=table.number("carbon_intensity"),
        pue=table.number("pue", least=1.0),
        price_per_kwh=table.number("price"),
    )
    try:
        place.settled()
    except UsageError as error:
        raise table.wrong(str(error)) from error
    return place


def _answering(table: Table, folder: Path) -> Answering:
    model = table.text("model")
    level = table.number("confidence")
    if level is not None and not 0.5 <= level <= 0.99:
        raise table.wrong(f"confidence must be 0.5 to 0.99, got {level:g}")
    return Answering(
        model=None
        if model is None
        else os.path.join(folder, os.path.expanduser(model)),
        hardware=table.text("hardware"),
        confidence_level=level,
        idle_power_w=table.positive("idle_power_w"),
    )
