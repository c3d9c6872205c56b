"""Shape arithmetic that several counting rules share; no shape has a batch axis."""

from collections.abc import Sequence

from predictor.architecture import Shape
from predictor.counting.rule import Call
from predictor.counting.settings import Settings
from predictor.errors import ArchitectureError


def only_input(call: Call, *, rank: int | None = None, smallest_rank: int = 0) -> Shape:
    """Return the shape of a layer's single input.

    Parameters
    ----------
    call : Call
        The use of the layer.
    rank : int, optional
        Axes it must have, without the batch axis.
    smallest_rank : int, default=0
        Fewest axes it may have.

    Returns
    -------
    shape : Shape
        The input's shape.

    Raises
    ------
    ArchitectureError
        If there is no input, more than one, or one of another rank.

    Examples
    --------
    >>> only_input(Call(settings=Settings("pool", {}), inputs=((8, 3),)), rank=2)
    (8, 3)
    """
    if len(call.inputs) != 1:
        raise call.settings.error(f"takes one input, got {len(call.inputs)}")
    shape = call.inputs[0]
    if rank is not None and len(shape) != rank:
        raise call.settings.error(
            f"takes an input of {rank} axes besides the batch, got the shape {shape}"
        )
    if len(shape) < smallest_rank:
        raise call.settings.error(
            f"takes an input of at least {smallest_rank} axes besides the batch, "
            f"got the shape {shape}"
        )
    return shape


def known(size: int | None, settings: Settings, what: str) -> int:
    """Return a size that must not be open.

    Parameters
    ----------
    size : int or None
        The size.
    settings : Settings
        The layer's configuration, for the message.
    what : str
        What the size is.

    Returns
    -------
    size : int
        The same size.

    Raises
    ------
    ArchitectureError
        If it is open.

    Examples
    --------
    >>> known(3, Settings("conv", {}), "number of input channels")
    3
    """
    if size is None:
        raise settings.error(f"the {what} is open; give the input a fixed size")
    return size


def tensor_axis(axis: object, rank: int, settings: Settings, *, key: str) -> int:
    """Return a zero-based axis of a shape without the batch axis.

    Parameters
    ----------
    axis : object
        The axis as written, counted with the batch axis or from the end.
    rank : int
        Axes of the shape, without the batch axis.
    settings : Settings
        The layer's configuration, for the message.
    key : str
        Where the axis was written, for the message.

    Returns
    -------
    axis : int
        From 0 to `rank` - 1.

    Raises
    ------
    ArchitectureError
        If it is no integer, the batch axis or outside the shape.

    Examples
    --------
    >>> tensor_axis(-1, 3, Settings("bn", {}), key="axis")
    2
    >>> tensor_axis(1, 3, Settings("bn", {}), key="axis")
    0
    """
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise settings.error(f"{key!r} must be an integer, got {axis!r:.60}")
    position = axis - 1 if axis >= 0 else rank + axis
    if not 0 <= position < rank:
        raise settings.error(
            f"{key!r} must be 1 to {rank} or -{rank} to -1, got {str(axis)[:30]}"
        )
    return position


def tensor_axes(
    value: object, rank: int, settings: Settings, *, key: str
) -> tuple[int, ...]:
    """Return several zero-based axes; a single one may stand alone.

    Parameters
    ----------
    value : object
        An axis, or a list of axes, as written.
    rank : int
        Axes of the shape, without the batch axis.
    settings : Settings
        The layer's configuration, for the message.
    key : str
        Where the axes were written, for the message.

    Returns
    -------
    axes : tuple of int
        In ascending order.

    Raises
    ------
    ArchitectureError
        If one is no integer, the batch axis or outside the shape.

    Examples
    --------
    >>> tensor_axes([2, 3], 3, Settings("ln", {}), key="axis")
    (1, 2)
    """
    items = value if isinstance(value, list | tuple) else (value,)
    return tuple(sorted({tensor_axis(a, rank, settings, key=key) for a in items}))


def split_channels(shape: Shape, settings: Settings) -> tuple[Shape, int | None]:
    """Return the spatial sizes and the channels of an image-like shape.

    Parameters
    ----------
    shape : Shape
        Sizes without the batch axis.
    settings : Settings
        Configuration with an optional ``data_format``.

    Returns
    -------
    spatial : Shape
        The spatial sizes.
    channels : int or None
        The channels.

    Examples
    --------
    >>> split_channels((4, 5, 3), Settings("conv", {}))
    ((4, 5), 3)
    """
    if _channels_first(settings):
        return shape[1:], shape[0]
    return shape[:-1], shape[-1]


def join_channels(
    spatial: Sequence[int | None], channels: int | None, settings: Settings
) -> Shape:
    """Return the shape that has these spatial sizes and channels.

    Parameters
    ----------
    spatial : sequence of int or None
        The spatial sizes.
    channels : int or None
        The channels.
    settings : Settings
        Configuration with an optional ``data_format``.

    Returns
    -------
    shape : Shape
        Sizes without the batch axis.

    Examples
    --------
    >>> join_channels((4, 5), 3, Settings("c", {"data_format": "channels_first"}))
    (3, 4, 5)
    """
    if _channels_first(settings):
        return (channels, *spatial)
    return (*spatial, channels)


def _channels_first(settings: Settings) -> bool:
    value = settings.text(
        "data_format",
        "channels_last",
        allowed=("channels_last", "channels_first"),
    )
    return value == "channels_first"


def broadcast(shapes: Sequence[Shape], settings: Settings) -> Shape:
    """Return the shape that several shapes stretch to, as NumPy does.

    Parameters
    ----------
    shapes : sequence of Shape
        The shapes.
    settings : Settings
        The layer's configuration, for the message.

    Returns
    -------
    shape : Shape
        A size that is open on one side and above 1 on the other is the latter.

    Raises
    ------
    ArchitectureError
        If two sizes differ and neither is 1.

    Examples
    --------
    >>> broadcast([(4, 1), (3,)], Settings("add", {}))
    (4, 3)
    """
    rank = max((len(shape) for shape in shapes), default=0)
    sizes: list[int | None] = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, start=rank - len(shape)):
            sizes[axis] = _stretched(sizes[axis], size, shapes, settings)
    return tuple(sizes)


def _stretched(
    one: int | None, other: int | None, shapes: Sequence[Shape], settings: Settings
) -> int | None:
    if one == other or other == 1:
        return one
    if one == 1 or one is None:
        return other
    if other is None:
        return one
    raise _mismatch(shapes, settings)


def _mismatch(shapes: Sequence[Shape], settings: Settings) -> ArchitectureError:
    listed = ", ".join(str(shape) for shape in shapes[:4])
    more = ", ..." if len(shapes) > 4 else ""
    return settings.error(
        f"the input shapes {listed}{more} do not fit together; "
        "sizes must be equal or 1 on every axis"
    )
