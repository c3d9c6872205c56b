"""PyTorch modules: traced by ``torch.export``, without a copy of their weights."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from predictor.architecture import Architecture, Layer, Node, Shape, TensorRef
from predictor.errors import ArchitectureError, UsageError
from predictor.readers.limits import LONGEST_NAME, MOST_LAYERS
from predictor.readers.torch_operators import FREE, KINDS, TRANSLATIONS, Sizes, Work

_MOST_INPUTS = 8
_STATISTICS = ("running_mean", "running_var")


def read_module(module: Any, input_shapes: Sequence[Shape]) -> Architecture:
    """Read a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        On any device; on ``meta`` it need not have weights at all.
    input_shapes : sequence of Shape
        Shape of each input without the batch axis.

    Returns
    -------
    architecture : Architecture
        One node per operator that computes, under ONNX's name, or under its own where
        ONNX has none.

    Raises
    ------
    UsageError
        If no shape is given: a module does not say what it takes.
    ArchitectureError
        If the module cannot be traced with such inputs.

    Notes
    -----
    The module is traced as in evaluation, and left as it was; dropout and the
    statistics of batch normalisation are counted in training all the same.
    """
    if not input_shapes:
        raise UsageError(
            "a PyTorch module does not say what it takes; give the shape of each input "
            "without the batch axis (input_shapes=[(3, 224, 224)])"
        )
    if len(input_shapes) > _MOST_INPUTS:
        raise UsageError(f"at most {_MOST_INPUTS} inputs, got {len(input_shapes)}")
    return _Graph(module, _traced(module, input_shapes)).architecture()


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Put a module into evaluation, and each of its parts back as it was."""
    import torch

    was = {part: part.training for part in module.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    module.eval()
    # The fast path is one operator that hides what is computed.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, training in was.items():
            part.training = training


def _traced(module: Any, shapes: Sequence[Shape]) -> Any:
    """Trace a module with a batch of one."""
    import torch

    some = next(module.parameters(), next(module.buffers(), torch.zeros(1)))
    sizes = [(1, *(size or 0 for size in shape)) for shape in shapes]
    if min(map(min, sizes)) < 1:
        raise UsageError(f"every size of an input must be known, got {list(shapes)}")
    kinds = [some.dtype if some.is_floating_point() else torch.float32, torch.int64]
    failure: ArchitectureError | None = None
    with _evaluating(module), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # What is looked up in a table is whole numbers, and nothing says so before.
        for chosen in itertools.product(kinds, repeat=len(sizes)):
            inputs = [
                torch.zeros(size, dtype=kind, device=some.device)
                for size, kind in zip(sizes, chosen, strict=True)
            ]
            try:
                return _exported(module, inputs)
            except ArchitectureError as error:
                failure = failure or error
    assert failure is not None
    raise failure


def _exported(module: Any, inputs: Sequence[Any]) -> Any:
    import torch

    try:
        return torch.export.export(module, tuple(inputs))
    except Exception as error:  # whatever the module or the tracer raises
        said = (str(error).splitlines() or [type(error).__name__])[0]
        shapes = ", ".join(str(tuple(one.shape)) for one in inputs)
        raise ArchitectureError(
            f"the module {type(module).__name__!r} cannot be traced with inputs of "
            f"shape {shapes} ({said:.200})"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """A tensor of the graph: where it comes from, or the weights it is made of."""

    shape: Sizes
    dtype: Any = None
    made: TensorRef | None = None
    behind: tuple[str, ...] = ()
    is_weight: bool = False


class _Graph:
    """The graph of a traced module, and what has been counted of it."""

    def __init__(self, module: Any, program: Any) -> None:
        self._name = type(module).__name__
        self._program = program
        self._frozen = {
            name
            for name, parameter in module.named_parameters(remove_duplicate=False)
            if not parameter.requires_grad
        }
        self._weights: dict[str, int] = {}
        self._counted: set[str] = set()
        self._values: dict[Any, Any] = {}
        self._nodes: list[Node] = []
        self._inputs: list[int] = []

    def architecture(self) -> Architecture:
        graph = self._program.graph_module.graph
        needed: set[Any] = set()
        for node in reversed(graph.nodes):
            if node.op == "output" or node in needed:
                needed.update(node.all_input_nodes)
        made: list[TensorRef] = []
        for node in graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "get_attr":  # a constant, or a part of the graph
                self._values[node] = _Value(shape=())
            elif node.op == "call_function" and node in needed:
                self._call(node)
            elif node.op == "output":
                values = [self._values[one] for one in node.all_input_nodes]
                made = [one.made for one in values if one.made is not None]
        if not made:
            raise ArchitectureError("no output of the module depends on an input")
        return Architecture(
            name=self._name,
            nodes=tuple(self._nodes),
            inputs=tuple(self._inputs),
            outputs=tuple(made),
        )

    def _placeholder(self, node: Any) -> None:
        signature = self._program.graph_signature
        tensor = node.meta["val"]
        shape, dtype = _shape_of(tensor, node.name), tensor.dtype
        parameter = signature.inputs_to_parameters.get(node.name)
        buffer = signature.inputs_to_buffers.get(node.name)
        weight = parameter
        if buffer is not None and buffer.rpartition(".")[2] in _STATISTICS:
            weight = buffer
        if weight is not None:
            self._weights.setdefault(weight, prod(shape))
            self._values[node] = _Value(
                shape=shape, dtype=dtype, behind=(weight,), is_weight=True
            )
        elif node.name in signature.user_inputs:
            self._inputs.append(len(self._nodes))
            made = self._use(
                "InputLayer", node.name, (), {"batch_shape": [None, *shape[1:]]}
            )
            self._values[node] = _Value(shape=shape, dtype=dtype, made=made)
        else:
            self._values[node] = _Value(shape=shape, dtype=dtype)

    def _use(
        self, kind: str, name: str, inputs: tuple[TensorRef, ...], settings: Any,
        *, trainable: bool = True,
    ) -> TensorRef:  # fmt: skip
        if len(self._nodes) >= MOST_LAYERS:
            raise ArchitectureError(f"the network has more than {MOST_LAYERS} layers")
        layer = Layer(
            name=name[:LONGEST_NAME], kind=kind, settings=settings, trainable=trainable
        )
        self._nodes.append(Node(layer=layer, inputs=inputs))
        return TensorRef(node=len(self._nodes) - 1)

    def _call(self, node: Any) -> None:
        import torch

        taken = [self._values[one] for one in node.all_input_nodes]
        if node.target is operator.getitem:
            self._values[node] = taken[0][node.args[1]]
            return
        made = _results(node)
        flat = [
            one
            for value in taken
            for one in (value if isinstance(value, list) else [value])
        ]
        if all(one.made is None for one in flat):
            behind = dict.fromkeys(name for one in flat for name in one.behind)
            values = [
                _Value(
                    shape=shape, dtype=dtype, behind=tuple(behind),
                    is_weight=bool(behind) and dtype.is_floating_point,
                )
                for shape, dtype in made
            ]  # fmt: skip
            self._keep(node, values)
            return
        name = str(node.target)[:60]
        arguments: Sequence[Any] = ()
        if isinstance(node.target, torch._ops.OpOverload):
            name = node.target._opname.rstrip("_")
            arguments = node.target._schema.arguments
        if name in FREE or (name in _CONVERSIONS and made[0][1] == flat[0].dtype):
            self._keep(node, [_moved(flat[0], made[0])])
            return
        given = {
            argument.name: self._argument(node, place, argument)
            for place, argument in enumerate(arguments)
        }
        shapes = [shape for shape, _ in made]
        if name in TRANSLATIONS:
            works = TRANSLATIONS[name](given, shapes)
        elif name in KINDS or name in _CONVERSIONS:
            works = [Work(kind=KINDS.get(name, "Cast"), takes=flat, makes=shapes)]
        else:  # counting says that it is not known, or prices it by its tensors
            kind = f"{getattr(node.target, 'namespace', 'torch')}.{name}"
            works = [Work(kind=kind, takes=flat, makes=shapes)]
        last = self._carry_out(works, _place(node))
        self._keep(
            node,
            [
                _Value(
                    shape=shape,
                    dtype=dtype,
                    made=TensorRef(node=last.node, output=place),
                )
                for place, (shape, dtype) in enumerate(made)
            ],
        )

    def _keep(self, node: Any, values: list[_Value]) -> None:
        several = isinstance(node.meta["val"], tuple | list)
        self._values[node] = values if several else values[0]

    def _argument(self, node: Any, place: int, argument: Any) -> Any:
        value = node.kwargs.get(argument.name, argument.default_value)
        if place < len(node.args):
            value = node.args[place]
        return self._resolved(value)

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, tuple | list):
            return [self._resolved(one) for one in value]
        return self._values[value] if _is_node(value) else value

    def _carry_out(self, works: Sequence[Work], name: str) -> TensorRef:
        """Add the operators of one call, each behind the one before."""
        last: TensorRef | None = None
        for work in works:
            operands: list[dict[str, object] | None] = []
            inputs: list[TensorRef] = []
            behind: dict[str, None] = {}
            for one in work.takes:
                value, shape = one if _is_reshaped(one) else (one, None)
                if value is None:
                    operands.append(None)
                    continue
                if isinstance(value, _Value):
                    if value.made is not None:
                        inputs.append(value.made)
                    behind.update(dict.fromkeys(value.behind))
                    constant, weight = value.made is None, value.is_weight
                    shape = shape or value.shape
                else:  # made by the operator before
                    shape, constant, weight = value, False, False
                    inputs += [last] if last else []
                operands.append(
                    {"shape": list(shape), "constant": constant, "weight": weight}
                )
            new = [one for one in behind if one not in self._counted]
            self._counted.update(new)
            settings = {
                **work.settings,
                "operands": operands,
                "weights": [self._weights[one] for one in new],
                "output_shapes": [list(shape) for shape in work.makes],
                "domain": "",
            }
            last = self._use(
                work.kind if "." in work.kind else f"onnx.{work.kind}",
                name if len(works) == 1 else f"{name}/{work.kind.lower()}",
                tuple(inputs),
                settings,
                trainable=not behind or not self._frozen.issuperset(behind),
            )
        assert last is not None
        return last


_CONVERSIONS = frozenset({"to", "_to_copy", "type_as", "float", "half"})


def _is_node(value: Any) -> bool:
    return hasattr(value, "all_input_nodes")


def _is_reshaped(one: Any) -> bool:
    return isinstance(one, tuple) and bool(one) and isinstance(one[0], _Value)


def _moved(value: _Value, made: tuple[Sizes, Any]) -> _Value:
    return _Value(
        shape=made[0],
        dtype=made[1],
        made=value.made,
        behind=value.behind,
        is_weight=value.is_weight,
    )


def _shape_of(tensor: Any, name: str) -> Sizes:
    try:
        sizes = tuple(int(size) for size in tensor.shape)
    except Exception as error:  # a size that hangs on what the tensors hold
        raise ArchitectureError(
            f"the shape of {name!r} hangs on the values computed, not on shapes alone"
        ) from error
    return sizes


def _results(node: Any) -> list[tuple[Sizes, Any]]:
    value = node.meta["val"]
    tensors = value if isinstance(value, tuple | list) else [value]
    return [
        (_shape_of(one, node.name), one.dtype)
        for one in tensors
        if hasattr(one, "shape")
    ]


def _place(node: Any) -> str:
    """Return the innermost module that a call is in, and the call's name."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return f"{path}.{node.name}" if path else str(node.name)
