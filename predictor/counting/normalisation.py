"""Counting rules of layers that normalise by statistics."""

from predictor.architecture import Shape
from predictor.counting.operation import Operation
from predictor.counting.parts import elementwise, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import only_input, tensor_axes, tensor_axis


def _scale_and_shift(settings: Settings, size: int) -> tuple[Weight, ...]:
    flags = (settings.flag("scale", True), settings.flag("center", True))
    return tuple(Weight(size=size) for flag in flags if flag)


def _batch_normalisation(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call, smallest_rank=1)
    written_axis = settings.raw("axis")
    if isinstance(written_axis, list | tuple) and len(written_axis) == 1:
        written_axis = written_axis[0]
    axis = tensor_axis(
        -1 if written_axis is None else written_axis, len(shape), settings, key="axis"
    )
    channels = product(shape[axis : axis + 1])
    elements = product(shape)
    renorm = settings.flag("renorm", False)
    moving = (Weight(size=channels, trainable=False),) * (5 if renorm else 2)
    weights = (*_scale_and_shift(settings, channels), *moving)
    scaling = elementwise(
        elements, kind="normalisation", weights=sum(weight.size for weight in weights)
    )
    statistics = Operation(kind="normalisation", read=elements, training_only=True)
    # A frozen layer keeps its moving statistics, also during training.
    frozen = not settings.flag("trainable", True)
    return Counted(
        outputs=(shape,),
        weights=weights,
        operations=(scaling,) if frozen else (statistics, scaling),
    )


def _by_sample(shape: Shape, weights: tuple[Weight, ...]) -> Counted:
    # Two sweeps over the input: one for the statistics, one to scale.
    operation = elementwise(
        product(shape),
        inputs=2,
        kind="normalisation",
        weights=sum(weight.size for weight in weights),
    )
    return Counted(outputs=(shape,), weights=weights, operations=(operation,))


def _normalised_sizes(call: Call, shape: Shape) -> int:
    axis = call.settings.raw("axis")
    axes = tensor_axes(
        -1 if axis is None else axis, len(shape), call.settings, key="axis"
    )
    return product([shape[a] for a in axes])


def _layer_normalisation(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call, smallest_rank=1)
    size = _normalised_sizes(call, shape)
    if settings.flag("rms_scaling", False):
        return _by_sample(shape, (Weight(size=size),))
    return _by_sample(shape, _scale_and_shift(settings, size))


def _rms_normalisation(call: Call) -> Counted:
    shape = only_input(call, smallest_rank=1)
    return _by_sample(shape, (Weight(size=_normalised_sizes(call, shape)),))


def _group_normalisation(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call, smallest_rank=1)
    axis = settings.raw("axis")
    position = tensor_axis(
        -1 if axis is None else axis, len(shape), settings, key="axis"
    )
    channels = product(shape[position : position + 1])
    groups = settings.integer("groups", 32, smallest=-1)
    if groups == 0 or (groups > 0 and channels % groups):
        raise settings.error(
            f"'groups' must divide the {channels} channels or be -1, got {groups}"
        )
    return _by_sample(shape, _scale_and_shift(settings, channels))


def _unit_normalisation(call: Call) -> Counted:
    return _by_sample(only_input(call), ())


RULES: dict[str, Rule] = {
    "BatchNormalization": _batch_normalisation,
    "GroupNormalization": _group_normalisation,
    "LayerNormalization": _layer_normalisation,
    "RMSNormalization": _rms_normalisation,
    "UnitNormalization": _unit_normalisation,
}
