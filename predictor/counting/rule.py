"""What a counting rule is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from predictor.architecture import Shape
from predictor.counting.operation import Operation
from predictor.counting.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A weight tensor of a layer.

    Parameters
    ----------
    size : int
        Number of elements.
    trainable : bool, default=True
        False for statistics that training does not learn by gradient, such as the
        moving mean of a batch normalisation.
    """

    size: int
    trainable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one use of a layer comes to, for one sample.

    Parameters
    ----------
    outputs : tuple of Shape
        Output shapes without the batch axis.
    weights : tuple of Weight, default=()
        All weights of the layer.
    operations : tuple of Operation, default=()
        The forward pass; the backward pass is derived from it.
    is_approximate : bool, default=False
        Whether no rule is known and only its tensors were counted.
    """

    outputs: tuple[Shape, ...]
    weights: tuple[Weight, ...] = ()
    operations: tuple[Operation, ...] = ()
    is_approximate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One use of a layer, as a rule sees it.

    Parameters
    ----------
    settings : Settings
        The layer's configuration.
    inputs : tuple of Shape
        Shapes of the tensors given by position, without the batch axis.
    keywords : mapping of str to Shape, default={}
        Shapes of the tensors given by name.
    arguments : mapping of str to object, default={}
        Call arguments that are no tensors.
    inner : callable, optional
        Counts the wrapped layer on given input shapes; for wrappers only.
    """

    settings: Settings
    inputs: tuple[Shape, ...]
    keywords: Mapping[str, Shape] = field(default_factory=dict)
    arguments: Mapping[str, object] = field(default_factory=dict)
    inner: Callable[[tuple[Shape, ...]], Counted] | None = None


Rule: TypeAlias = Callable[[Call], Counted]
