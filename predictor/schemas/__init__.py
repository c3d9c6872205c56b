"""The published JSON Schemas of what commands print as JSON."""

from __future__ import annotations

import json
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from predictor.errors import UsageError

_SUFFIX = ".json"


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas.

    Returns
    -------
    names : tuple of str
        Commands as they are typed; those of ``dataset_builder`` with
        ``dataset-builder-`` before them.

    Examples
    --------
    >>> "estimate" in schema_names()
    True
    """
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(
        sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))
    )


def schema_text(name: str) -> str:
    """Return a schema as it is published.

    Parameters
    ----------
    name : str
        One of `schema_names`.

    Returns
    -------
    text : str
        JSON; ends with a line break.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    names = schema_names()
    if name not in names:
        similar = get_close_matches(name.replace("_", "-"), names, cutoff=0.5)
        raise UsageError(
            f"no schema is called {name!r:.60}; "
            + (f"did you mean {' or '.join(similar)}? " if similar else "")
            + "`predictor schema` lists all"
        )
    return files(__name__).joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def load_schema(name: str) -> dict[str, Any]:
    """Return a schema to validate with.

    Parameters
    ----------
    name : str
        One of `schema_names`.

    Returns
    -------
    schema : dict
        JSON Schema of draft 2020-12, complete in itself.

    Raises
    ------
    UsageError
        If there is none of that name.

    Examples
    --------
    >>> load_schema("estimate")["$id"]
    'urn:watt-ahead:estimate:1'
    """
    schema: dict[str, Any] = json.loads(schema_text(name))
    return schema
