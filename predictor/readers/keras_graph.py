"""How the layers of a functional Keras network are connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import cast

from predictor.architecture import Architecture, Layer, Node, TensorRef
from predictor.errors import ArchitectureError


def connect_layers(
    name: str,
    layers: Sequence[tuple[Layer, Sequence[object]]],
    *,
    input_layers: object,
    output_layers: object,
    trainable: bool = True,
) -> Architecture:
    """Return the network that layers and their inbound nodes describe.

    Parameters
    ----------
    name : str
        The network's name.
    layers : sequence of (Layer, sequence of object)
        Each layer with its ``inbound_nodes``, as Keras 3 or 2 writes them.
    input_layers, output_layers : object
        Nested lists or objects of ``[name, node, output]``; where None, all input
        layers and everything that no layer uses.
    trainable : bool, default=True
        Whether the network is trained.

    Returns
    -------
    architecture : Architecture
        What the outputs need, in order of execution.

    Raises
    ------
    ArchitectureError
        If a connection is malformed, leads nowhere or runs in a circle.

    Examples
    --------
    >>> source = Layer(name="x", kind="InputLayer", settings={"shape": [4]})
    >>> relu = Layer(name="y", kind="ReLU")
    >>> network = connect_layers(
    ...     "net",
    ...     [(relu, [[["x", 0, 0]]]), (source, [])],
    ...     input_layers=[["x", 0, 0]],
    ...     output_layers=[["y", 0, 0]],
    ... )
    >>> [node.layer.name for node in network.nodes]
    ['x', 'y']
    """
    graph = _Graph(name)
    for layer, inbound in layers:
        graph.add(layer, list(inbound))
    graph.connect()
    return graph.architecture(input_layers, output_layers, trainable)


@dataclass(slots=True)
class _Use:
    """A node before its connections are resolved."""

    layer: Layer
    place: int
    inputs: list[tuple[int, int]]
    keywords: dict[str, tuple[int, int]]
    arguments: dict[str, object]


class _Graph:
    """The uses of the layers of a functional network, in the order of the file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._layers: dict[str, Layer] = {}
        self._inbound: dict[str, list[object]] = {}
        self._first: dict[str, int] = {}
        self._uses: list[_Use] = []

    def add(self, layer: Layer, inbound: list[object]) -> None:
        if layer.name in self._layers:
            raise ArchitectureError(
                f"network {self._name!r} has two layers named {layer.name!r:.60}"
            )
        if layer.kind == "InputLayer":
            inbound = [None]
        self._layers[layer.name] = layer
        self._inbound[layer.name] = inbound
        self._first[layer.name] = len(self._uses)
        self._uses += [_Use(layer, place, [], {}, {}) for place in range(len(inbound))]

    def connect(self) -> None:
        for use in self._uses:
            call = self._inbound[use.layer.name][use.place]
            if isinstance(call, Mapping):
                self._connect_call(use, call)
            elif isinstance(call, list | tuple):
                self._connect_legacy(use, list(call))
            elif call is not None:
                raise ArchitectureError(
                    f"layer {use.layer.name!r}: a node must be an object with 'args' "
                    f"and 'kwargs', got {call!r:.60}"
                )
            if not use.inputs and use.layer.kind != "InputLayer":
                self._promote(use)

    def _promote(self, use: _Use) -> None:
        """Take the tensors given as ``inputs=`` for the positional ones."""
        for key in ("inputs", "x"):
            if key in use.keywords:
                use.inputs.append(use.keywords.pop(key))
                return
        if not use.keywords:
            raise ArchitectureError(
                f"layer {use.layer.name!r} is called without an input tensor"
            )

    def _connect_call(self, use: _Use, call: Mapping[str, object]) -> None:
        args, kwargs = call.get("args", []), call.get("kwargs", {})
        if not isinstance(args, list | tuple) or not isinstance(kwargs, Mapping):
            raise ArchitectureError(
                f"layer {use.layer.name!r}: 'args' must be a list and 'kwargs' an "
                "object"
            )
        for position, value in enumerate(args):
            found = self._tensors(use, value)
            if found:
                use.inputs += found
            else:
                use.arguments[str(position)] = value
        for key, value in kwargs.items():
            if key == "training":
                continue  # Keras 3 writes a default there, and overrides what it reads
            found = self._tensors(use, value)
            if len(found) == 1 and isinstance(value, Mapping):
                use.keywords[key] = found[0]
            elif found:
                for position, tensor in enumerate(found):
                    use.keywords[f"{key}[{position}]"] = tensor
            else:
                use.arguments[key] = value

    def _tensors(self, use: _Use, value: object) -> list[tuple[int, int]]:
        """Return the tensors in an argument; a list must hold nothing else."""
        if isinstance(value, Mapping):
            config = value.get("config")
            if value.get("class_name") == "__keras_tensor__":
                history = (
                    config.get("keras_history") if isinstance(config, Mapping) else None
                )
                return [self._resolve(history, use.layer.name)]
            if "class_name" in value:
                return []
            items = [value[key] for key in self._key_order(use, value)]
        elif isinstance(value, list | tuple):
            items = list(value)
        else:
            return []
        found = [self._tensors(use, item) for item in items]
        if any(found):
            for item, tensors in zip(items, found, strict=True):
                if not tensors and item is not None:
                    raise ArchitectureError(
                        f"layer {use.layer.name!r}: a list of tensors holds the "
                        f"constant {item!r:.60}; only tensors are counted there"
                    )
        return [tensor for tensors in found for tensor in tensors]

    def _key_order(self, use: _Use, value: Mapping[str, object]) -> list[str]:
        inner = use.layer.inner
        if isinstance(inner, Architecture):
            names = [inner.nodes[position].layer.name for position in inner.inputs]
            if set(names) == set(value):
                return names
        return sorted(value, key=str)

    def _connect_legacy(self, use: _Use, call: list[object]) -> None:
        """Connect a node as Keras 2 wrote it: ``[name, node, output, keywords]``."""
        tensors = [call] if call and isinstance(call[0], str) else call
        for tensor in tensors:
            if not isinstance(tensor, list | tuple) or len(tensor) not in (3, 4):
                raise ArchitectureError(
                    f"layer {use.layer.name!r}: an inbound tensor must be "
                    f"[name, node, output], got {tensor!r:.60}"
                )
            use.inputs.append(self._resolve(tensor[:3], use.layer.name, counted=True))
            keywords = tensor[3] if len(tensor) == 4 else None
            if not isinstance(keywords, Mapping):
                continue
            for key, value in keywords.items():
                if _is_history(value) and value[0] in self._layers:
                    use.keywords[key] = self._resolve(
                        value, use.layer.name, counted=True
                    )
                else:
                    use.arguments[key] = value

    def _resolve(
        self, history: object, user: str, *, counted: bool = False
    ) -> tuple[int, int]:
        """Return the position of a use and the number of its output."""
        if not _is_history(history):
            raise ArchitectureError(
                f"{user!r} is connected to {history!r:.60}; "
                "a connection must be [name, node, output]"
            )
        name, place, output = cast("tuple[str, int, int]", history)
        layer = self._layers.get(name)
        if layer is None:
            raise ArchitectureError(
                f"{user!r} is connected to layer {name!r:.60}, which does not exist"
            )
        # Where Keras counts a functional model's own creation, its uses start at 1.
        if counted and isinstance(layer.inner, Architecture) and place > 0:
            place -= 1
        if not 0 <= place < len(self._inbound[name]) or output < 0:
            raise ArchitectureError(
                f"{user!r} is connected to use {place} of layer {name!r:.60}, which "
                f"is used {len(self._inbound[name])} times"
            )
        return self._first[name] + place, output

    def architecture(
        self, input_layers: object, output_layers: object, trainable: bool
    ) -> Architecture:
        inputs = [self._resolve(h, self._name)[0] for h in _histories(input_layers)]
        if input_layers is None:
            inputs = [
                position
                for position, use in enumerate(self._uses)
                if use.layer.kind == "InputLayer"
            ]
        for position in inputs:
            if self._uses[position].layer.kind != "InputLayer":
                raise ArchitectureError(
                    f"network {self._name!r}: input "
                    f"{self._uses[position].layer.name!r} is no InputLayer"
                )
        outputs = [
            self._resolve_output(history) for history in _histories(output_layers)
        ]
        if output_layers is None:
            consumed = {
                node
                for use in self._uses
                for node, _ in (*use.inputs, *use.keywords.values())
            }
            outputs = [(n, 0) for n in range(len(self._uses)) if n not in consumed]
        if not inputs or not outputs:
            raise ArchitectureError(
                f"network {self._name!r} has no input or no output; "
                "'input_layers' and 'output_layers' must list them"
            )
        order = self._order(inputs, outputs)
        place = {position: index for index, position in enumerate(order)}
        if len(set(inputs)) != len(inputs):
            raise ArchitectureError(f"network {self._name!r} lists an input twice")
        for position in order:
            use = self._uses[position]
            if use.layer.kind == "InputLayer" and position not in inputs:
                raise ArchitectureError(
                    f"network {self._name!r}: input layer {use.layer.name!r} is not "
                    "among 'input_layers'"
                )

        def reference(tensor: tuple[int, int]) -> TensorRef:
            return TensorRef(node=place[tensor[0]], output=tensor[1])

        nodes = []
        for position in order:
            use = self._uses[position]
            nodes.append(
                Node(
                    layer=use.layer,
                    inputs=tuple(reference(tensor) for tensor in use.inputs),
                    keywords={k: reference(t) for k, t in use.keywords.items()},
                    arguments=use.arguments,
                )
            )
        return Architecture(
            name=self._name,
            nodes=tuple(nodes),
            inputs=tuple(place[position] for position in inputs),
            outputs=tuple(reference(tensor) for tensor in outputs),
            trainable=trainable,
        )

    def _resolve_output(self, history: object) -> tuple[int, int]:
        functional = False
        if _is_history(history):
            layer = self._layers.get(cast("tuple[str, int, int]", history)[0])
            # Keras 2 counted a Sequential's creation too.
            place, uses = history[1], self._inbound.get(history[0], ())  # type: ignore[index]
            functional = layer is not None and (
                layer.kind != "Sequential" or place == len(uses)
            )
        return self._resolve(history, self._name, counted=functional)

    def _order(self, inputs: list[int], outputs: list[tuple[int, int]]) -> list[int]:
        """Return what the outputs need in an order in which it can be executed."""
        needed = set(inputs)
        waiting = [position for position, _ in outputs]
        while waiting:
            position = waiting.pop()
            if position not in needed:
                needed.add(position)
                use = self._uses[position]
                waiting += [n for n, _ in (*use.inputs, *use.keywords.values())]
        missing: dict[int, int] = {}
        users: dict[int, list[int]] = {}
        for position in needed:
            use = self._uses[position]
            sources = {n for n, _ in (*use.inputs, *use.keywords.values())}
            missing[position] = len(sources)
            for source in sources:
                users.setdefault(source, []).append(position)
        ready = [position for position, count in missing.items() if not count]
        heapify(ready)
        order: list[int] = []
        while ready:
            position = heappop(ready)
            order.append(position)
            for user in users.get(position, ()):
                missing[user] -= 1
                if not missing[user]:
                    heappush(ready, user)
        if len(order) != len(needed):
            stuck = min(needed - set(order))
            raise ArchitectureError(
                f"network {self._name!r}: layer {self._uses[stuck].layer.name!r} "
                "depends on its own output"
            )
        return order


def _is_history(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(n, int) and not isinstance(n, bool) for n in value[1:])
    )


def _histories(value: object) -> list[object]:
    """Return the connections in a nested structure of inputs or outputs."""
    if value is None:
        return []
    if _is_history(value):
        return [value]
    if isinstance(value, Mapping):
        items = [value[key] for key in sorted(value, key=str)]
    elif isinstance(value, list | tuple) and not (value and isinstance(value[0], str)):
        items = list(value)
    else:
        return [value]
    return [history for item in items for history in _histories(item)]
