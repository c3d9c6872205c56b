"""Counting rules of Keras operations, used in a functional graph, that move data."""

from collections.abc import Mapping
from itertools import pairwise

from predictor.architecture import Shape
from predictor.counting.operands import across_samples
from predictor.counting.parts import elementwise, product
from predictor.counting.rule import Call, Counted, Rule
from predictor.counting.settings import Settings
from predictor.counting.shapes import broadcast, known, only_input, tensor_axis
from predictor.counting.shaping import reshaped
from predictor.errors import ArchitectureError


def _copied(*outputs: Shape) -> Counted:
    operations = tuple(elementwise(product(shape), kind="copy") for shape in outputs)
    return Counted(outputs=outputs, operations=operations)


def _unmoved(call: Call) -> Counted:
    return Counted(outputs=(only_input(call),))


def _axis(call: Call, rank: int, *, key: str = "axis", default: int = 0) -> int:
    value = call.settings.raw(key)
    value = default if value is None else value
    if value == 0 and not isinstance(value, bool):
        raise across_samples(call.settings)
    return tensor_axis(value, rank, call.settings, key=key)


def _reshape(call: Call) -> Counted:
    settings = call.settings
    target = settings.raw("newshape")
    if (
        not isinstance(target, list | tuple)
        or not target
        or target[0] not in (-1, None)
    ):
        raise settings.error(
            f"'newshape' must begin with -1, the batch axis, got {target!r:.60}"
        )
    sizes = list(target[1:])
    shape = reshaped(only_input(call), sizes, settings, key="newshape")
    return Counted(outputs=(shape,))


def _transpose(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    order = settings.sizes("axes", axes=len(shape) + 1, smallest=-len(shape))
    if order[0] != 0:
        raise across_samples(settings)
    places = [tensor_axis(axis, len(shape), settings, key="axes") for axis in order[1:]]
    if len(set(places)) != len(places):
        raise settings.error(f"'axes' must hold each axis once, got {list(order)}")
    return _copied(tuple(shape[place] for place in places))


def _swap_axes(call: Call) -> Counted:
    sizes = list(only_input(call))
    one = _axis(call, len(sizes), key="axis1")
    other = _axis(call, len(sizes), key="axis2")
    sizes[one], sizes[other] = sizes[other], sizes[one]
    return _copied(tuple(sizes))


def _expand_dims(call: Call) -> Counted:
    shape = only_input(call)
    axis = _axis(call, len(shape) + 1)
    return Counted(outputs=((*shape[:axis], 1, *shape[axis:]),))


def _squeeze(call: Call) -> Counted:
    shape = only_input(call)
    if call.settings.raw("axis") is None:
        return Counted(outputs=(tuple(size for size in shape if size != 1),))
    axis = _axis(call, len(shape))
    if shape[axis] != 1:
        raise call.settings.error(
            f"'axis' must have the size 1, and the input shape is {shape}"
        )
    return Counted(outputs=((*shape[:axis], *shape[axis + 1 :]),))


def _concatenate(call: Call) -> Counted:
    settings = call.settings
    if not call.inputs:
        raise settings.error("takes a list of tensors, got none")
    first = call.inputs[0]
    axis = _axis(call, len(first))
    total = 0
    for shape in call.inputs:
        rest = (*shape[:axis], *shape[axis + 1 :])
        if len(shape) != len(first) or rest != (*first[:axis], *first[axis + 1 :]):
            raise settings.error(
                f"the input shapes {first} and {shape} must be equal but for axis "
                f"{axis + 1}"
            )
        total += known(shape[axis], settings, "size along the joined axis")
    return _copied((*first[:axis], total, *first[axis + 1 :]))


def _stack(call: Call) -> Counted:
    settings = call.settings
    if not call.inputs or len(set(call.inputs)) != 1:
        raise settings.error("takes a list of tensors of one shape")
    first = call.inputs[0]
    axis = _axis(call, len(first) + 1)
    return _copied((*first[:axis], len(call.inputs), *first[axis:]))


def _split(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    axis = _axis(call, len(shape))
    size = known(shape[axis], settings, "size along the split axis")
    sections = settings.raw("indices_or_sections")
    if isinstance(sections, list | tuple):
        edges = settings.sizes("indices_or_sections", axes=len(sections))
        bounds = (0, *edges, size)
        lengths = [b - a for a, b in pairwise(bounds)]
    else:
        count = settings.integer("indices_or_sections")
        if count > size or size % count:
            raise settings.error(f"cannot split {size} elements into {count} parts")
        _check_outputs(count, settings)
        lengths = [size // count] * count
    if min(lengths) < 1:
        raise settings.error(f"a part of the split of {size} elements is empty")
    return _copied(*((*shape[:axis], n, *shape[axis + 1 :]) for n in lengths))


def _unstack(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    axis = _axis(call, len(shape))
    count = known(shape[axis], settings, "size along the unstacked axis")
    _check_outputs(count, settings)
    return _copied(*((*shape[:axis], *shape[axis + 1 :]),) * count)


_MOST_OUTPUTS = 10_000


def _check_outputs(count: int, settings: Settings) -> None:
    if count > _MOST_OUTPUTS:
        raise settings.error(
            f"has {count} outputs; at most {_MOST_OUTPUTS} are allowed"
        )


def _pad(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    widths = settings.raw("pad_width")
    pairs = widths if isinstance(widths, list | tuple) else ()
    if len(pairs) != len(shape) + 1:
        raise settings.error(
            f"'pad_width' must have {len(shape) + 1} pairs, got {widths!r:.60}"
        )
    margins = [
        sum(
            Settings(settings.layer, {"pad_width": pair}).sizes(
                "pad_width", axes=2, smallest=0
            )
        )
        for pair in pairs
    ]
    if margins[0]:
        raise across_samples(settings)
    return _copied(
        tuple(
            None if size is None else size + margin
            for size, margin in zip(shape, margins[1:], strict=True)
        )
    )


def _repeat(call: Call) -> Counted:
    shape = only_input(call)
    axis = _axis(call, len(shape))
    size = known(shape[axis], call.settings, "size along the repeated axis")
    longer = size * call.settings.integer("repeats")
    return _copied((*shape[:axis], longer, *shape[axis + 1 :]))


def _tile(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    times = settings.sizes("repeats", axes=len(shape) + 1)
    if times[0] != 1:
        raise across_samples(settings)
    return _copied(
        tuple(
            None if size is None else size * factor
            for size, factor in zip(shape, times[1:], strict=True)
        )
    )


def _broadcast_to(call: Call) -> Counted:
    settings = call.settings
    target = settings.raw("shape")
    if not isinstance(target, list | tuple):
        raise settings.error(f"'shape' must be a list, got {target!r:.60}")
    sizes = Settings(settings.layer, {"shape": target[1:]}).sizes(
        "shape", axes=len(target) - 1
    )
    return _copied(broadcast([only_input(call), sizes], settings))


def _get_item(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    key = call.arguments.get("1")
    keys = list(key) if isinstance(key, list | tuple) else [key]
    ellipses = [place for place, item in enumerate(keys) if _is_class(item, "ellipsis")]
    if len(ellipses) > 1:
        raise settings.error("an index has two ellipses")
    taken = sum(item is not None for item in keys) - len(ellipses)
    if taken > len(shape) + 1:
        raise settings.error(f"an index of {taken} axes into {len(shape) + 1}")
    whole = {"class_name": "__slice__", "config": {}}
    filling: list[object] = [whole] * (len(shape) + 1 - taken)
    if ellipses:
        keys[ellipses[0] : ellipses[0] + 1] = filling
    else:
        keys += filling
    if _slice_parts(keys[0], settings) != (None, None, None):
        raise across_samples(settings)
    sizes: list[int | None] = []
    axes = iter(shape)
    for item in keys[1:]:
        if item is None:
            sizes.append(1)
            continue
        size = next(axes)
        if isinstance(item, int) and not isinstance(item, bool):
            if size is not None and not -size <= item < size:
                raise settings.error(f"index {item} is outside an axis of size {size}")
            continue
        start, stop, step = _slice_parts(item, settings)
        if (start, stop, step) == (None, None, None):
            sizes.append(size)
            continue
        length = known(size, settings, "size of a sliced axis")
        sizes.append(len(range(*slice(start, stop, step).indices(length))))
    if 0 in sizes:
        raise settings.error(f"an index into the shape {shape} takes nothing")
    return _copied(tuple(sizes))


def _is_class(item: object, name: str) -> bool:
    return isinstance(item, Mapping) and item.get("class_name") == f"__{name}__"


def _slice_parts(
    item: object, settings: Settings
) -> tuple[int | None, int | None, int | None]:
    if not isinstance(item, Mapping) or not _is_class(item, "slice"):
        raise _bad_index(item, settings)
    config = item.get("config")
    if not isinstance(config, Mapping):
        raise _bad_index(item, settings)
    parts: list[int | None] = []
    for key in ("start", "stop", "step"):
        value = config.get(key)
        if isinstance(value, bool) or not isinstance(value, int | None):
            raise _bad_index(item, settings)
        parts.append(value)
    if parts[2] == 0:
        raise _bad_index(item, settings)
    return parts[0], parts[1], parts[2]


def _bad_index(item: object, settings: Settings) -> ArchitectureError:
    return settings.error(
        f"the index {str(item)!r:.60} is not counted; "
        "slices and integers along axes other than the batch are"
    )


RULES: dict[str, Rule] = {
    "ops.BroadcastTo": _broadcast_to,
    "ops.Concatenate": _concatenate,
    "ops.ExpandDims": _expand_dims,
    "ops.Flip": lambda call: _copied(only_input(call)),
    "ops.GetItem": _get_item,
    "ops.Pad": _pad,
    "ops.Repeat": _repeat,
    "ops.Reshape": _reshape,
    "ops.Roll": lambda call: _copied(only_input(call)),
    "ops.Split": _split,
    "ops.Squeeze": _squeeze,
    "ops.Stack": _stack,
    "ops.StopGradient": _unmoved,
    "ops.Swapaxes": _swap_axes,
    "ops.Tile": _tile,
    "ops.Transpose": _transpose,
    "ops.Unstack": _unstack,
}
