"""Traced graphs as JSON: operators with the shapes of what they take and make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from predictor.architecture import Architecture, Layer, Node, TensorRef
from predictor.errors import ArchitectureError
from predictor.readers.limits import LONGEST_NAME, MOST_LAYERS, check_depth
from predictor.workload import LARGEST_COUNT

SCHEMA = "operators/1"

_INPUT = "InputLayer"


def describe_operators(architecture: Architecture) -> dict[str, object]:
    """Write a traced graph down.

    Parameters
    ----------
    architecture : Architecture
        As a PyTorch module or an ONNX file is read: operators and inputs.

    Returns
    -------
    description : dict
        JSON values that `read_operators` takes.

    Raises
    ------
    ArchitectureError
        If it is no such graph, but one of Keras' layers.

    Examples
    --------
    >>> image = Layer(name="in", kind="InputLayer", settings={"batch_shape": [None, 4]})
    >>> graph = Architecture(
    ...     name="net",
    ...     nodes=(Node(layer=image),),
    ...     inputs=(0,),
    ...     outputs=(TensorRef(node=0),),
    ... )
    >>> describe_operators(graph)["nodes"]
    [{'name': 'in', 'kind': 'InputLayer', 'settings': {'batch_shape': [None, 4]},
      'trainable': True, 'inputs': []}]
    """
    return {
        "schema": SCHEMA,
        "name": architecture.name,
        "nodes": [_described(node) for node in architecture.nodes],
        "inputs": list(architecture.inputs),
        "outputs": [[one.node, one.output] for one in architecture.outputs],
    }


def _described(node: Node) -> dict[str, object]:
    layer = node.layer
    is_operator = layer.kind == _INPUT or "operands" in layer.settings
    if not is_operator or layer.inner is not None or node.keywords or node.arguments:
        raise ArchitectureError(
            f"layer {layer.name!r} of kind {layer.kind!r:.60} is no operator of a "
            "traced graph"
        )
    return {
        "name": layer.name,
        "kind": layer.kind,
        "settings": dict(layer.settings),
        "trainable": layer.trainable,
        "inputs": [[one.node, one.output] for one in node.inputs],
    }


def are_operators(description: Mapping[str, object]) -> bool:
    """Say whether a description is that of a traced graph.

    Parameters
    ----------
    description : mapping
        Parsed JSON.

    Returns
    -------
    is_one : bool
        What it says itself to be.
    """
    return description.get("schema") == SCHEMA


def read_operators(description: Mapping[str, object]) -> Architecture:
    """Read what `describe_operators` wrote.

    Parameters
    ----------
    description : mapping
        Parsed JSON, of whatever origin.

    Returns
    -------
    architecture : Architecture
        The graph.

    Raises
    ------
    ArchitectureError
        If it is malformed, or connects what does not exist.
    """
    check_depth(description, "the network description")
    name, nodes = description.get("name"), description.get("nodes")
    if not isinstance(nodes, list) or not 0 < len(nodes) <= MOST_LAYERS:
        raise ArchitectureError(
            f"'nodes' must be a list of 1 to {MOST_LAYERS} operators"
        )
    makes: list[int] = []
    made = []
    for place, entry in enumerate(nodes):
        node = _node(entry, makes, f"operator {place}")
        made.append(node)
        outputs: Any = node.layer.settings.get("output_shapes", [None])
        makes.append(len(outputs))
    inputs = description.get("inputs")
    if not isinstance(inputs, list) or not all(
        _is_size(one) and one < len(made) and made[one].layer.kind == _INPUT
        for one in inputs
    ):
        raise ArchitectureError("'inputs' must be the places of the input operators")
    outputs = _references(description.get("outputs"), makes, "'outputs'")
    if not outputs:
        raise ArchitectureError("'outputs' must name what the network returns")
    return Architecture(
        name=_text(name, "'name'"),
        nodes=tuple(made),
        inputs=tuple(inputs),
        outputs=outputs,
    )


def _node(entry: object, makes: Sequence[int], where: str) -> Node:
    if not isinstance(entry, Mapping):
        raise ArchitectureError(f"{where} must be an object, got {entry!r:.60}")
    kind, settings = _text(entry.get("kind"), f"{where}: 'kind'"), entry.get("settings")
    trainable = entry.get("trainable", True)
    if not isinstance(settings, Mapping) or not isinstance(trainable, bool):
        raise ArchitectureError(
            f"{where}: 'settings' must be an object and 'trainable' true or false"
        )
    if kind != _INPUT:
        _check_shapes(settings, where)
    return Node(
        layer=Layer(
            name=_text(entry.get("name"), f"{where}: 'name'"),
            kind=kind,
            settings=settings,
            trainable=trainable,
        ),
        inputs=_references(entry.get("inputs"), makes, f"{where}: 'inputs'"),
    )


def _check_shapes(settings: Mapping[str, object], where: str) -> None:
    """Refuse settings that a rule for operators could not count with."""
    operands, made = settings.get("operands"), settings.get("output_shapes")
    if not isinstance(operands, list) or not all(map(_is_operand, operands)):
        raise ArchitectureError(
            f"{where}: 'operands' must be a list of null or shape, constant and weight"
        )
    if not isinstance(made, list) or not made or not all(map(_is_shape, made)):
        raise ArchitectureError(f"{where}: 'output_shapes' must be a list of shapes")
    if not _is_shape(settings.get("weights")):
        raise ArchitectureError(f"{where}: 'weights' must be a list of sizes")
    if settings.get("domain", "") != "":
        raise ArchitectureError(f"{where}: 'domain' must be empty")


def _is_operand(one: object) -> bool:
    return one is None or (
        isinstance(one, Mapping)
        and _is_shape(one.get("shape"))
        and isinstance(one.get("constant"), bool)
        and isinstance(one.get("weight"), bool)
    )


def _is_shape(one: object) -> bool:
    return isinstance(one, list) and len(one) <= MOST_LAYERS and all(map(_is_size, one))


def _is_size(one: object) -> bool:
    return (
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= LARGEST_COUNT
    )


def _references(
    entries: object, makes: Sequence[int], where: str
) -> tuple[TensorRef, ...]:
    if not isinstance(entries, list):
        raise ArchitectureError(f"{where} must be a list of [operator, output]")
    found = []
    for one in entries:
        pair = one if isinstance(one, list) and len(one) == 2 else [-1, 0]
        if not all(map(_is_size, pair)) or not (
            pair[0] < len(makes) and pair[1] < makes[pair[0]]
        ):
            raise ArchitectureError(
                f"{where}: must be [operator, output] of an earlier operator, "
                f"got {one!r:.60}"
            )
        found.append(TensorRef(node=pair[0], output=pair[1]))
    return tuple(found)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise ArchitectureError(
            f"{where} must be text of 1 to {LONGEST_NAME} characters, got {value!r:.60}"
        )
    return value
