"""What counting a network answers, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.architecture import Shape
from predictor.counting.operation import Operation
from predictor.counting.parts import OpenSizeError, product


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCount:
    """Counts of one layer on inputs of one shape, for one sample.

    Parameters
    ----------
    name : str
        The layer's name; inside a nested network ``"outer/inner"``.
    kind : str
        Keras' class name, such as ``"Conv2D"``.
    calls : int
        How often one forward pass uses the layer in this way.
    input_shapes, output_shapes : tuple of Shape
        Shapes without the batch axis.
    params, trainable_params : int
        Number of weights; of a shared layer in its first entry only.
    trainable_tensors : int
        Weight tensors an optimizer updates; of a shared layer in its first entry
        only.
    forward : tuple of Operation
        The forward pass of one call.
    backward : tuple of Operation
        The backward pass of one call, in order of execution; empty below the
        lowest trainable layer.
    is_approximate : bool, default=False
        Whether its kind has no counting rule and only its tensors were counted.

    Examples
    --------
    >>> flatten = LayerCount(
    ...     name="flatten",
    ...     kind="Flatten",
    ...     calls=2,
    ...     input_shapes=((4, 5),),
    ...     output_shapes=((20,),),
    ...     params=0,
    ...     trainable_params=0,
    ...     trainable_tensors=0,
    ...     forward=(),
    ...     backward=(),
    ... )
    >>> flatten.macs, flatten.activations
    (0, 40)
    """

    name: str
    kind: str
    calls: int
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    params: int
    trainable_params: int
    trainable_tensors: int
    forward: tuple[Operation, ...]
    backward: tuple[Operation, ...]
    is_approximate: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass of one sample, over all calls."""
        return self.calls * sum(operation.macs for operation in self.forward)

    @property
    def traffic(self) -> int:
        """Elements, of weights too, that one sample's inference moves."""
        return self.calls * sum(
            work.read + work.written + work.weights_moved
            for work in self.forward
            if not work.training_only
        )

    @property
    def activations(self) -> int:
        """Output elements of one forward pass of one sample, over all calls."""
        try:
            return self.calls * sum(product(shape) for shape in self.output_shapes)
        except OpenSizeError as error:
            raise OpenSizeError(f"layer {self.name!r}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCount:
    """Counts of a network, for one sample.

    Parameters
    ----------
    layers : tuple of LayerCount
        In order of execution; input layers, which do nothing, are left out.
    input_shapes, output_shapes : tuple of Shape
        Shapes without the batch axis.

    Examples
    --------
    >>> empty = NetworkCount(layers=(), input_shapes=((4,),), output_shapes=((4,),))
    >>> empty.params, empty.macs
    (0, 0)
    """

    layers: tuple[LayerCount, ...]
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]

    @property
    def approximated(self) -> tuple[LayerCount, ...]:
        """Layers without a counting rule."""
        return tuple(layer for layer in self.layers if layer.is_approximate)

    @property
    def params(self) -> int:
        """Number of weights, those of a shared layer once."""
        return sum(layer.params for layer in self.layers)

    @property
    def trainable_params(self) -> int:
        """Number of weights that training changes."""
        return sum(layer.trainable_params for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass of one sample."""
        return sum(layer.macs for layer in self.layers)

    @property
    def activations(self) -> int:
        """Output elements of all layers in one forward pass of one sample."""
        return sum(layer.activations for layer in self.layers)
