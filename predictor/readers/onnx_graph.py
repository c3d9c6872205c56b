"""ONNX graphs: every operator with the shapes of what it takes and makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from predictor.architecture import Architecture, Layer, Node, Shape, TensorRef
from predictor.errors import ArchitectureError, InputFileError, MissingExtraError
from predictor.readers.limits import LONGEST_NAME, MOST_LAYERS
from predictor.readers.onnx_folding import infer_shapes
from predictor.readers.onnx_fusing import fuse

OLDEST_OPSET = 13

KIND_PREFIX = "onnx."
"""Layers are of kinds such as ``"onnx.Conv"``."""

_FLOATS = frozenset({1, 10, 11, 16})  # float, float16, double, bfloat16
_NUMBERS_ONLY = frozenset({"Shape", "Size"})
"""What these make is known from shapes alone."""

_STATES = {"GRU": (5,), "LSTM": (5, 6), "RNN": (5,)}
"""Places of initial states, which are constants and no weights."""

_CONVERSIONS = frozenset({"Cast", "CastLike", "Identity"})
"""Exporters write many that change nothing, and runtimes drop them."""


def read_onnx(
    content: bytes, where: str, input_shapes: Sequence[Shape] = ()
) -> Architecture:
    """Read an ONNX model.

    Parameters
    ----------
    content : bytes
        The file, as `onnx_skim.skim` returns it.
    where : str
        Its name, for messages.
    input_shapes : sequence of Shape, optional
        Shape of each input without the batch axis, where the file leaves sizes open.

    Returns
    -------
    architecture : Architecture
        One node per operator that computes at run time; what depends on constants
        alone is left out.

    Raises
    ------
    MissingExtraError
        If the package onnx is not installed.
    InputFileError
        If the file is damaged.
    ArchitectureError
        If the graph is too large, too old, or leaves sizes open.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # a part of onnx
    except ImportError as error:
        raise MissingExtraError(
            "reading ONNX files needs the package onnx: pip install onnx"
        ) from error
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise InputFileError(
            f"cannot read {where!r} as ONNX: it is damaged, or another kind of file"
        ) from error
    if not _is_text(model.graph):
        raise InputFileError(
            f"cannot read {where!r} as ONNX: a name in it is not UTF-8; it is damaged"
        )
    if not model.graph.node:
        raise InputFileError(f"cannot read {where!r} as ONNX: its graph is empty")
    if len(model.graph.node) > MOST_LAYERS:
        raise ArchitectureError(f"the network has more than {MOST_LAYERS} layers")
    opsets = [
        one.version for one in model.opset_import if one.domain in ("", "ai.onnx")
    ]
    if not opsets or min(opsets) < OLDEST_OPSET:
        raise ArchitectureError(
            f"operator sets before {OLDEST_OPSET} are not known, got "
            f"{min(opsets, default=0)}; export the network again, or convert it by "
            "onnx.version_converter"
        )
    _fix_inputs(model.graph, input_shapes)
    del model.graph.value_info[:]  # sizes in it may contradict those now given
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = infer_shapes(model)
    except Exception as error:  # whatever the library's C++ part raises
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArchitectureError(f"shapes do not fit together ({said:.200})") from error
    fuse(inferred.graph)
    return _Graph(inferred.graph).architecture()


def _is_text(graph: Any) -> bool:
    """Say whether all names are text; the parser lets other bytes through."""
    named = (*graph.node, *graph.initializer, *graph.input, *graph.output)
    names = [graph.name, *(one.name for one in named)]
    for node in graph.node:
        names += [node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    for one in graph.input:
        names += [axis.dim_param for axis in one.type.tensor_type.shape.dim]
    return all(isinstance(name, str) for name in names)


def _fix_inputs(graph: Any, given: Sequence[Shape]) -> None:
    """Set the batch axis to 1 and sizes left open to those given."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if given and len(given) != len(inputs):
        raise ArchitectureError(
            f"the network takes {len(inputs)} inputs, got shapes for {len(given)}"
        )
    for place, one in enumerate(inputs):
        name = one.name[:60]
        if not one.type.HasField("tensor_type"):
            raise ArchitectureError(f"input {name!r} is no tensor")
        axes = one.type.tensor_type.shape.dim
        if not axes:
            raise ArchitectureError(f"input {name!r} has no batch axis")
        if axes[0].dim_value > 1:
            raise ArchitectureError(
                f"input {name!r} is fixed to batches of {axes[0].dim_value}; export "
                "the network with batches of 1, or with a dynamic batch axis"
            )
        axes[0].dim_value = 1
        sizes = given[place] if given else [axis.dim_value for axis in axes[1:]]
        if len(sizes) != len(axes) - 1:
            raise ArchitectureError(
                f"input {name!r} has {len(axes) - 1} axes besides the batch, "
                f"got the shape {tuple(sizes)}"
            )
        for axis, size in zip(axes[1:], sizes, strict=True):
            if size is None or size < 1 or axis.dim_value not in (0, size):
                said = axis.dim_param or axis.dim_value or "open"
                raise ArchitectureError(
                    f"input {name!r}: a size is {said!s:.40}, got {size or 'none'}; "
                    "give the input's shape (--input-shape 3,224,224)"
                )
            axis.dim_value = size


class _Graph:
    """A graph with shapes: what is constant, and which weights stand behind it."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._types: dict[str, int] = {}
        for one in (*graph.input, *graph.value_info, *graph.output):
            tensor = one.type.tensor_type
            if tensor.HasField("shape"):
                sizes = tuple(axis.dim_value for axis in tensor.shape.dim)
                self._note(one.name, sizes, tensor.elem_type)
        self._behind: dict[str, tuple[str, ...]] = {}
        self._weights: dict[str, int] = {}
        for tensor in graph.initializer:
            self._constant(tensor.name, tensor)
            if self._is_float(tensor.name) and tensor.dims:
                self._weights[tensor.name] = prod(tensor.dims)
                self._behind[tensor.name] = (tensor.name,)
        self._counted: set[str] = set()
        self._nodes: list[Node] = []
        self._made: dict[str, TensorRef] = {}

    def _note(self, name: str, sizes: tuple[int, ...], kind: int) -> None:
        self._shapes[name] = sizes
        self._types[name] = kind

    def _is_float(self, name: str) -> bool:
        return self._types.get(name) in _FLOATS

    def _constant(self, name: str, tensor: Any) -> None:
        if min(tensor.dims, default=0) < 0:
            raise ArchitectureError(f"constant {name[:60]!r} has a negative size")
        self._note(name, tuple(tensor.dims), tensor.data_type)
        self._behind[name] = ()

    def architecture(self) -> Architecture:
        inputs = []
        for one in self._graph.input:
            if one.name in self._behind:
                continue
            inputs.append(len(self._nodes))
            shape = [None, *self._shape(one.name)[1:]]
            self._use("InputLayer", one.name, (), {"batch_shape": shape})
            self._made[one.name] = TensorRef(node=len(self._nodes) - 1)
        for place, node in enumerate(self._graph.node):
            self._add(node, node.name or f"{node.op_type}_{place}")
        outputs = [
            self._made[one.name] for one in self._graph.output if one.name in self._made
        ]
        if not inputs or not outputs:
            raise ArchitectureError("no output of the graph depends on an input")
        return Architecture(
            name=self._graph.name[:LONGEST_NAME] or "onnx",
            nodes=tuple(self._nodes),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
        )

    def _use(
        self,
        kind: str,
        name: str,
        inputs: tuple[TensorRef, ...],
        settings: Mapping[str, object],
    ) -> None:
        layer = Layer(name=name[:LONGEST_NAME], kind=kind, settings=settings)
        self._nodes.append(Node(layer=layer, inputs=inputs))

    def _shape(self, name: str) -> tuple[int, ...]:
        shape = self._shapes.get(name)
        smallest = 0 if name in self._behind else 1
        if shape is None or min(shape, default=1) < smallest:
            raise ArchitectureError(
                f"the shape of {name[:60]!r} cannot be known beforehand; give the "
                "inputs' shapes (--input-shape), or simplify the graph"
            )
        return shape

    def _add(self, node: Any, name: str) -> None:
        taken = [one for one in node.input if one]
        unknown = [n for n in taken if n not in self._behind and n not in self._made]
        if unknown:
            raise ArchitectureError(
                f"operator {name[:60]!r} takes {unknown[0][:60]!r}, which nothing makes"
            )
        makes = [one for one in node.output if one]
        # The second input of a CastLike only says a type.
        values = taken[:1] if node.op_type == "CastLike" else taken
        if node.op_type in _NUMBERS_ONLY or all(one in self._behind for one in values):
            self._fold(node, taken, makes)
            return
        if (
            node.op_type in _CONVERSIONS
            and makes
            and self._keeps_type(taken[0], makes[0])
        ):
            self._made[makes[0]] = self._made[taken[0]]
            return
        places = _STATES.get(node.op_type, ())
        states = {node.input[at] for at in places if at < len(node.input)}
        behind = self._all_behind([one for one in taken if one not in states])
        settings = {
            **_attributes(node),  # first: a file may name them as it likes
            "operands": [
                {
                    "shape": list(self._shape(one)),
                    "constant": one in self._behind,
                    "weight": one in self._behind
                    and self._is_float(one)
                    and one not in states,
                }
                if one
                else None
                for one in node.input
            ],
            "weights": [
                self._weights[one] for one in behind if one not in self._counted
            ],
            "output_shapes": [list(self._shape(one)) for one in makes],
            "domain": node.domain,
        }
        self._counted.update(behind)
        inputs = tuple(self._made[one] for one in taken if one in self._made)
        self._use(KIND_PREFIX + node.op_type, name, inputs, settings)
        for place, one in enumerate(makes):
            self._made[one] = TensorRef(node=len(self._nodes) - 1, output=place)

    def _keeps_type(self, taken: str, made: str) -> bool:
        kind = self._types.get(taken)
        return (
            taken in self._made and kind is not None and kind == self._types.get(made)
        )

    def _all_behind(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the weights that constants come from, each once and in order."""
        found = (one for name in names for one in self._behind.get(name, ()))
        return tuple(dict.fromkeys(found))

    def _fold(self, node: Any, taken: Sequence[str], makes: Sequence[str]) -> None:
        behind = () if node.op_type in _NUMBERS_ONLY else self._all_behind(taken)
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.HasField("t") and makes:
                self._constant(makes[0], attribute.t)
        for one in makes:
            self._behind[one] = behind


def _attributes(node: Any) -> dict[str, object]:
    found: dict[str, object] = {}
    for attribute in node.attribute:
        if attribute.type == 2:  # INT
            found[attribute.name] = attribute.i
        elif attribute.type == 7:  # INTS
            found[attribute.name] = list(attribute.ints)
        elif attribute.type == 3:  # STRING
            found[attribute.name] = attribute.s[:200].decode("utf-8", "replace")
    return found
