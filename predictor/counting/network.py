"""How a network is walked: each layer counted once per shape, however often used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from predictor.architecture import Architecture, Layer, Node, Shape
from predictor.counting.approximation import (
    OnUnknown,
    approximated,
    check_on_unknown,
)
from predictor.counting.boundaries import check_shape, declared_shape, fitting_shape
from predictor.counting.counts import LayerCount, NetworkCount
from predictor.counting.operation import Operation
from predictor.counting.preprocessing import NOT_COUNTED
from predictor.counting.rule import Call, Counted, Weight
from predictor.counting.rules import rules_beside
from predictor.counting.settings import Settings
from predictor.counting.visits import (
    Shapes,
    Use,
    Visit,
    expanded,
    folded,
    frozen_weights,
)
from predictor.errors import ArchitectureError, UnsupportedLayerError

DEEPEST_NESTING = 100
MOST_REPEATED_USES = 20_000
"""Uses of layers with further input shapes, which need a count each; more are not
counted in a few seconds."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What a layer inherits from the networks around it.

    `training` is the ``training`` argument of a call, which overrides the mode the
    whole network runs in; None where no call has one.
    """

    frozen: bool = False
    training: bool | None = None
    depth: int = 0

    def inside(
        self, *, trainable: bool, arguments: Mapping[str, object] | None = None
    ) -> _Context:
        training = (arguments or {}).get("training")
        return _Context(
            self.frozen or not trainable,
            training if isinstance(training, bool) else self.training,
            self.depth + 1,
        )

    def applied(self, operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
        """Return the operations as they run under the mode a call asked for."""
        if self.training is None or not any(o.training_only for o in operations):
            return operations
        if self.training:
            return tuple(replace(o, training_only=False) for o in operations)
        return tuple(o for o in operations if not o.training_only)


class _Walk:
    """The state of one count: what has been walked already."""

    def __init__(self, on_unknown: OnUnknown) -> None:
        self._on_unknown = on_unknown
        self._uses: dict[object, Use] = {}
        self._visits: dict[object, Visit] = {}
        self._counted: dict[object, Counted] = {}
        self._weights: dict[int, tuple[Weight, ...]] = {}
        self._known: set[int] = set()
        self._most_uses = MOST_REPEATED_USES

    def visit(
        self,
        architecture: Architecture,
        shapes: Shapes,
        gradients: tuple[bool, ...],
        *,
        name: str,
        context: _Context,
    ) -> Visit:
        context = context.inside(trainable=architecture.trainable)
        key = (id(architecture), shapes, gradients, context.frozen, context.training)
        known = self._visits.get(key)
        if known is not None:
            return known
        if context.depth > 2 * DEEPEST_NESTING:  # layer and network count one each
            raise ArchitectureError(
                f"network {name!r} is nested deeper than {DEEPEST_NESTING} levels"
            )
        if len(shapes) != len(architecture.inputs):
            raise ArchitectureError(
                f"network {name!r} takes {len(architecture.inputs)} inputs, "
                f"got {len(shapes)}"
            )
        if id(architecture) not in self._known:
            self._known.add(id(architecture))
            # Each node once without and once with a gradient through it.
            self._most_uses += 2 * len(architecture.nodes)
        visit = Visit(name)
        fed = {
            position: fitting_shape(architecture.nodes[position].layer, shape)
            for position, shape in zip(architecture.inputs, shapes, strict=True)
        }
        fed_gradients = dict(zip(architecture.inputs, gradients, strict=True))
        outputs: list[Shapes] = []
        flows: list[tuple[bool, ...]] = []
        for position, node in enumerate(architecture.nodes):
            if position in fed:
                outputs.append((fed[position],))
                flows.append((fed_gradients[position],))
                continue
            given = tuple(
                _output(outputs, ref.node, ref.output, node.layer.name)
                for ref in node.inputs
            )
            named = {
                key: _output(outputs, ref.node, ref.output, node.layer.name)
                for key, ref in node.keywords.items()
            }
            flowing = tuple(
                flows[ref.node][ref.output]
                for ref in (*node.inputs, *node.keywords.values())
            )
            part = self._part(node, given, named, flowing, context)
            visit.parts[part] = visit.parts.get(part, 0) + 1
            if isinstance(part, Visit):
                outputs.append(part.outputs)
                flows.append(part.gradients)
            else:
                outputs.append(part.counted.outputs)
                flow = part.upstream or part.trains
                flows.append((flow,) * len(part.counted.outputs))
        visit.outputs = tuple(
            _output(outputs, ref.node, ref.output, name) for ref in architecture.outputs
        )
        visit.gradients = tuple(
            flows[ref.node][ref.output] for ref in architecture.outputs
        )
        self._visits[key] = visit
        return visit

    def _part(
        self,
        node: Node,
        given: Shapes,
        named: Mapping[str, Shape],
        flowing: tuple[bool, ...],
        context: _Context,
    ) -> Use | Visit:
        layer = node.layer
        context = context.inside(trainable=layer.trainable, arguments=node.arguments)
        if _is_network(layer) and isinstance(layer.inner, Architecture):
            return self.visit(
                layer.inner,
                (*given, *named.values()),
                flowing,
                name=layer.name,
                context=context,
            )
        upstream = any(flowing)
        call = (
            id(layer),
            given,
            tuple(named.items()),
            _arguments_key(node.arguments),
            context.frozen,
            context.training,
        )
        use = self._uses.get((call, upstream))
        if use is None:
            if len(self._uses) >= self._most_uses:
                raise ArchitectureError(
                    f"the network repeats parts with more than {MOST_REPEATED_USES} "
                    "different input shapes; give repeated parts inputs of one shape"
                )
            counted = self._counted.get(call)
            if counted is None:
                counted = self._count(layer, given, named, node.arguments, context)
                self._counted[call] = counted
            self._check_shared(layer, counted)
            use = Use(
                layer, context.frozen, upstream, (*given, *named.values()), counted
            )
            self._uses[call, upstream] = use
        return use

    def _check_shared(self, layer: Layer, counted: Counted) -> None:
        weights = self._weights.setdefault(id(layer), counted.weights)
        if weights != counted.weights:
            raise ArchitectureError(
                f"layer {layer.name!r} is shared by inputs whose shapes need weights "
                "of different sizes; use two layers"
            )

    def _count(
        self,
        layer: Layer,
        given: Shapes,
        named: Mapping[str, Shape],
        arguments: Mapping[str, object],
        context: _Context,
    ) -> Counted:
        known = rules_beside(layer.kind)
        rule = known.get(layer.kind)
        if rule is None and self._on_unknown == "approximate":
            rule = approximated
        if rule is None:
            reason = NOT_COUNTED.get(layer.kind)
            raise UnsupportedLayerError(layer.kind[:100], layer.name, known, reason)
        values = layer.settings
        if context.frozen and values.get("trainable") is not False:
            values = {**values, "trainable": False}
        inner = None
        if layer.inner is not None:
            inner = partial(self._inner, layer, context)
        call = Call(
            settings=Settings(layer.name, values),
            inputs=given,
            keywords=named,
            arguments=arguments,
            inner=inner,
        )
        try:
            counted = rule(call)
        except ArchitectureError as error:
            if str(error).startswith("layer "):
                raise
            raise ArchitectureError(f"layer {layer.name!r}: {error}") from error
        for shape in counted.outputs:
            check_shape(layer, shape)
        operations = context.applied(counted.operations)
        if operations is counted.operations:
            return counted
        return replace(counted, operations=operations)

    def _inner(self, wrapper: Layer, context: _Context, shapes: Shapes) -> Counted:
        """Count what a wrapper wraps, folded into one."""
        key = (id(wrapper.inner), shapes, context.frozen, context.training)
        counted = self._counted.get(key)
        if counted is None:
            counted = self._wrapped(wrapper, context, shapes)
            self._counted[key] = counted
        return counted

    def _wrapped(self, wrapper: Layer, context: _Context, shapes: Shapes) -> Counted:
        inner = wrapper.inner
        if context.depth > 2 * DEEPEST_NESTING:
            raise ArchitectureError(
                f"layer {wrapper.name!r} is nested deeper than {DEEPEST_NESTING} levels"
            )
        if isinstance(inner, Layer):
            context = context.inside(trainable=inner.trainable)
            if not _is_network(inner):
                counted = self._count(inner, shapes, {}, {}, context)
                weights = frozen_weights(counted.weights, context.frozen)
                return replace(counted, weights=weights)
            inner = inner.inner
        if not isinstance(inner, Architecture):
            raise ArchitectureError(f"layer {wrapper.name!r} wraps nothing")
        gradients = (False,) * len(shapes)
        return folded(
            self.visit(inner, shapes, gradients, name=wrapper.name, context=context)
        )


def _is_network(layer: Layer) -> bool:
    return isinstance(layer.inner, Architecture) and layer.kind not in rules_beside(
        layer.kind
    )


def _arguments_key(arguments: Mapping[str, object]) -> str:
    given = {key: value for key, value in arguments.items() if value is not None}
    return json.dumps(given, default=repr) if given else ""


def _output(outputs: list[Shapes], node: int, output: int, user: str) -> Shape:
    shapes = outputs[node]
    if not 0 <= output < len(shapes):
        raise ArchitectureError(
            f"{user!r} uses output {str(output)[:30]} of a layer that has {len(shapes)}"
        )
    return shapes[output]


def _declared_shapes(architecture: Architecture) -> Shapes:
    shapes: list[Shape] = []
    for position in architecture.inputs:
        shape = declared_shape(architecture.nodes[position].layer)
        if shape is None:
            raise ArchitectureError(
                f"network {architecture.name!r} does not say the shape of its input; "
                "give the InputLayer a 'batch_shape' such as [null, 224, 224, 3], or "
                "the input shape beside the network (--input-shape 224,224,3)"
            )
        shapes.append(shape)
    return tuple(shapes)


def count_network(
    architecture: Architecture,
    input_shapes: Sequence[Shape] = (),
    *,
    on_unknown: OnUnknown = "error",
) -> NetworkCount:
    """Count parameters, multiply-accumulates and memory traffic of a network.

    Parameters
    ----------
    architecture : Architecture
        The network.
    input_shapes : sequence of Shape, optional
        Without the batch axis, one per input, where the network leaves sizes open; by
        default those that the network declares.
    on_unknown : {"error", "approximate"}, default="error"
        What to do about a layer without a counting rule.

    Returns
    -------
    count : NetworkCount
        Exact counts for one sample, but for layers said to be approximate.

    Raises
    ------
    ArchitectureError
        If shapes do not fit, or a count depends on a size left open.
    UnsupportedLayerError
        If a layer kind has no counting rule, and is not to be approximated.

    Examples
    --------
    >>> from predictor.readers import read_network_description
    >>> mlp = read_network_description(
    ...     {
    ...         "class_name": "Sequential",
    ...         "config": {
    ...             "layers": [
    ...                 {"class_name": "InputLayer", "config": {"shape": [784]}},
    ...                 {"class_name": "Dense", "config": {"units": 10}},
    ...             ]
    ...         },
    ...     }
    ... )
    >>> count = count_network(mlp)
    >>> count.params, count.macs
    (7850, 7840)
    """
    check_on_unknown(on_unknown)
    shapes = tuple(input_shapes) or _declared_shapes(architecture)
    root = _Walk(on_unknown).visit(
        architecture,
        shapes,
        (False,) * len(shapes),
        name=architecture.name,
        context=_Context(),
    )
    counted_layers: set[Layer] = set()
    layers: list[LayerCount] = []
    for use, name, calls in expanded(root):
        first = use.layer not in counted_layers
        counted_layers.add(use.layer)
        weights = use.counted.weights if first else ()
        trained = [w.size for w in weights if w.trainable and not use.frozen]
        layers.append(
            LayerCount(
                name=name,
                kind=use.layer.kind,
                calls=calls,
                input_shapes=use.inputs,
                output_shapes=use.counted.outputs,
                params=sum(weight.size for weight in weights),
                trainable_params=sum(trained),
                trainable_tensors=len(trained),
                forward=use.counted.operations,
                backward=use.backward(),
                is_approximate=use.counted.is_approximate,
            )
        )
    return NetworkCount(
        layers=tuple(layers), input_shapes=shapes, output_shapes=root.outputs
    )
