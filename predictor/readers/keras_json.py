"""Keras' JSON description of a network, as written by version 3 or by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping

from predictor.architecture import Architecture, Layer, Node, TensorRef
from predictor.errors import ArchitectureError
from predictor.readers.keras_graph import connect_layers
from predictor.readers.limits import LONGEST_NAME, MOST_LAYERS, check_depth
from predictor.readers.operators_json import are_operators, read_operators

_SURROGATE = re.compile("[\ud800-\udfff]")
NETWORK_KINDS = frozenset({"Functional", "Model", "Sequential"})
_KERAS_MODULES = ("keras", "tf_keras", "tensorflow.keras", "builtins")


def read_network_description(description: Mapping[str, object]) -> Architecture:
    """Return the network that Keras' JSON describes.

    Parameters
    ----------
    description : mapping
        ``json.loads(model.to_json())``, or the same by hand: any configuration key
        left out has Keras' default, and ``build_config`` may be missing. A traced
        graph as `describe_operators` writes it is taken too.

    Returns
    -------
    architecture : Architecture
        Layers and connections; nothing named in the description is imported.

    Raises
    ------
    ArchitectureError
        If the description is malformed or connects what does not exist.

    Examples
    --------
    >>> network = read_network_description(
    ...     {
    ...         "class_name": "Sequential",
    ...         "config": {"layers": [{"class_name": "Dense", "config": {"units": 2}}]},
    ...         "build_config": {"input_shape": [None, 4]},
    ...     }
    ... )
    >>> [node.layer.name for node in network.nodes]
    ['input', 'dense']
    """
    if not isinstance(description, Mapping):
        raise ArchitectureError(
            "the description is not a JSON object; give the text of model.to_json()"
        )
    check_depth(description, "the network description")
    return network_in(description)


def network_in(description: Mapping[str, object]) -> Architecture:
    """Return the network in JSON that `limits.parse_json` has parsed.

    Parameters
    ----------
    description : mapping
        As of `read_network_description`, known not to be nested too deeply.

    Returns
    -------
    architecture : Architecture
        Layers and connections.

    Raises
    ------
    ArchitectureError
        If the description is malformed or connects what does not exist.
    """
    if are_operators(description):
        return read_operators(description)
    if "class_name" not in description and "layers" in description:
        functional = "input_layers" in description
        description = {
            "class_name": "Functional" if functional else "Sequential",
            "config": description,
        }
    if not _is_network(description):
        kind = description.get("class_name")
        found = f"got class_name {kind!r:.60}" if kind else "it has no class_name"
        raise ArchitectureError(
            "the description is not that of a Sequential or Functional Keras network: "
            f"{found}; give the text of model.to_json(). A subclassed model describes "
            "no layers: rebuild it with the functional API"
        )
    return _Reader().network(description)


def _is_network(entry: Mapping[str, object]) -> bool:
    kind, config = entry.get("class_name"), entry.get("config")
    if not isinstance(kind, str):
        return False
    if kind in NETWORK_KINDS:
        return True
    # A user's subclass of Model that is built functionally.
    return (
        isinstance(config, Mapping)
        and "layers" in config
        and ("input_layers" in config)
    )


def _network_kind(entry: Mapping[str, object]) -> str:
    kind = entry.get("class_name")
    return kind if isinstance(kind, str) and kind in NETWORK_KINDS else "Functional"


class _Reader:
    """The state of reading one description: how many layers there were."""

    def __init__(self) -> None:
        self._layers = 0

    def _count_one(self) -> None:
        self._layers += 1
        if self._layers > MOST_LAYERS:
            raise ArchitectureError(
                f"the network has more than {MOST_LAYERS} layers and layer uses"
            )

    def network(self, entry: Mapping[str, object]) -> Architecture:
        kind = entry.get("class_name")
        config = entry.get("config")
        if isinstance(config, list):
            config = {"layers": config}
        if not isinstance(config, Mapping):
            raise ArchitectureError(f"the {kind} network has no 'config' object")
        name = _name(entry, config, default=_snake(str(kind)))
        layers = config.get("layers")
        if not isinstance(layers, list | tuple) or not layers:
            raise ArchitectureError(f"network {name!r} has no list of 'layers'")
        for layer in layers:
            if not isinstance(layer, Mapping):
                raise ArchitectureError(
                    f"network {name!r}: a layer must be an object, got {layer!r:.60}"
                )
        trainable = _flag(config.get("trainable"), name)
        if kind == "Sequential" or not any("inbound_nodes" in one for one in layers):
            return self._sequential(entry, config, list(layers), name, trainable)
        return self._functional(config, list(layers), name, trainable)

    def layer(self, entry: Mapping[str, object], default_name: str) -> Layer:
        self._count_one()
        config = entry.get("config")
        if config is None:
            config = {}
        if _is_network(entry):
            network = self.network(entry)
            settings = config if isinstance(config, Mapping) else {}
            return Layer(
                name=_name(entry, settings, default=network.name),
                # A subclass built functionally is one whatever it is called.
                kind=_network_kind(entry),
                settings={},
                trainable=network.trainable,
                inner=network,
            )
        if not isinstance(config, Mapping):
            raise ArchitectureError(
                f"layer {default_name!r}: 'config' must be an object, "
                f"got {config!r:.60}"
            )
        name = _name(entry, config, default=default_name)
        inner = None
        for key in ("layer", "cell"):
            wrapped = config.get(key)
            if isinstance(wrapped, Mapping) and "class_name" in wrapped:
                inner = self.layer(wrapped, f"{name}_{key}")
                break
        return Layer(
            name=name,
            kind=_kind(entry, name),
            settings=config,
            trainable=_flag(config.get("trainable"), name),
            inner=inner,
        )

    def _sequential(
        self,
        entry: Mapping[str, object],
        config: Mapping[str, object],
        entries: list[Mapping[str, object]],
        name: str,
        trainable: bool,
    ) -> Architecture:
        layers: list[Layer] = []
        used: dict[str, int] = {}
        for item in entries:
            default = _snake(str(item.get("class_name")))
            times = used[default] = used.get(default, -1) + 1
            layers.append(self.layer(item, f"{default}_{times}" if times else default))
        if layers[0].kind != "InputLayer":
            shape = _sequential_shape(entry, config, entries[0], layers[0])
            settings = {} if shape is None else {"batch_shape": shape}
            layers.insert(0, Layer(name="input", kind="InputLayer", settings=settings))
        for layer in layers[1:]:
            if layer.kind == "InputLayer":
                raise ArchitectureError(
                    f"network {name!r}: input layer {layer.name!r} is not the first"
                )
        nodes = [Node(layer=layers[0])]
        for place, layer in enumerate(layers[1:]):
            nodes.append(Node(layer=layer, inputs=(TensorRef(node=place),)))
        return Architecture(
            name=name,
            nodes=tuple(nodes),
            inputs=(0,),
            outputs=(TensorRef(node=len(nodes) - 1),),
            trainable=trainable,
        )

    def _functional(
        self,
        config: Mapping[str, object],
        entries: list[Mapping[str, object]],
        name: str,
        trainable: bool,
    ) -> Architecture:
        layers: list[tuple[Layer, list[object]]] = []
        for entry in entries:
            layer = self.layer(entry, "")
            if not layer.name:
                raise ArchitectureError(
                    f"network {name!r}: a layer of kind {layer.kind!r} has no name"
                )
            inbound = entry.get("inbound_nodes", [])
            if not isinstance(inbound, list | tuple):
                raise ArchitectureError(
                    f"layer {layer.name!r}: 'inbound_nodes' must be a list"
                )
            for _ in inbound[1:]:
                self._count_one()
            layers.append((layer, list(inbound)))
        return connect_layers(
            name,
            layers,
            input_layers=config.get("input_layers"),
            output_layers=config.get("output_layers"),
            trainable=trainable,
        )


def _sequential_shape(
    entry: Mapping[str, object],
    config: Mapping[str, object],
    first_entry: Mapping[str, object],
    first: Layer,
) -> object:
    """Return the batch shape that the description gives a Sequential's input."""
    if isinstance(first.inner, Architecture) and len(first.inner.inputs) == 1:
        inner = first.inner.nodes[first.inner.inputs[0]].layer.settings
        if inner.get("batch_shape") is not None:
            return inner["batch_shape"]
    settings = first.settings
    for key in ("batch_shape", "batch_input_shape"):
        if settings.get(key) is not None:
            return settings[key]
    shape = settings.get("input_shape")
    if isinstance(shape, list | tuple):
        return [None, *shape]
    if settings.get("input_dim") is not None and first.kind != "Embedding":
        return [None, settings["input_dim"]]
    for built in (entry.get("build_config"), first_entry.get("build_config")):
        if isinstance(built, Mapping) and built.get("input_shape") is not None:
            return built["input_shape"]
    return config.get("build_input_shape")


def _kind(entry: Mapping[str, object], name: str) -> str:
    kind = entry.get("class_name")
    if not isinstance(kind, str) or not kind:
        raise ArchitectureError(
            f"layer {name!r}: 'class_name' must be text, got {kind!r:.60}"
        )
    if kind.startswith("onnx."):
        raise ArchitectureError(f"layer {name!r}: {kind!r:.60} is no layer of Keras")
    module = entry.get("module")
    if module is None:
        return kind
    if not isinstance(module, str):
        raise ArchitectureError(
            f"layer {name!r}: 'module' must be text, got {module!r:.60}"
        )
    if module.startswith(("keras.src.ops", "keras.ops")):
        return f"ops.{kind}"
    if module.partition(".")[0] == "keras" or module.startswith(_KERAS_MODULES):
        return kind
    # A user's class may be called like one of Keras' and do something else.
    registered = entry.get("registered_name")
    return registered if isinstance(registered, str) else f"{module}>{kind}"


def _name(
    entry: Mapping[str, object], config: Mapping[str, object], *, default: str
) -> str:
    name = entry.get("name")
    if name is None:
        name = config.get("name")
    if name is None:
        return default
    if not isinstance(name, str) or not name:
        raise ArchitectureError(f"a layer's 'name' must be text, got {name!r:.60}")
    if len(name) > LONGEST_NAME:
        raise ArchitectureError(
            f"the layer name {name[:30]!r}... has {len(name)} characters; "
            f"at most {LONGEST_NAME} are allowed"
        )
    if not name.isascii() and _SURROGATE.search(name):
        raise ArchitectureError(f"the layer name {name!r:.60} is not valid Unicode")
    return name


def _flag(value: object, name: str) -> bool:
    if value is None:
        return True
    if not isinstance(value, bool):
        raise ArchitectureError(
            f"layer {name!r}: 'trainable' must be true or false, got {value!r:.60}"
        )
    return value


def _snake(kind: str) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind[:60])
    return re.sub(r"[^a-z0-9_]", "_", name.lower())
