"""Settings of options: flag, environment, project, user, default, in that order."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from predictor.errors import InputFileError, UsageError

PROJECT_FILE = "pyproject.toml"
TABLE = "predictor"
LARGEST_FILE_BYTES = 1 << 20
PATHS = ("model",)
"""Options that name a file; a relative one is relative to the file that sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An option's value from a file.

    Parameters
    ----------
    value : str or list of str
        As a flag would give it.
    origin : str
        The file, and its table.
    """

    value: str | list[str]
    origin: str


def user_file() -> Path:
    """Return where a user's own settings are.

    Returns
    -------
    path : Path
        ``$XDG_CONFIG_HOME/watt-ahead/config.toml`` or its default by platform.
    """
    from platformdirs import user_config_path

    return Path(user_config_path("watt-ahead", appauthor=False)) / "config.toml"


def read_settings(folder: Path, known: Collection[str]) -> dict[str, Setting]:
    """Read the settings that hold in a folder.

    Parameters
    ----------
    folder : Path
        Where the command runs. The nearest ``pyproject.toml`` there or above that has a
        table ``[tool.predictor]`` is the project's.
    known : collection of str
        Options that may be set, with underscores.

    Returns
    -------
    settings : dict of str to Setting
        By option; the project's before the user's.

    Raises
    ------
    InputFileError
        If a file cannot be read or is no TOML.
    UsageError
        If it sets what is no option.
    """
    user = user_file()
    settings = _settings(_read(user), user, str(user), known)
    for parent in (folder, *folder.parents):
        path = parent / PROJECT_FILE
        tool = _read(path).get("tool")
        table = tool.get(TABLE) if isinstance(tool, dict) else None
        if table is not None:
            origin = f"{path} [tool.{TABLE}]"
            if not isinstance(table, dict):
                raise UsageError(f"{path}: tool.{TABLE} must be a table of options")
            return settings | _settings(table, path, origin, known)
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > LARGEST_FILE_BYTES:
        raise InputFileError(f"{path}: larger than {LARGEST_FILE_BYTES:,} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: is no TOML file ({error!s:.200})") from error


def _settings(
    table: Mapping[str, Any], path: Path, origin: str, known: Collection[str]
) -> dict[str, Setting]:
    found = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            similar = get_close_matches(name, known, n=1)
            meant = f"; do you mean {similar[0].replace('_', '-')}?" if similar else "."
            raise UsageError(
                f"{origin}: {key!r:.60} is no option that can be set there{meant} "
                f"Allowed are {', '.join(sorted(known)).replace('_', '-')}"
            )
        found[name] = Setting(value=_text(name, value, path, origin), origin=origin)
    return found


def _text(name: str, value: object, path: Path, origin: str) -> str | list[str]:
    if isinstance(value, list):
        return [str(_text(name, one, path, origin)) for one in value]
    if not isinstance(value, str | int | float):
        raise UsageError(
            f"{origin}: {name.replace('_', '-')} must be text, a number, true or "
            f"false, or a list; got {value!r:.60}"
        )
    if name in PATHS and isinstance(value, str):
        return os.path.join(path.parent, os.path.expanduser(value))
    return str(value)
