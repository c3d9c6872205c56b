"""Small constants of an ONNX graph worked out beforehand: shapes hang on them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

LARGEST_CONSTANT = 4096
"""Elements of what is worked out; shapes and paddings have far fewer."""

MOST_ROUNDS = 30
"""A shape may hang on a constant that hangs on a shape, and so on."""

_EVALUATION_ERRORS = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError),
    ValueError,
)

_FOLDED = frozenset(
    {
        *("Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Div", "Equal"),
        *(
            "Gather",
            "Identity",
            "Max",
            "Min",
            "Mod",
            "Mul",
            "Neg",
            "Range",
            "ReduceProd",
        ),
        *("Reshape", "Shape", "Size", "Slice", "Squeeze", "Sub", "Transpose"),
        *("Unsqueeze", "Where"),
    }
)


def infer_shapes(model: Any) -> Any:
    """Return a model with the shapes of all tensors that can be known.

    Parameters
    ----------
    model : onnx.ModelProto
        With shapes of its inputs; changed in place.

    Returns
    -------
    model : onnx.ModelProto
        Operators on small constants replaced by what they make.

    Raises
    ------
    onnx.shape_inference.InferenceError
        If shapes contradict each other.
    """
    import onnx

    for _ in range(MOST_ROUNDS):
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        if not _fold(inferred.graph):
            return inferred
        del inferred.graph.value_info[:]
        model = inferred
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _fold(graph: Any) -> bool:
    """Replace operators on small constants; say whether there were any."""
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    known = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if _is_whole(tensor)
    }
    shapes = {
        one.name: tuple(axis.dim_value for axis in one.type.tensor_type.shape.dim)
        for one in (*graph.input, *graph.value_info)
        if one.type.tensor_type.HasField("shape")
    }
    kept, changed = [], False
    for node in graph.node:
        values = _worked_out(node, known, shapes, ReferenceEvaluator)
        if values is None:
            kept.append(node)
            continue
        changed = True
        for name, value in zip(node.output, values, strict=True):
            known[name] = np.asarray(value)
            graph.initializer.append(numpy_helper.from_array(known[name], name))
    if changed:
        del graph.node[:]
        graph.node.extend(kept)
    return changed


def _is_whole(tensor: Any) -> bool:
    """Say whether a tensor is small and has its content."""
    if tensor.data_location == 1 or prod(tensor.dims) > LARGEST_CONSTANT:
        return False
    held = (
        *(tensor.raw_data, tensor.int64_data, tensor.int32_data, tensor.float_data),
        *(tensor.double_data, tensor.uint64_data),
    )
    return any(map(len, held))


def _is_small(constant: Any) -> bool:
    if constant.HasField("t"):
        return _is_whole(constant.t)
    numbers = len(constant.ints) + len(constant.floats)
    return constant.type in {1, 2, 6, 7} and numbers <= LARGEST_CONSTANT


def _worked_out(
    node: Any, known: dict[str, Any], shapes: dict[str, Any], evaluator: Any
) -> list[Any] | None:
    if node.op_type not in _FOLDED or node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type in {"Shape", "Size"}:
        shape = shapes.get(node.input[0])
        if shape is None and node.input[0] in known:
            shape = known[node.input[0]].shape
        if not shape or 0 in shape:
            return None
        if node.op_type == "Size":
            return [np.array(prod(shape), dtype=np.int64)]
        ends = {one.name: one.i for one in node.attribute}
        return [np.array(shape[ends.get("start", 0) : ends.get("end")], dtype=np.int64)]
    if node.op_type == "Constant" and not any(map(_is_small, node.attribute)):
        return None
    if any(name and name not in known for name in node.input):
        return None
    feeds = {name: known[name] for name in node.input if name}
    if node.op_type == "ConstantOfShape" and (
        not feeds or prod(map(int, next(iter(feeds.values())))) > LARGEST_CONSTANT
    ):
        return None
    if node.op_type == "Range":
        start, limit, step = (float(known[name]) for name in node.input)
        if not step or (limit - start) / step > LARGEST_CONSTANT:
            return None
    try:
        with np.errstate(all="ignore"):
            values: list[Any] = evaluator(node).run(None, feeds)
    except _EVALUATION_ERRORS:  # a wrong operator is named when it is counted
        return None
    if any(np.size(value) > LARGEST_CONSTANT for value in values):
        return None
    return values
