"""Counting rules of ONNX operators, from the shapes of what they take and make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from predictor.architecture import Shape
from predictor.counting import recurrent
from predictor.counting.operation import Operation, OperationKind
from predictor.counting.parts import elementwise, matmul
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.errors import UnsupportedLayerError

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operator:
    """An operator with static shapes, those of one sample with a batch axis of 1."""

    settings: Settings
    shapes: tuple[Sizes | None, ...]
    is_weight: tuple[bool, ...]
    is_constant: tuple[bool, ...]
    outputs: tuple[Sizes, ...]

    @property
    def read(self) -> int:
        """Elements of all tensors taken that are no constants."""
        return sum(
            prod(shape)
            for shape, constant in zip(self.shapes, self.is_constant, strict=True)
            if shape is not None and not constant
        )

    @property
    def weights(self) -> int:
        """Elements of all weights taken."""
        return sum(
            prod(shape)
            for shape, weight in zip(self.shapes, self.is_weight, strict=True)
            if shape is not None and weight
        )

    @property
    def written(self) -> int:
        return sum(prod(shape) for shape in self.outputs)

    def shape(self, place: int) -> Sizes:
        if place >= len(self.shapes) or (found := self.shapes[place]) is None:
            raise self.settings.error(f"input {place} is missing")
        return found

    def numbers(self, name: str, default: Sizes) -> Sizes:
        if self.settings.raw(name) is None:
            return default
        return self.settings.sizes(name, axes=len(default))


Count = Callable[[_Operator], tuple[Operation, ...]]


def _nothing(one: _Operator) -> tuple[Operation, ...]:
    return ()


def _sweep(one: _Operator, *, kind: OperationKind) -> tuple[Operation, ...]:
    """Count one pass over everything taken and made."""
    return (
        Operation(kind=kind, read=one.read, written=one.written, weights=one.weights),
    )


def _copy(one: _Operator) -> tuple[Operation, ...]:
    return (elementwise(one.written, kind="copy"),)


def _gather(one: _Operator) -> tuple[Operation, ...]:
    table = prod(one.shape(0)) if one.is_weight[0] else 0
    work = Operation(
        kind="gather", read=one.written, written=one.written, weights=table
    )
    return (work,)


def _normalisation(one: _Operator) -> tuple[Operation, ...]:
    """Count statistics of each sample and what is made of them: two passes."""
    elements = prod(one.shape(0))
    return (elementwise(elements, inputs=2, kind="normalisation", weights=one.weights),)


def _batch_normalisation(one: _Operator) -> tuple[Operation, ...]:
    elements = prod(one.shape(0))
    statistics = Operation(kind="normalisation", read=elements, training_only=True)
    scaling = elementwise(elements, kind="normalisation", weights=one.weights)
    return (statistics, scaling)


def _dropout(one: _Operator) -> tuple[Operation, ...]:
    return (elementwise(prod(one.outputs[0]), kind="random", training_only=True),)


def _checked_groups(one: _Operator, channels: int, filters: int) -> int:
    groups = one.settings.integer("group", 1)
    if channels % groups or filters % groups:
        raise one.settings.error(
            f"'group' must divide {channels} channels and {filters} filters, "
            f"got {groups}"
        )
    return groups


def _convolution(one: _Operator) -> tuple[Operation, ...]:
    image, kernel, made = one.shape(0), one.shape(1), one.outputs[0]
    if len(image) < 3 or len(kernel) != len(image) or len(made) != len(image):
        raise one.settings.error(f"{image} and {kernel} do not fit together")
    channels, filters, window = image[1], kernel[0], kernel[2:]
    groups = _checked_groups(one, channels, filters)
    taps, positions = prod(window), prod(made[2:])
    inner = taps * channels // groups
    kind: OperationKind = "convolution"
    if groups > 1:
        kind = "depthwise" if groups == channels else "grouped_convolution"
    ones = (1,) * len(window)
    return (
        Operation(
            kind=kind,
            macs=positions * inner * filters,
            read=one.read,
            written=one.written,
            weights=one.weights,
            positions=positions,
            inner=inner,
            columns=filters // groups,
            groups=groups,
            taps=taps,
            stride=prod(one.numbers("strides", ones)),
            dilation=prod(one.numbers("dilations", ones)),
        ),
    )


def _transposed_convolution(one: _Operator) -> tuple[Operation, ...]:
    image, kernel = one.shape(0), one.shape(1)
    if len(image) < 3 or len(kernel) != len(image):
        raise one.settings.error(f"{image} and {kernel} do not fit together")
    channels, window = image[1], kernel[2:]
    groups = one.settings.integer("group", 1)
    if channels % groups:
        raise one.settings.error(f"'group' must divide {channels} channels")
    filters = kernel[1] * groups
    taps, positions = prod(window), prod(image[2:])
    ones = (1,) * len(window)
    stride = prod(one.numbers("strides", ones))
    is_plain = stride == 1
    inner, columns = channels // groups, filters // groups
    return (
        Operation(
            kind="convolution" if is_plain else "transposed_convolution",
            macs=positions * channels * taps * columns,
            read=one.read,
            written=one.written,
            weights=one.weights,
            positions=positions,
            inner=taps * inner if is_plain else inner,
            columns=columns if is_plain else taps * columns,
            groups=groups,
            taps=taps,
            stride=stride,
            dilation=prod(one.numbers("dilations", ones)),
        ),
    )


def _product(one: _Operator) -> tuple[Operation, ...]:
    """Count a product of matrices, of which one may be a weight."""
    left, right = one.shape(0), one.shape(1)
    if one.settings.raw("transA"):
        left = (*left[:-2], *left[:-3:-1])
    inner = left[-1]
    columns = right[-1] if len(right) > 1 else 1
    if one.settings.raw("transB"):
        columns = right[-2]
    rows = max(1, prod(one.outputs[0]) // columns)
    weighted = any(one.is_weight[:2])
    groups = 1
    if not weighted:
        groups = prod(one.outputs[0][:-2])
        rows //= max(1, groups)
    elif len(right) > 2 and one.is_weight[1]:  # a weight for each of several products
        groups = prod(right[:-2])
        rows //= max(1, groups)
    bias = prod(one.shapes[2]) if len(one.shapes) > 2 and one.shapes[2] else 0
    work = matmul(
        positions=max(1, rows),
        inner=inner,
        columns=columns,
        groups=groups,
        weighted=weighted,
        bias=bias,
        read=one.read,
        written=one.written,
    )
    return (work,)


def _einsum(one: _Operator) -> tuple[Operation, ...]:
    equation = one.settings.text("equation", "").replace(" ", "")
    sources, arrow, target = equation.partition("->")
    terms = sources.split(",")
    fits = arrow and "." not in equation and len(terms) == len(one.shapes)
    if not fits or any(
        len(term) != len(shape or ())
        for term, shape in zip(terms, one.shapes, strict=False)
    ):
        raise one.settings.error(
            f"'equation' must name every axis and have '->', got {equation!r:.60}"
        )
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, one.shapes, strict=True):
        sizes.update(zip(term, shape or (), strict=True))
    if len(terms) == 1:
        return _copy(one) if set(target) == set(terms[0]) else _sweep_reduction(one)
    summed = [name for name in sizes if name not in target]
    shared = [name for name in target if all(name in term for term in terms)]
    columns = [n for n in target if n in terms[1] and n not in shared]
    inner, groups = (prod(sizes[n] for n in names) for names in (summed, shared))
    width = prod(sizes[name] for name in columns)
    work = matmul(
        positions=max(1, one.written // max(1, groups * width)),
        inner=inner,
        columns=width,
        groups=groups,
        weighted=any(one.is_weight),
        read=one.read,
        written=one.written,
    )
    return (work,)


def _sweep_reduction(one: _Operator) -> tuple[Operation, ...]:
    return _sweep(one, kind="reduction")


def _pooling(one: _Operator, *, kind: OperationKind) -> tuple[Operation, ...]:
    made = one.outputs[0]
    window = one.numbers("kernel_shape", (1,) * (len(made) - 2))
    ones = (1,) * len(window)
    return (
        Operation(
            kind=kind,
            read=prod(made) * prod(window),
            written=prod(made),
            positions=prod(made[2:]),
            groups=made[1] if len(made) > 1 else 1,
            taps=prod(window),
            stride=prod(one.numbers("strides", ones)),
        ),
    )


def _recurrent(one: _Operator, *, kind: str) -> tuple[Operation, ...]:
    """Count as Keras' layer of this name, once for each direction."""
    if len(one.shape(0)) != 3:
        raise one.settings.error(
            f"needs the axes time, batch, features, got {one.shape(0)}"
        )
    steps, _, features = one.shape(0)
    units = one.settings.integer("hidden_size")
    directions = 2 if one.settings.raw("direction") == "bidirectional" else 1
    settings = Settings(one.settings.layer, {"units": units, "return_sequences": True})
    call = Call(settings=settings, inputs=((steps, features),))
    operations = recurrent.RULES[kind](call).operations
    if directions == 1:
        return operations
    elements = steps * units  # as `Bidirectional`: one is turned round, both are joined
    joining = (
        elementwise(elements, kind="copy"),
        elementwise(2 * elements, kind="copy"),
    )
    return (*operations, *operations, *joining)


_RECURRENT = ("GRU", "LSTM", "RNN")


def _tensors_of_keras(sizes: list[int], one: _Operator) -> list[int]:
    """Divide weights among as many tensors as Keras has, for an update visits each.

    A direction has two products and, where there is any, one bias; ONNX joins the
    directions, and PyTorch has two biases.
    """
    directions = 2 if one.settings.raw("direction") == "bidirectional" else 1
    has_bias = len(sizes) in (3, 4 * directions)
    tensors = (3 if has_bias else 2) * directions
    share = sum(sizes) // tensors
    return [share] * (tensors - 1) + [sum(sizes) - share * (tensors - 1)]


_KINDS: dict[OperationKind, str] = {
    "activation": "Abs BitwiseNot Ceil Clip Floor IsInf IsNaN LeakyRelu Neg Not PRelu "
    "Relu Round Shrink Sign ThresholdedRelu",
    "piecewise": "HardSigmoid HardSwish",
    "transcendental": "Acos Acosh Asin Asinh Atan Atanh Celu Cos Cosh Elu Erf Exp Gelu "
    "Log Mish Reciprocal Selu Sigmoid Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh",
    "elementwise": "Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Cast CastLike "
    "CumSum DequantizeLinear Div Equal Greater GreaterOrEqual Less LessOrEqual Max "
    "Mean Min Mod Mul Or Pow QuantizeLinear Sub Sum Trilu Where Xor",
    "softmax": "Hardmax LogSoftmax Softmax",
    "reduction": "ArgMax ArgMin GlobalAveragePool GlobalLpPool GlobalMaxPool ReduceL1 "
    "ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
    "ReduceSum ReduceSumSquare TopK",
    "random": "Bernoulli RandomNormalLike RandomUniformLike",
}
_COUNTS: dict[str, Count] = {
    **{
        name: partial(_sweep, kind=kind)
        for kind, names in _KINDS.items()
        for name in names.split()
    },
    **dict.fromkeys(
        [
            "Constant",
            "ConstantOfShape",
            "Flatten",
            "Identity",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
        ],
        _nothing,
    ),
    **dict.fromkeys(
        [
            "Concat",
            "DepthToSpace",
            "Expand",
            "Pad",
            "Resize",
            "ReverseSequence",
            "Slice",
            "SpaceToDepth",
            "Split",
            "Tile",
            "Transpose",
        ],
        _copy,
    ),
    **dict.fromkeys(
        [
            "Gather",
            "GatherElements",
            "GatherND",
            "OneHot",
            "ScatterElements",
            "ScatterND",
        ],
        _gather,
    ),
    **dict.fromkeys(
        [
            "GroupNormalization",
            "InstanceNormalization",
            "LRN",
            "LayerNormalization",
            "LpNormalization",
            "MeanVarianceNormalization",
            "RMSNormalization",
        ],
        _normalisation,
    ),
    "AveragePool": partial(_pooling, kind="pooling"),
    "BatchNormalization": _batch_normalisation,
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "GRU": partial(_recurrent, kind="GRU"),
    "Gemm": _product,
    "LSTM": partial(_recurrent, kind="LSTM"),
    "LpPool": partial(_pooling, kind="pooling"),
    "MatMul": _product,
    "MaxPool": partial(_pooling, kind="max_pooling"),
    "RNN": partial(_recurrent, kind="SimpleRNN"),
}
_STATISTICS = {"BatchNormalization": 2}
"""Weights, the last ones taken, that are moving statistics."""


def _sample(sizes: Sizes) -> Shape:
    return sizes[1:] if sizes[:1] == (1,) else sizes


def _rule(call: Call, *, name: str, count: Count) -> Counted:
    settings = call.settings
    if settings.raw("domain") not in {"", "ai.onnx", None}:
        kind = f"{settings.raw('domain')}.{name}"
        raise UnsupportedLayerError(kind, settings.layer, _COUNTS)
    operands: list[Mapping[str, Any] | None] = list(settings.values["operands"])  # type: ignore[call-overload]
    outputs = [tuple(shape) for shape in settings.values["output_shapes"]]  # type: ignore[attr-defined]
    one = _Operator(
        settings=settings,
        shapes=tuple(
            None if item is None else tuple(item["shape"]) for item in operands
        ),
        is_weight=tuple(item is not None and item["weight"] for item in operands),
        is_constant=tuple(item is not None and item["constant"] for item in operands),
        outputs=tuple(outputs),
    )
    try:
        operations = count(one)
    except (LookupError, ArithmeticError) as error:
        raise settings.error("the shapes of its inputs do not fit together") from error
    sizes: list[int] = list(settings.values["weights"])  # type: ignore[call-overload]
    if name in _RECURRENT and sizes:
        sizes = _tensors_of_keras(sizes, one)
    learned = len(sizes) - _STATISTICS.get(name, 0)
    return Counted(
        outputs=tuple(map(_sample, outputs)),
        weights=tuple(
            Weight(size=size, trainable=place < learned)
            for place, size in enumerate(sizes)
        ),
        operations=operations,
    )


RULES: dict[str, Rule] = {
    f"onnx.{name}": partial(_rule, name=name, count=count)
    for name, count in _COUNTS.items()
}
