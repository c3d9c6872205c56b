"""Description of a network: layers and how they are connected, no weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Shape: TypeAlias = tuple[int | None, ...]
"""Shape of a tensor without the batch axis; None is a size left open."""

SettingValue: TypeAlias = object
"""A JSON value: number, text, bool, None, list or mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRef:
    """Where a tensor comes from.

    Parameters
    ----------
    node : int
        Zero-based index into `Architecture.nodes`.
    output : int, default=0
        Which output of that node.
    """

    node: int
    output: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One layer; used by several nodes, it shares its weights.

    Compared by identity: two layers with equal settings have weights of their own.

    Parameters
    ----------
    name : str
        Name in the description.
    kind : str
        Keras' class name, such as ``"Conv2D"``, whatever format was read.
    settings : mapping of str to object, default={}
        Keras' configuration keys; a key left out has Keras' default.
    trainable : bool, default=True
        Whether training changes its weights.
    inner : Layer or Architecture, optional
        What a wrapper wraps (``TimeDistributed``), or the network a nested model is.
    """

    name: str
    kind: str
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    trainable: bool = True
    inner: Layer | Architecture | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One use of a layer.

    Parameters
    ----------
    layer : Layer
        The layer used; an ``InputLayer`` has no inputs.
    inputs : tuple of TensorRef, default=()
        Tensors given by position, nested lists flattened.
    keywords : mapping of str to TensorRef, default={}
        Tensors given by name, such as ``value`` of an attention layer.
    arguments : mapping of str to object, default={}
        Other call arguments; those by position are named ``"0"``, ``"1"`` and so on
        by their place among all positional arguments.
    """

    layer: Layer
    inputs: tuple[TensorRef, ...] = ()
    keywords: Mapping[str, TensorRef] = field(default_factory=dict)
    arguments: Mapping[str, SettingValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Architecture:
    """A network as a graph of layer uses.

    Parameters
    ----------
    name : str
        Name in the description.
    nodes : tuple of Node
        In order of execution: a node refers only to earlier ones.
    inputs : tuple of int
        Indices of the input nodes, in the order in which a caller passes tensors.
    outputs : tuple of TensorRef
        What the network returns.
    trainable : bool, default=True
        False freezes every layer inside.

    Examples
    --------
    >>> image = Layer(name="in", kind="InputLayer", settings={"batch_shape": [None, 4]})
    >>> dense = Layer(name="out", kind="Dense", settings={"units": 2})
    >>> network = Architecture(
    ...     name="net",
    ...     nodes=(Node(layer=image), Node(layer=dense, inputs=(TensorRef(node=0),))),
    ...     inputs=(0,),
    ...     outputs=(TensorRef(node=1),),
    ... )
    >>> len(network.nodes)
    2
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[TensorRef, ...]
    trainable: bool = True
