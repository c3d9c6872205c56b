"""The manifest of a fitted model: what it holds, and of which kind each part is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType
from typing import Any

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.errors import FeatureMismatchError, ModelFileError
from predictor.features import FEATURE_NAMES, FEATURES_VERSION
from predictor.hardware import Platform
from predictor.metrics import Errors

FORMAT_VERSION = 4

LARGEST_WHOLE_NUMBER = 2**63

ANY = "*"
"""Stands for all keys of an object whose keys are names of the user's."""

_NUMBER = (int, float)
_MAYBE = (int, float, NoneType)
_TARGET = {
    "chosen": (str,),
    "regressors": [(str,)],
    "weights": {ANY: _NUMBER},
    "errors": {ANY: {field.name: _MAYBE for field in fields(Errors)}},
    "example": _NUMBER,
}
_MANIFEST: Mapping[str, object] = {
    "name": (str,),
    "platform": {field.name: (str,) for field in fields(Platform)},
    "features_version": (int,),
    "feature_names": [(str,)],
    "operation_kinds": [(str,)],
    "phases": [(str,)],
    "targets": {"steps": {ANY: _TARGET}, "cold": {ANY: _TARGET}},
    "rows": (int,),
    "noise_floor": _MAYBE,
    "data_digest": (str,),
    "base": (str, NoneType),
    "levels": {ANY: {ANY: _NUMBER}},
    "arrays_sha256": (str,),
    "digest": (str,),
}
_OPEN = {"choice", "format_version", "units", "versions"}
"""Parts for people to read, which no program looks at."""


def manifest_digest(manifest: Mapping[str, object]) -> str:
    """Return the digest that names a manifest's content.

    Parameters
    ----------
    manifest : mapping
        With a digest of its own or without.

    Returns
    -------
    digest : str
        SHA-256 in hexadecimal.

    Examples
    --------
    >>> manifest_digest({"rows": 3}) == manifest_digest({"rows": 3, "digest": "?"})
    True
    """
    signed = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_manifest(manifest: object, where: str) -> dict[str, Any]:
    """Return a manifest if it is one of this version, unaltered and complete.

    Parameters
    ----------
    manifest : object
        Parsed JSON.
    where : str
        Name of the file, for messages.

    Returns
    -------
    manifest : dict
        The same, every part of the kind it must be.

    Raises
    ------
    ModelFileError
        If it is no manifest, of another version, altered, or a part is missing or of
        another kind.
    FeatureMismatchError
        If the model was fitted on other features.
    """
    if not isinstance(manifest, dict):
        raise ModelFileError(f"{where}: must be a JSON object")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"{where}: has format version {version!r:.20}; this program reads "
            f"{FORMAT_VERSION}. Fit the model again, or use another program version"
        )
    if manifest.get("digest") != manifest_digest(manifest):
        raise ModelFileError(f"{where}: was altered after it was written; fit it again")
    parts = {key: value for key, value in manifest.items() if key not in _OPEN}
    strange = _strange(parts, _MANIFEST)
    if strange is not None:
        raise ModelFileError(
            f"{where}: {strange:.80} is missing, or not what it must be; fit the model "
            "again"
        )
    names = tuple(manifest["feature_names"])
    known = (manifest["operation_kinds"], manifest["phases"])
    if (
        manifest["features_version"] != FEATURES_VERSION
        or names != FEATURE_NAMES
        or known != (list(OPERATION_KINDS), list(PHASES))
    ):
        raise FeatureMismatchError(FEATURE_NAMES, names)
    return manifest


def _strange(value: object, form: object, name: str = "") -> str | None:
    """Return the name of the first part that is not of the form it must have."""
    if isinstance(form, tuple):
        fits = isinstance(value, form) and not isinstance(value, bool)
        small = not isinstance(value, int) or abs(value) <= LARGEST_WHOLE_NUMBER
        return None if fits and small else name
    if isinstance(form, list):
        inside = enumerate(value) if isinstance(value, list) else [("", value)]
        found = (_strange(one, form[0], f"{name}.{place}") for place, one in inside)
        return next(filter(None, found), None if isinstance(value, list) else name)
    assert isinstance(form, Mapping)
    if not isinstance(value, dict):
        return name
    if ANY not in form and set(value) != set(form):
        return f"{name}.{min(set(value) ^ set(form))}"
    found = (
        _strange(one, form.get(key, form.get(ANY)), f"{name}.{key}")
        for key, one in value.items()
    )
    return next(filter(None, found), None)
