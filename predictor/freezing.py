"""Transfer learning: a network of which some layers are not trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from predictor.counting import NetworkCount, OnUnknown, count_network
from predictor.errors import InputFileError, UsageError
from predictor.readers import LiveModel, NetworkFile, Request, read_network

Frozen: TypeAlias = str | int | float
"""Which layers are not trained, as `frozen_description` takes it."""

BASE = "base"
"""Freezes all layers before the last one that has weights."""

_MOST_DIGITS = 18
KERAS_FORMATS = ("keras-json", "keras-archive")
"""Formats whose layers can be frozen."""


def counted_network(
    source: str | os.PathLike[str] | Mapping[str, Any] | LiveModel,
    request: Request,
    *,
    on_unknown: OnUnknown = "error",
    frozen: Frozen | None = None,
) -> tuple[NetworkFile, NetworkCount]:
    """Read a network, freeze some of its layers, and count it.

    Parameters
    ----------
    source : path, mapping, Keras model or PyTorch module
        The network.
    request : Request
        What is asked of it.
    on_unknown : {"error", "approximate"}, default="error"
        What to do about a layer without a counting rule.
    frozen : str, int or float, optional
        Which layers are not trained, as of `frozen_description`; by default what the
        description says.

    Returns
    -------
    file : NetworkFile
        What was read.
    counts : NetworkCount
        Its counts.

    Raises
    ------
    InputFileError, ArchitectureError
        If it cannot be read, frozen or counted.
    """
    shapes = request.input_shapes
    file = read_network(source, request)
    counts = count_network(file.architecture, shapes, on_unknown=on_unknown)
    if frozen is None:
        return file, counts
    file = read_network(frozen_description(file, counts, frozen), request)
    return file, count_network(file.architecture, shapes, on_unknown=on_unknown)


def parsed_frozen(text: str) -> Frozen:
    """Read which layers are frozen as users write it.

    Parameters
    ----------
    text : str
        A number of layers, a share of them with a decimal point, a layer's name, or
        ``base``.

    Returns
    -------
    frozen : str, int or float
        As `frozen_description` takes it.

    Raises
    ------
    UsageError
        If a share is above 1.

    Examples
    --------
    >>> parsed_frozen("12"), parsed_frozen("0.5"), parsed_frozen("base")
    (12, 0.5, 'base')
    """
    if text.isdecimal():
        return int(text[:_MOST_DIGITS])
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0 <= share <= 1:
        raise UsageError(
            f"a share of frozen layers must be 0.0 to 1.0, got {text!r:.60}; a number "
            "of layers has no decimal point"
        )
    return share


def frozen_description(
    file: NetworkFile, counts: NetworkCount, frozen: Frozen
) -> dict[str, Any]:
    """Return a network's description with its first layers frozen.

    Parameters
    ----------
    file : NetworkFile
        A network in Keras' format.
    counts : NetworkCount
        Its counts.
    frozen : str, int or float
        How many layers are not trained: a number of them, a share of them, the name of
        the last one, or ``"base"`` for all before the last layer with weights. Layers
        are those of the description in its order, without inputs; a nested network is
        one layer.

    Returns
    -------
    description : dict
        The same with ``trainable`` false in those layers.

    Raises
    ------
    InputFileError
        If the network is of another format, or has no such layer.

    Notes
    -----
    Frozen layers still compute forwards, and what follows the last trained layer
    needs no gradient: `predictor.counting` derives the rest from ``trainable``.
    """
    if file.format not in KERAS_FORMATS:
        raise InputFileError(
            f"layers can be frozen in Keras' format only, and this is {file.format}; "
            "give a Keras network, or one in which they are frozen already"
        )
    outer: Mapping[str, Any] = file.description
    config = outer.get("config", outer)
    content = config if isinstance(config, Mapping) else {"layers": config}
    entries: list[Mapping[str, Any]] = list(content["layers"])
    places = [
        place
        for place, entry in enumerate(entries)
        if entry.get("class_name") != "InputLayer"
    ]
    names = [_name(entries[place]) for place in places]
    if not all(names):  # a Sequential written by hand: its nodes are its layers
        nodes = [node.layer for node in file.architecture.nodes]
        names = [layer.name for layer in nodes if layer.kind != "InputLayer"]
    last = _last_frozen(frozen, names, counts)
    for place in places[:last]:
        entries[place] = _frozen(entries[place])
    changed = {**content, "layers": entries}
    return {**outer, "config": changed} if "config" in outer else changed


def _name(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    name = entry.get("name")
    if name is None and isinstance(config, Mapping):
        name = config.get("name")
    return "" if name is None else str(name)


def _last_frozen(frozen: Frozen, names: list[str], counts: NetworkCount) -> int:
    """Return how many of the layers are frozen."""
    if isinstance(frozen, float):
        return int(frozen * len(names) + 0.5)
    if isinstance(frozen, int):
        if frozen > len(names):
            raise InputFileError(
                f"frozen = {frozen}: the network has {len(names)} layers besides inputs"
            )
        return frozen
    if frozen == BASE:
        with_weights = {layer.name for layer in counts.layers if layer.params}
        heads = [
            place
            for place, name in enumerate(names)
            if name in with_weights
            or any(one.startswith(f"{name}/") for one in with_weights)
        ]
        if not heads:
            raise InputFileError(
                "frozen = 'base': the network has no layer with weights"
            )
        return heads[-1]
    if frozen not in names:
        similar = get_close_matches(frozen, names, n=3)
        raise InputFileError(
            f"frozen: the network has no layer {frozen!r:.60}"
            + (f"; similar are {', '.join(map(repr, similar))}" if similar else "")
            + ". Give a layer's name, a number or a share of layers, or 'base'"
        )
    return names.index(frozen) + 1


def _frozen(entry: Mapping[str, Any]) -> dict[str, Any]:
    config = entry.get("config")
    if isinstance(config, list | tuple):  # a nested network of Keras 1
        config = {"layers": config}
    return {**entry, "config": {**(config or {}), "trainable": False}}
