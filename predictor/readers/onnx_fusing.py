"""What every runtime joins in an ONNX graph, joined before it is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

_PRODUCTS = frozenset({"Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"})
_SAME_ELEMENTS = frozenset({"Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})


def fuse(graph: Any) -> None:
    """Join operators that no runtime runs one by one.

    A product and the bias added to it become a `Gemm`, something times its sigmoid a
    `Swish`, which older operator sets do not have; a transposition beside a
    product and a factor before it become a `Reshape`, which does nothing.

    Parameters
    ----------
    graph : onnx.GraphProto
        Changed in place; shapes stay those of the tensors' names.
    """
    _join_biases(graph)
    _join_gates(graph)
    _drop_moves(graph)


def _users(graph: Any) -> dict[str, list[Any]]:
    users = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)
    return users


def _join_biases(graph: Any) -> None:
    vectors = {one.name for one in graph.initializer if len(one.dims) == 1}

    def joined(product: Any, bias: str) -> list[str] | None:
        return [*product.input, bias] if bias in vectors else None

    _join(graph, "Add", behind="MatMul", into="Gemm", joined=joined)


def _join_gates(graph: Any) -> None:
    def joined(sigmoid: Any, gated: str) -> list[str] | None:
        return [gated] if _first(sigmoid.input) == gated else None

    _join(graph, "Mul", behind="Sigmoid", into="Swish", joined=joined)


def _join(
    graph: Any,
    kind: str,
    *,
    behind: str,
    into: str,
    joined: Callable[[Any, str], list[str] | None],
) -> None:
    """Join operators of two inputs with what makes one of these for them alone.

    `joined` is given that operator and the other input, and says what both together
    take, or None where they do not belong together.
    """
    made = {name: node for node in graph.node for name in node.output}
    users, wanted = _users(graph), {one.name for one in graph.output}
    gone: set[str] = set()
    for node in graph.node:
        if node.op_type != kind or len(node.input) != 2:
            continue
        for name, other in (tuple(node.input), tuple(node.input)[::-1]):
            before = made.get(name)
            if (
                before is not None
                and before.op_type == behind
                and len(users[name]) == 1
                and name not in wanted
                and (takes := joined(before, other)) is not None
            ):
                node.op_type = into
                del node.input[:]
                node.input.extend(takes)
                gone.update(before.output)
                break
    kept = [node for node in graph.node if not gone.intersection(node.output)]
    del graph.node[:]
    graph.node.extend(kept)


def _drop_moves(graph: Any) -> None:
    users, scaled = _users(graph), _scalings(graph)

    def keeps_elements(node: Any) -> bool:
        return node.op_type in _SAME_ELEMENTS or _first(node.output) in scaled

    behind: set[str] = set()  # tensors with the elements of a product's result
    for node in graph.node:
        moved = node.op_type in _SAME_ELEMENTS and _first(node.input) in behind
        if node.op_type in _PRODUCTS or moved:
            behind.update(node.output)
    before: set[str] = set()  # tensors that only products take
    for node in reversed(graph.node):
        takers = [one for name in node.output for one in users.get(name, ())]
        if takers and all(
            one.op_type in _PRODUCTS
            or (keeps_elements(one) and _first(one.output) in before)
            for one in takers
        ):
            before.update(node.output)
    for node in graph.node:
        name = _first(node.output)
        moves = node.op_type == "Transpose" and (
            _first(node.input) in behind or name in before
        )
        if moves or (name in scaled and name in before):
            node.op_type = "Reshape"
            del node.attribute[:]


def _first(names: Sequence[str]) -> str:
    return names[0] if names else ""


def _scalings(graph: Any) -> set[str]:
    """Return what is something times or over a single constant number."""
    sizes = {one.name: prod(one.dims) for one in graph.initializer}
    constants = set(sizes)
    for one in graph.value_info:
        axes = one.type.tensor_type.shape.dim
        sizes[one.name] = prod(axis.dim_value for axis in axes)
    found = set()
    for node in graph.node:
        # The second input of a CastLike only says a type.
        taken = node.input[:1] if node.op_type == "CastLike" else node.input
        if all(name in constants for name in taken if name):
            constants.update(node.output)
        elif node.op_type in ("Mul", "Div") and any(
            name in constants and sizes.get(name) == 1 for name in node.input
        ):
            found.update(node.output)
    return found
