"""What a walk through a network found: which layer was used how, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from predictor.architecture import Layer, Shape
from predictor.counting.operation import Operation, backward
from predictor.counting.rule import Counted, Weight

LONGEST_PATH = 256
"""Characters; paths of deeper nesting lose their beginning."""

Shapes: TypeAlias = tuple[Shape, ...]


@dataclass(slots=True, eq=False)
class Use:
    """A layer used on inputs of one shape.

    Parameters
    ----------
    layer : Layer
        The layer.
    frozen : bool
        Whether it, or a network around it, is not trained.
    upstream : bool
        Whether something trainable lies before it.
    inputs : tuple of Shape
        Shapes of its input tensors.
    counted : Counted
        What its rule answered.

    Examples
    --------
    >>> dense = Layer(name="d", kind="Dense")
    >>> product = Operation(kind="matmul", macs=6, weights=6)
    >>> counted = Counted(
    ...     outputs=((2,),), weights=(Weight(size=6),), operations=(product,)
    ... )
    >>> use = Use(dense, False, True, ((3,),), counted)
    >>> [operation.phase for operation in use.backward()]
    ['weight_gradient', 'input_gradient']
    """

    layer: Layer
    frozen: bool
    upstream: bool
    inputs: Shapes
    counted: Counted

    @property
    def trains(self) -> bool:
        """Whether training changes a weight of the layer."""
        return not self.frozen and any(w.trainable for w in self.counted.weights)

    def backward(self) -> tuple[Operation, ...]:
        """Return the backward pass.

        Returns
        -------
        operations : tuple of Operation
            In order of execution.
        """
        flowing, trains = self.upstream, self.trains
        passes: list[Operation] = []
        for operation in self.counted.operations:
            passes += backward(
                operation, input_gradient=flowing, weight_gradient=trains
            )
            # Inside a layer the operations form a chain.
            flowing = flowing or (trains and operation.weights > 0)
        return tuple(reversed(passes))


@dataclass(slots=True, eq=False)
class Visit:
    """A network walked with inputs of one shape, and what it uses how often.

    Parameters
    ----------
    name : str
        The network's name in paths.
    outputs : tuple of Shape, default=()
        Shapes of its outputs.
    gradients : tuple of bool, default=()
        Whether something trainable lies before each output.
    parts : dict of Use or Visit to int, default={}
        How often each layer and nested network is used, in order of execution.

    Examples
    --------
    >>> Visit("net").parts
    {}
    """

    name: str
    outputs: Shapes = ()
    gradients: tuple[bool, ...] = ()
    parts: dict[Use | Visit, int] = field(default_factory=dict)


def frozen_weights(weights: tuple[Weight, ...], frozen: bool) -> tuple[Weight, ...]:
    """Return the weights as they are trained.

    Parameters
    ----------
    weights : tuple of Weight
        Weights of a layer.
    frozen : bool
        Whether the layer is frozen.

    Returns
    -------
    weights : tuple of Weight
        The same, none of them trainable where the layer is frozen.

    Examples
    --------
    >>> frozen_weights((Weight(size=6),), True)
    (Weight(size=6, trainable=False),)
    """
    if not frozen:
        return weights
    return tuple(Weight(size=weight.size, trainable=False) for weight in weights)


def folded(visit: Visit) -> Counted:
    """Return a whole network counted as if it were one layer.

    Parameters
    ----------
    visit : Visit
        The network.

    Returns
    -------
    counted : Counted
        Equal operations are folded into one of several launches.

    Examples
    --------
    >>> folded(Visit("net", outputs=((2,),))).outputs
    ((2,),)
    """
    operations: dict[Operation, int] = {}
    weights: dict[Layer, tuple[Weight, ...]] = {}
    for use, _, calls in expanded(visit):
        weights.setdefault(use.layer, frozen_weights(use.counted.weights, use.frozen))
        for operation in use.counted.operations:
            operations[operation] = operations.get(operation, 0) + calls
    return Counted(
        outputs=visit.outputs,
        weights=tuple(weight for group in weights.values() for weight in group),
        operations=tuple(
            replace(
                operation,
                macs=operation.macs * times,
                read=operation.read * times,
                written=operation.written * times,
                weights=operation.weights * times,
                launches=operation.launches * times,
            )
            for operation, times in operations.items()
        ),
    )


def expanded(root: Visit) -> list[tuple[Use, str, int]]:
    """Return every use of a layer in a network and the networks inside it.

    Parameters
    ----------
    root : Visit
        The network.

    Returns
    -------
    uses : list of (Use, str, int)
        Each use with its path and its number of calls, in order of execution.

    Examples
    --------
    >>> expanded(Visit("net"))
    []
    """
    names: dict[Use, str] = {}
    finished: list[Visit] = []
    seen = {root}

    def collect(visit: Visit, prefix: str) -> None:
        for part in visit.parts:
            if isinstance(part, Use):
                names.setdefault(part, prefix + part.layer.name)
            elif part not in seen:
                seen.add(part)
                collect(part, _shortened(prefix + part.name) + "/")
        finished.append(visit)

    collect(root, "")
    times: dict[Use | Visit, int] = {root: 1}
    for visit in reversed(finished):
        for part, count in visit.parts.items():
            times[part] = times.get(part, 0) + count * times[visit]
    return [(use, name, times[use]) for use, name in names.items()]


def _shortened(path: str) -> str:
    if len(path) <= LONGEST_PATH:
        return path
    return "..." + path[-LONGEST_PATH:]
