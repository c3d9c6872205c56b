"""Counting rules of layers that work element by element, or merge tensors."""

from functools import partial

from predictor.counting.operation import Operation
from predictor.counting.parts import activation, elementwise, matmul, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import (
    broadcast,
    known,
    only_input,
    tensor_axes,
    tensor_axis,
)


def _nothing(call: Call) -> Counted:
    return Counted(outputs=(only_input(call),))


def _activation(call: Call) -> Counted:
    shape = only_input(call)
    setting = call.settings.raw("activation")
    return Counted(outputs=(shape,), operations=activation(setting, product(shape)))


def _named_activation(call: Call, *, name: str) -> Counted:
    shape = only_input(call)
    return Counted(outputs=(shape,), operations=activation(name, product(shape)))


def _softmax(call: Call) -> Counted:
    if not call.inputs:
        raise call.settings.error("takes an input, got none")
    shape = call.inputs[0]
    return Counted(outputs=(shape,), operations=activation("softmax", product(shape)))


def _prelu(call: Call) -> Counted:
    shape = only_input(call)
    shared = call.settings.raw("shared_axes")
    sizes = list(shape)
    if shared is not None:
        for axis in tensor_axes(shared, len(shape), call.settings, key="shared_axes"):
            sizes[axis] = 1
    alphas = product(sizes)
    operation = elementwise(product(shape), kind="activation", weights=alphas)
    return Counted(
        outputs=(shape,), weights=(Weight(size=alphas),), operations=(operation,)
    )


def _scaling(call: Call) -> Counted:
    shape = only_input(call)
    return Counted(outputs=(shape,), operations=(elementwise(product(shape)),))


def _standardisation(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    axis = settings.raw("axis") if "axis" in settings.values else -1
    kept = () if axis is None else tensor_axes(axis, len(shape), settings, key="axis")
    size = product([shape[position] for position in kept])
    adapted = settings.raw("mean") is None
    weights = tuple(Weight(size=n, trainable=False) for n in (size, size, 1))
    operation = elementwise(product(shape), kind="normalisation", weights=2 * size)
    return Counted(
        outputs=(shape,),
        weights=weights if adapted else (),
        operations=(operation,),
    )


def _noise(call: Call, *, strength: str, default: float) -> Counted:
    shape = only_input(call)
    value = call.settings.raw(strength)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise call.settings.error(
            f"{strength!r} must be a number of at least 0, got {value!r:.60}"
        )
    if value == 0:
        return Counted(outputs=(shape,))
    operation = elementwise(product(shape), kind="random", training_only=True)
    return Counted(outputs=(shape,), operations=(operation,))


def _layer_scale(call: Call) -> Counted:
    shape = only_input(call, smallest_rank=1)
    channels = call.settings.integer("projection_dim")
    output = broadcast([shape, (channels,)], call.settings)
    operation = elementwise(product(output), weights=channels)
    return Counted(
        outputs=(output,), weights=(Weight(size=channels),), operations=(operation,)
    )


def _bias(call: Call) -> Counted:
    shape = only_input(call, smallest_rank=1)
    size = known(shape[-1], call.settings, "last size of the input")
    operation = elementwise(product(shape), weights=size)
    return Counted(
        outputs=(shape,), weights=(Weight(size=size),), operations=(operation,)
    )


def _several(call: Call, *, fewest: int = 2) -> None:
    if len(call.inputs) < fewest:
        raise call.settings.error(
            f"takes a list of at least {fewest} inputs, got {len(call.inputs)}"
        )


def _merge(call: Call) -> Counted:
    _several(call)
    output = broadcast(call.inputs, call.settings)
    operation = Operation(
        kind="elementwise",
        read=sum(product(shape) for shape in call.inputs),
        written=product(output),
    )
    return Counted(outputs=(output,), operations=(operation,))


def _merge_two(call: Call) -> Counted:
    if len(call.inputs) != 2:
        raise call.settings.error(f"takes two inputs, got {len(call.inputs)}")
    return _merge(call)


def _concatenate(call: Call) -> Counted:
    settings = call.settings
    _several(call, fewest=1)
    first = call.inputs[0]
    written = settings.raw("axis")
    axis = tensor_axis(
        -1 if written is None else written, len(first), settings, key="axis"
    )
    total = 0
    for shape in call.inputs:
        others = zip(shape, first, strict=False)
        if len(shape) != len(first) or any(
            position != axis and None not in pair and pair[0] != pair[1]
            for position, pair in enumerate(others)
        ):
            raise settings.error(
                f"the input shapes {first} and {shape} must be equal but for axis "
                f"{axis + 1}"
            )
        total += known(shape[axis], settings, "size along the joined axis")
    output = (*first[:axis], total, *first[axis + 1 :])
    operation = elementwise(product(output), kind="copy")
    return Counted(outputs=(output,), operations=(operation,))


def _dot_axes(settings: Settings, ranks: tuple[int, int]) -> tuple[int, int]:
    value = settings.raw("axes")
    pair = value if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2:
        raise settings.error(f"'axes' must have two numbers, got {value!r:.60}")
    return (
        tensor_axis(pair[0], ranks[0], settings, key="axes"),
        tensor_axis(pair[1], ranks[1], settings, key="axes"),
    )


def _dot(call: Call) -> Counted:
    settings = call.settings
    if len(call.inputs) != 2:
        raise settings.error(f"takes two inputs, got {len(call.inputs)}")
    left, right = call.inputs
    one, other = _dot_axes(settings, (len(left), len(right)))
    if left[one] != right[other]:
        raise settings.error(
            f"the input shapes {left} and {right} differ along the summed axes"
        )
    rows = (*left[:one], *left[one + 1 :])
    columns = (*right[:other], *right[other + 1 :])
    operations = [
        matmul(
            positions=product(rows),
            inner=product((left[one],)),
            columns=product(columns),
            weighted=False,
        )
    ]
    if settings.flag("normalize", False):
        operations[:0] = [
            elementwise(product(shape), inputs=2, kind="normalisation")
            for shape in call.inputs
        ]
    return Counted(outputs=((*rows, *columns) or (1,),), operations=tuple(operations))


RULES: dict[str, Rule] = {
    "Bias": _bias,
    "Identity": _nothing,
    "ActivityRegularization": _nothing,
    "Masking": _scaling,
    "Activation": _activation,
    "ELU": partial(_named_activation, name="elu"),
    "LeakyReLU": partial(_named_activation, name="leaky_relu"),
    "ReLU": partial(_named_activation, name="relu"),
    "ThresholdedReLU": partial(_named_activation, name="threshold"),
    "Softmax": _softmax,
    "PReLU": _prelu,
    "Rescaling": _scaling,
    "Normalization": _standardisation,
    "LayerScale": _layer_scale,
    "CustomScaleLayer": _merge_two,
    "Add": _merge,
    "Average": _merge,
    "Maximum": _merge,
    "Minimum": _merge,
    "Multiply": _merge,
    "Subtract": _merge_two,
    "Concatenate": _concatenate,
    "Dot": _dot,
    **{
        kind: partial(_noise, strength=strength, default=default)
        for kind, strength, default in (
            ("Dropout", "rate", 0.5),
            ("SpatialDropout1D", "rate", 0.5),
            ("SpatialDropout2D", "rate", 0.5),
            ("SpatialDropout3D", "rate", 0.5),
            ("GaussianDropout", "rate", 0.5),
            ("AlphaDropout", "rate", 0.5),
            ("GaussianNoise", "stddev", 1.0),
            ("StochasticDepth", "drop_path_rate", 0.0),
        )
    },
}
