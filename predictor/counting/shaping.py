"""Counting rules of layers that only move, repeat, cut or pad elements."""

from functools import partial
from math import prod

from predictor.architecture import Shape
from predictor.counting.operation import Operation
from predictor.counting.parts import OpenSizeError, elementwise, product
from predictor.counting.rule import Call, Counted, Rule
from predictor.counting.settings import Settings
from predictor.counting.shapes import join_channels, only_input, split_channels


def _moved(output: Shape) -> Counted:
    operation = elementwise(product(output), kind="copy")
    return Counted(outputs=(output,), operations=(operation,))


def _flatten(call: Call) -> Counted:
    shape = only_input(call)
    try:
        size: int | None = product(shape)
    except OpenSizeError:
        size = None
    return Counted(outputs=((size,),))


def reshaped(shape: Shape, target: object, settings: Settings, *, key: str) -> Shape:
    """Return the shape that a reshape makes.

    Parameters
    ----------
    shape : Shape
        Shape of the input.
    target : object
        The list of sizes as written; one of them may be -1 and is then found.
    settings : Settings
        The layer's configuration, for the message.
    key : str
        Where the target was written, for the message.

    Returns
    -------
    shape : Shape
        The sizes, open where the input's are and -1 stands for them.

    Raises
    ------
    ArchitectureError
        If the target is no list of sizes or has another number of elements.

    Examples
    --------
    >>> reshaped((4, 6), [-1, 8], Settings("reshape", {}), key="target_shape")
    (3, 8)
    """
    listed = target if isinstance(target, list | tuple) else (target,)
    inferred = listed.count(-1)
    sizes = Settings(
        settings.layer, {key: [1 if size == -1 else size for size in listed]}
    ).sizes(key, axes=len(listed))
    if inferred > 1:
        raise settings.error(f"{key!r} may hold -1 once, got {target!r:.60}")
    if None in shape:
        return tuple(
            None if written == -1 else size
            for written, size in zip(listed, sizes, strict=True)
        )
    elements, fixed = product(shape), prod(sizes)
    if elements % fixed if inferred else elements != fixed:
        raise settings.error(
            f"the input shape {shape} of {elements} elements does not fit {key!r} "
            f"{list(listed)!r:.60}"
        )
    return tuple(
        elements // fixed if written == -1 else size
        for written, size in zip(listed, sizes, strict=True)
    )


def _reshape(call: Call) -> Counted:
    settings = call.settings
    target = settings.raw("target_shape")
    if target is None:
        raise settings.error("setting 'target_shape' is missing")
    shape = only_input(call)
    return Counted(outputs=(reshaped(shape, target, settings, key="target_shape"),))


def _permute(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    order = settings.sizes("dims", axes=len(shape))
    if sorted(order) != list(range(1, len(shape) + 1)):
        raise settings.error(
            f"'dims' must hold each of 1 to {len(shape)} once, got {list(order)}"
        )
    return _moved(tuple(shape[axis - 1] for axis in order))


def _repeat_vector(call: Call) -> Counted:
    shape = only_input(call, rank=1)
    return _moved((call.settings.integer("n"), *shape))


def _margins(
    settings: Settings, key: str, *, axes: int, default: int
) -> tuple[tuple[int, int], ...]:
    value = settings.raw(key)
    pairs = value if isinstance(value, list | tuple) else ()
    # In one dimension, two numbers are the two sides; else there is one per axis.
    if axes == 1 and len(pairs) == 2:
        sides = settings.sizes(key, axes=2, smallest=0)
        return ((sides[0], sides[1]),)
    if pairs and all(isinstance(pair, list | tuple) for pair in pairs):
        if len(pairs) != axes:
            raise settings.error(
                f"{key!r} must have {axes} pairs of numbers, got {value!r:.60}"
            )
        margins = []
        for pair in pairs:
            one = Settings(settings.layer, {key: pair})
            before, after = one.sizes(key, axes=2, smallest=0)
            margins.append((before, after))
        return tuple(margins)
    sizes = settings.sizes(key, axes=axes, default=default, smallest=0)
    return tuple((size, size) for size in sizes)


def _padding(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    spatial, channels = split_channels(only_input(call, rank=axes + 1), settings)
    margins = _margins(settings, "padding", axes=axes, default=1)
    sizes = [
        None if size is None else before + size + after
        for size, (before, after) in zip(spatial, margins, strict=True)
    ]
    return _moved(join_channels(sizes, channels, settings))


def _cropping(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, channels = split_channels(shape, settings)
    margins = _margins(settings, "cropping", axes=axes, default=0 if axes == 2 else 1)
    sizes = [
        None if size is None else size - before - after
        for size, (before, after) in zip(spatial, margins, strict=True)
    ]
    if any(size is not None and size < 1 for size in sizes):
        raise settings.error(
            f"'cropping' {[list(pair) for pair in margins]} leaves nothing of {shape}"
        )
    return _moved(join_channels(sizes, channels, settings))


def _up_sampling(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, channels = split_channels(shape, settings)
    factors = settings.sizes("size", axes=axes, default=2)
    sizes = [
        None if size is None else size * factor
        for size, factor in zip(spatial, factors, strict=True)
    ]
    output = join_channels(sizes, channels, settings)
    method = settings.text("interpolation", "nearest")
    return _sampled(output, points=_points_read(method, settings))


_POINTS_READ = {
    "nearest": 1,
    "bilinear": 4,
    "bicubic": 16,
    "lanczos3": 36,
    "lanczos5": 100,
    "area": 4,
}


def _points_read(method: str, settings: Settings) -> int:
    if method not in _POINTS_READ:
        raise settings.error(
            f"'interpolation' must be one of {', '.join(_POINTS_READ)}; "
            f"got {method!r:.60}"
        )
    return _POINTS_READ[method]


def _sampled(output: Shape, *, points: int) -> Counted:
    written = product(output)
    operation = Operation(kind="copy", read=written, written=written, taps=points)
    return Counted(outputs=(output,), operations=(operation,))


def _resizing(call: Call) -> Counted:
    settings = call.settings
    _, channels = split_channels(only_input(call, rank=3), settings)
    sizes = (settings.integer("height"), settings.integer("width"))
    method = settings.text("interpolation", "bilinear")
    output = join_channels(sizes, channels, settings)
    return _sampled(output, points=_points_read(method, settings))


def _center_crop(call: Call) -> Counted:
    settings = call.settings
    _, channels = split_channels(only_input(call, rank=3), settings)
    sizes = (settings.integer("height"), settings.integer("width"))
    return _moved(join_channels(sizes, channels, settings))


RULES: dict[str, Rule] = {
    "CenterCrop": _center_crop,
    "Flatten": _flatten,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "Reshape": _reshape,
    "Resizing": _resizing,
    **{f"ZeroPadding{n}D": partial(_padding, axes=n) for n in (1, 2, 3)},
    **{f"Cropping{n}D": partial(_cropping, axes=n) for n in (1, 2, 3)},
    **{f"UpSampling{n}D": partial(_up_sampling, axes=n) for n in (1, 2, 3)},
}
