"""Counting rules of Keras operations, used in a functional graph, that compute."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from predictor.architecture import Shape
from predictor.counting import pooling
from predictor.counting.operands import (
    Operand,
    across_samples,
    broadcast_operands,
    operands,
)
from predictor.counting.operation import Operation
from predictor.counting.parts import activation, elementwise, matmul, product
from predictor.counting.rule import Call, Counted, Rule
from predictor.counting.shapes import only_input, tensor_axes

_POINTWISE = (
    "Absolute",
    "Add",
    "Arccos",
    "Arccosh",
    "Arcsin",
    "Arcsinh",
    "Arctan",
    "Arctan2",
    "Arctanh",
    "Cast",
    "Ceil",
    "Clip",
    "Cos",
    "Cosh",
    "Divide",
    "DivideNoNan",
    "Equal",
    "Erf",
    "Exp",
    "Exp2",
    "Expm1",
    "Floor",
    "FloorDivide",
    "Greater",
    "GreaterEqual",
    "Isfinite",
    "Isinf",
    "Isnan",
    "Less",
    "LessEqual",
    "Log",
    "Log10",
    "Log1p",
    "Log2",
    "Logaddexp",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "LogicalXor",
    "Maximum",
    "Minimum",
    "Mod",
    "Multiply",
    "NanToNum",
    "Negative",
    "NotEqual",
    "OnesLike",
    "Power",
    "Reciprocal",
    "Round",
    "Rsqrt",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "Square",
    "Subtract",
    "Tan",
    "TrueDivide",
    "Trunc",
    "Where",
    "ZerosLike",
)
_ACTIVATIONS = {
    "Celu": "celu",
    "Elu": "elu",
    "Gelu": "gelu",
    "HardShrink": "hard_shrink",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LeakyRelu": "leaky_relu",
    "LogSigmoid": "log_sigmoid",
    "LogSoftmax": "log_softmax",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "SoftShrink": "soft_shrink",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sparsemax": "sparsemax",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "Squareplus": "squareplus",
    "Tanh": "tanh",
    "TanhShrink": "tanh_shrink",
    "Threshold": "threshold",
}
_REDUCTIONS = (
    "All",
    "Amax",
    "Amin",
    "Any",
    "Argmax",
    "Argmin",
    "CountNonzero",
    "Logsumexp",
    "Max",
    "Mean",
    "Median",
    "Min",
    "Prod",
    "Std",
    "Sum",
    "Var",
)


def _pointwise(call: Call) -> Counted:
    found = operands(call)
    if not any(not operand.constant for operand in found):
        raise call.settings.error("takes a tensor, got none")
    output = broadcast_operands(found, call.settings)
    operation = Operation(
        kind="elementwise",
        read=sum(product(o.shape) for o in found if not o.constant),
        written=product(output),
    )
    return Counted(outputs=(output,), operations=(operation,))


def _activation(call: Call, *, name: str) -> Counted:
    shape = only_input(call)
    return Counted(outputs=(shape,), operations=activation(name, product(shape)))


def _reduction(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    axis = settings.raw("axis")
    if axis is None or axis == 0 or (isinstance(axis, list) and 0 in axis):
        raise across_samples(settings)
    axes = tensor_axes(axis, len(shape), settings, key="axis")
    kept = settings.flag("keepdims", False)
    output = tuple(
        1 if position in axes else size
        for position, size in enumerate(shape)
        if kept or position not in axes
    )
    operation = Operation(
        kind="reduction", read=product(shape), written=product(output)
    )
    return Counted(outputs=(output,), operations=(operation,))


def _normalise(call: Call) -> Counted:
    shape = only_input(call)
    operation = elementwise(product(shape), inputs=2, kind="normalisation")
    return Counted(outputs=(shape,), operations=(operation,))


def _two_operands(call: Call) -> tuple[Operand, Operand]:
    found = operands(call)
    if len(found) != 2 or all(operand.constant for operand in found):
        raise call.settings.error(f"takes two operands, got {len(found)}")
    return found[0], found[1]


def _matrix_product(call: Call) -> Counted:
    settings = call.settings
    left, right = _two_operands(call)
    problem = settings.error(
        f"the operands' shapes {left.shape} and {right.shape} cannot be multiplied"
    )
    one, other = left.shape, right.shape
    weighted = left.constant or right.constant
    if left.constant:
        if len(one) != 2 or len(other) < 2 or one[1] != other[-2]:
            raise problem
        rows, inner, columns = one[0], one[1], other[-1]
        stacked: Shape = other[:-2]
        output = (*stacked, rows, columns)
        # Seen from the constant, the tensor's columns are the positions.
        positions, width = product((*stacked, columns)), product((rows,))
    elif right.constant:
        if len(other) != 2 or not one or one[-1] != other[0]:
            raise problem
        inner = other[0]
        output = (*one[:-1], other[1])
        positions, width = product(one[:-1]), product((other[1],))
        stacked = ()
    else:
        if len(one) != len(other) or len(one) < 2 or one[-1] != other[-2]:
            raise problem
        inner = one[-1]
        stacked = broadcast_operands(
            [replace(left, shape=one[:-2]), replace(right, shape=other[:-2])], settings
        )
        output = (*stacked, one[-2], other[-1])
        positions, width = product((one[-2],)), product((other[-1],))
    operation = matmul(
        positions=positions,
        inner=product((inner,)),
        columns=width,
        groups=1 if weighted else product(stacked),
        weighted=weighted,
        read=sum(product(o.shape) for o in (left, right) if not o.constant),
        written=product(output),
    )
    return Counted(outputs=(output,), operations=(operation,))


def _einsum(call: Call) -> Counted:
    settings = call.settings
    subscripts = settings.text("subscripts", "").replace(" ", "")
    left, right = _two_operands(call)
    sources, arrow, target = subscripts.partition("->")
    names = sources.split(",")
    if not arrow or len(names) != 2 or not "".join((*names, target)).isalpha():
        raise settings.error(
            f"'subscripts' must be like 'bij,bjk->bik', got {subscripts!r:.60}"
        )
    batch = target[0]
    sizes: dict[str, int | None] = {}
    for name, operand in zip(names, (left, right), strict=True):
        if operand.constant == (name[0] == batch) or batch in name[1:]:
            raise across_samples(settings)
        axes = name if operand.constant else name[1:]
        if len(axes) != len(operand.shape) or len(set(axes)) != len(axes):
            raise settings.error(
                f"{name!r:.60} does not fit an operand of shape {operand.shape}"
            )
        for axis, size in zip(axes, operand.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise settings.error(f"the sizes of axis {axis!r} differ")
    if any(axis not in sizes for axis in target[1:]):
        raise settings.error(f"an output axis of {subscripts!r:.60} has no size")
    output = tuple(sizes[axis] for axis in target[1:])

    def size_of(kept: Mapping[str, bool]) -> int:
        return product([sizes[axis] for axis in sizes if kept[axis]])

    in_both = {axis: axis in names[0] and axis in names[1] for axis in sizes}
    in_target = {axis: axis in target for axis in sizes}
    operation = matmul(
        positions=size_of({a: in_target[a] and a not in names[1] for a in sizes}),
        inner=size_of({a: not in_target[a] for a in sizes}),
        columns=size_of({a: in_target[a] and a not in names[0] for a in sizes}),
        groups=size_of({a: in_target[a] and in_both[a] for a in sizes}),
        weighted=left.constant or right.constant,
        read=sum(product(o.shape) for o in (left, right) if not o.constant),
        written=product(output),
    )
    return Counted(outputs=(output,), operations=(operation,))


def _pool(call: Call, *, how: str) -> Counted:
    axes = len(only_input(call, smallest_rank=2)) - 1
    rule = pooling.RULES.get(f"{how}Pooling{axes}D")
    if rule is None:
        raise call.settings.error(f"pools 1 to 3 spatial axes, got {axes}")
    return rule(call)


RULES: dict[str, Rule] = {
    **{f"ops.{kind}": _pointwise for kind in _POINTWISE},
    **{f"ops.{kind}": _reduction for kind in _REDUCTIONS},
    **{
        f"ops.{kind}": partial(_activation, name=name)
        for kind, name in _ACTIVATIONS.items()
    },
    "ops.AveragePool": partial(_pool, how="Average"),
    "ops.Einsum": _einsum,
    "ops.Matmul": _matrix_product,
    "ops.MaxPool": partial(_pool, how="Max"),
    "ops.Normalize": _normalise,
}
