"""Keras models in memory, whatever their backend and however they were written."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from predictor.architecture import Shape
from predictor.errors import ArchitectureError, InputFileError
from predictor.readers.limits import parse_json


def describe_model(model: Any, input_shapes: Sequence[Shape] = ()) -> Mapping[str, Any]:
    """Return the description of a Keras model.

    Parameters
    ----------
    model : keras.Model
        Sequential, functional, or a subclass of Model that has been built.
    input_shapes : sequence of Shape, optional
        Without the batch axis, of a subclass that has not been built.

    Returns
    -------
    description : mapping
        The parsed JSON; of a subclass, that of the functional model which its ``call``
        makes of symbolic inputs.

    Raises
    ------
    InputFileError
        If it is no Keras model.
    ArchitectureError
        If it does not say which layers it has.
    """
    where = type(model).__name__
    if not callable(getattr(model, "to_json", None)):
        raise InputFileError(
            f"cannot read a network of type {where!r}; give a path, the parsed JSON, a "
            "Keras model or a PyTorch module"
        )
    description = _json_of(model, where)
    config = description.get("config")
    if isinstance(config, Mapping) and "layers" in config:
        return description
    return _json_of(_functional(model, where, input_shapes), where)


def _json_of(model: Any, where: str) -> Mapping[str, Any]:
    try:
        text = model.to_json()
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ArchitectureError(
            f"the Keras model {where!r} does not describe itself ({error!s:.200}); "
            "build it with the functional API"
        ) from error
    description = parse_json(text.encode("utf-8", "surrogatepass"), where)
    if not isinstance(description, dict):
        raise InputFileError(f"the model {where!r} gave no JSON object")
    return description


def _functional(model: Any, where: str, input_shapes: Sequence[Shape]) -> Any:
    """Trace a subclass of Model, whose code alone says what it does."""
    keras = sys.modules.get("keras")  # who has a Keras model has imported it
    shapes = [list(shape) for shape in input_shapes] or _built_shapes(model)
    if keras is None or not shapes:
        raise ArchitectureError(
            f"the Keras model {where!r} says what it does only when it is called; "
            "build it (model.build), give the shape of each input (input_shapes), or "
            "write it with the functional API"
        )
    try:
        inputs = [keras.Input(shape) for shape in shapes]
        given = inputs[0] if len(inputs) == 1 else inputs
        return keras.Model(given, model.call(given))
    except Exception as error:  # whatever the user's code raises
        raise ArchitectureError(
            f"the Keras model {where!r} cannot be traced with inputs of shape "
            f"{', '.join(map(str, shapes))} ({error!s:.200})"
        ) from error


def _built_shapes(model: Any) -> list[list[int | None]]:
    config = model.get_build_config() or {}
    shape = config.get("input_shape") if isinstance(config, Mapping) else None
    if not isinstance(shape, list | tuple) or not shape:
        return []
    several = isinstance(shape[0], list | tuple)
    return [list(one)[1:] for one in (shape if several else [shape])]
