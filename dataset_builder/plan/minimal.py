"""Descriptions without what neither shapes nor costs depend on."""

from __future__ import annotations

from typing import Any

OMITTED_KEYS = (
    "registered_name",
    "build_config",
    "shared_object_id",
    "compile_config",
    "quantization_config",
)
OMITTED_SUFFIXES = ("_initializer", "_regularizer", "_constraint")


def minimal(description: object) -> Any:
    """Return a description without what neither shapes nor costs depend on.

    Parameters
    ----------
    description : object
        Parsed Keras JSON.

    Returns
    -------
    description : object
        A copy without initializers, regularizers, constraints, dtype policies and
        build records; Keras reads it as before.

    Examples
    --------
    >>> minimal({"units": 2, "kernel_initializer": {"class_name": "Zeros"}})
    {'units': 2}
    """
    if isinstance(description, list):
        return [minimal(item) for item in description]
    if not isinstance(description, dict):
        return description
    is_policy = isinstance(description.get("dtype"), dict)
    return {
        key: minimal(value)
        for key, value in description.items()
        if key not in OMITTED_KEYS
        and not key.endswith(OMITTED_SUFFIXES)
        and not (key == "dtype" and is_policy)
        and not (key == "trainable" and value is True)
    }
