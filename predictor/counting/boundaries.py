"""Which shapes may enter and leave a layer."""

from predictor.architecture import Layer, Shape
from predictor.counting.settings import Settings
from predictor.errors import ArchitectureError
from predictor.workload import LARGEST_COUNT

LARGEST_RANK = 32
"""Axes of a tensor, as in NumPy before version 2."""


def check_shape(layer: Layer, shape: Shape) -> None:
    """Refuse a shape that no tensor can have.

    Parameters
    ----------
    layer : Layer
        The layer it belongs to, for the message.
    shape : Shape
        Sizes without the batch axis.

    Raises
    ------
    ArchitectureError
        If it has too many axes, or a size is below 1 or needs more than 63 bits.

    Examples
    --------
    >>> check_shape(Layer(name="up", kind="UpSampling1D"), (2**63, 3))
    Traceback (most recent call last):
    predictor.errors.ArchitectureError: layer 'up': a size must be 1 to ...
    """
    if len(shape) > LARGEST_RANK:
        raise ArchitectureError(
            f"layer {layer.name!r}: a tensor of {len(shape)} axes; "
            f"at most {LARGEST_RANK} are allowed"
        )
    for size in shape:
        if size is not None and not 1 <= size <= LARGEST_COUNT:
            raise ArchitectureError(
                f"layer {layer.name!r}: a size must be 1 to 2**63-1, "
                f"got {str(size)[:30]}"
            )


def declared_shape(layer: Layer) -> Shape | None:
    """Return the shape that an input layer declares.

    Parameters
    ----------
    layer : Layer
        The input layer.

    Returns
    -------
    shape : Shape or None
        Sizes without the batch axis; None where it declares none.

    Raises
    ------
    ArchitectureError
        If the shape is no list of sizes.

    Examples
    --------
    >>> batched = {"batch_shape": [None, 28, 28]}
    >>> declared_shape(Layer(name="x", kind="InputLayer", settings=batched))
    (28, 28)
    """
    settings = Settings(layer.name, layer.settings)
    skipped = 1
    value = settings.raw("batch_shape") or settings.raw("batch_input_shape")
    if value is None:
        value, skipped = settings.raw("shape"), 0
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) < skipped:
        raise settings.error(f"the input shape must be a list, got {value!r:.60}")
    shape: list[int | None] = []
    for size in value[skipped:]:
        checked = Settings(layer.name, {"input shape": size})
        shape.append(None if size is None else checked.integer("input shape"))
    check_shape(layer, tuple(shape))
    return tuple(shape)


def fitting_shape(layer: Layer, shape: Shape) -> Shape:
    """Return the shape given to an input layer, checked against the declared one.

    Parameters
    ----------
    layer : Layer
        The input layer.
    shape : Shape
        Shape of the tensor given.

    Returns
    -------
    shape : Shape
        The shape given; sizes that the layer leaves open may be any.

    Raises
    ------
    ArchitectureError
        If the shapes differ, or no tensor can have the one given.

    Examples
    --------
    >>> image = Layer(
    ...     name="x", kind="InputLayer", settings={"batch_shape": [None, None, 3]}
    ... )
    >>> fitting_shape(image, (28, 3))
    (28, 3)
    """
    check_shape(layer, shape)
    declared = declared_shape(layer)
    if declared is None:
        return shape
    fits = len(declared) == len(shape) and all(
        None in (one, other) or one == other
        for one, other in zip(declared, shape, strict=True)
    )
    if not fits:
        raise ArchitectureError(
            f"layer {layer.name!r}: expects inputs of shape {declared}, got {shape}"
        )
    return shape
