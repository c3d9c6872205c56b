"""What stands in for a layer without a counting rule, where the user wants it so."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Literal, get_args

from predictor.counting.operation import Operation
from predictor.counting.parts import product
from predictor.counting.rule import Call, Counted, Weight
from predictor.errors import UsageError

OnUnknown = Literal["error", "approximate"]
ON_UNKNOWN: tuple[OnUnknown, ...] = get_args(OnUnknown)


def check_on_unknown(on_unknown: str) -> None:
    """Refuse what is no way to treat a layer without a rule.

    Parameters
    ----------
    on_unknown : str
        One of `ON_UNKNOWN`.

    Raises
    ------
    UsageError
        If it is another.
    """
    if on_unknown not in ON_UNKNOWN:
        raise UsageError(
            f"on_unknown must be {' or '.join(ON_UNKNOWN)}, got {on_unknown!r:.40}"
        )


def approximated(call: Call) -> Counted:
    """Price a layer by its tensors: each read or written once.

    Parameters
    ----------
    call : Call
        The use of a layer whose kind has no rule.

    Returns
    -------
    counted : Counted
        A single sweep without multiply-accumulates. Operators of traced graphs know
        what they make and which weights they hold; what a layer of Keras makes is
        taken to have the shape of its first input, and its weights are not known.

    Raises
    ------
    ArchitectureError
        If it takes nothing whose shape is known.
    """
    values: Mapping[str, Any] = call.settings.values
    if "output_shapes" in values and "operands" in values:
        taken = [one for one in values["operands"] if one is not None]
        made = [tuple(shape) for shape in values["output_shapes"]]
        read = sum(prod(one["shape"]) for one in taken if not one["constant"])
        sizes = list(values["weights"])
        outputs = tuple(shape[1:] if shape[:1] == (1,) else shape for shape in made)
        written = sum(map(prod, made))
    else:
        inputs = (*call.inputs, *call.keywords.values())
        if not inputs:
            raise call.settings.error("takes no tensor that could price it")
        outputs, sizes = inputs[:1], []
        read, written = sum(map(product, inputs)), product(inputs[0])
    sweep = Operation(
        kind="elementwise", read=read, written=written, weights=sum(sizes)
    )
    return Counted(
        outputs=outputs,
        weights=tuple(Weight(size=size) for size in sizes),
        operations=(sweep,),
        is_approximate=True,
    )
