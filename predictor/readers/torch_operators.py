"""PyTorch's operators in the words of ONNX, whose counting rules they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

Sizes = tuple[int, ...]
Tensors = Mapping[str, Any]
"""Arguments by name: tensors as what stands for them, all else as it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One operator that an operator of PyTorch stands for.

    Parameters
    ----------
    kind : str
        ONNX's name.
    takes : sequence
        The tensors taken, in ONNX's order; None for one that is left out, a shape for
        one that an earlier piece of the same operator made.
    makes : sequence of tuple of int
        Shapes of what it makes.
    settings : mapping of str to object, default={}
        ONNX's attributes.
    """

    kind: str
    takes: Sequence[Any]
    makes: Sequence[Sizes]
    settings: Mapping[str, object] = field(default_factory=dict)


Translate = Callable[[Tensors, Sequence[Sizes]], list[Work]]
"""From arguments and the shapes of results to operators."""

FREE = frozenset(
    [
        *("alias", "contiguous", "detach", "flatten", "lift_fresh_copy", "reshape"),
        *("reshape_as", "squeeze", "_unsafe_view", "unflatten", "unsqueeze", "view"),
        *("view_as", "permute", "transpose", "t", "mT", "movedim", "swapaxes"),
    ]
)
"""Another view of the same elements, without a copy."""

_NAMES_BY_KIND = {
    "Clip": "clamp clamp_max clamp_min hardtanh relu6",
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "PRelu": "prelu",
    "ThresholdedRelu": "threshold",
    "Abs": "abs",
    "Neg": "neg",
    "Sign": "sign sgn",
    "Ceil": "ceil",
    "Floor": "floor",
    "Round": "round trunc",
    "Not": "logical_not bitwise_not",
    "IsNaN": "isnan",
    "IsInf": "isinf",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "Sigmoid": "sigmoid log_sigmoid",
    "Tanh": "tanh",
    "Gelu": "gelu",
    "Swish": "silu",
    "Mish": "mish",
    "Elu": "elu",
    "Selu": "selu",
    "Celu": "celu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Exp": "exp exp2 expm1",
    "Log": "log log10 log1p log2",
    "Sqrt": "sqrt rsqrt",
    "Reciprocal": "reciprocal",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Erf": "erf",
    "Add": "add lerp",
    "Sub": "sub rsub",
    "Mul": "mul addcmul",
    "Div": "div floor_divide addcdiv",
    "Pow": "pow square",
    "Mod": "remainder fmod",
    "Max": "maximum",
    "Min": "minimum",
    "Equal": "eq ne",
    "Greater": "gt",
    "GreaterOrEqual": "ge",
    "Less": "lt",
    "LessOrEqual": "le",
    "And": "logical_and bitwise_and",
    "Or": "logical_or bitwise_or",
    "Xor": "logical_xor bitwise_xor",
    "Where": "where masked_fill",
    "CumSum": "cumsum",
    "Trilu": "tril triu",
    "Softmax": "softmax _softmax",
    "LogSoftmax": "log_softmax _log_softmax",
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceProd": "prod",
    "ReduceMax": "amax max",
    "ReduceMin": "amin min",
    "ReduceL2": "norm linalg_vector_norm std var",
    "ReduceLogSumExp": "logsumexp",
    "ArgMax": "argmax",
    "ArgMin": "argmin",
    "TopK": "topk sort",
    "Concat": "cat concat concatenate stack",
    "Slice": "slice narrow select flip",
    "Split": "split split_with_sizes chunk unbind tensor_split",
    "Pad": "pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d "
    "replication_pad2d",
    "Tile": "repeat tile repeat_interleave clone roll unfold im2col",
    "Expand": "expand expand_as broadcast_to",
    "Resize": "upsample_nearest1d upsample_nearest2d upsample_nearest3d "
    "upsample_bilinear2d upsample_bicubic2d upsample_linear1d upsample_trilinear3d "
    "interpolate",
    "DepthToSpace": "pixel_shuffle",
    "SpaceToDepth": "pixel_unshuffle",
    "Gather": "embedding index_select",
    "GatherElements": "gather take_along_dim",
    "GatherND": "index",
    "ScatterElements": "scatter scatter_add",
    "OneHot": "one_hot",
    "Dropout": "dropout feature_dropout alpha_dropout feature_alpha_dropout",
    "MatMul": "matmul mm bmm mv dot",
}
KINDS = {name: kind for kind, names in _NAMES_BY_KIND.items() for name in names.split()}
"""Operators that take and make the same tensors in the same order as ONNX's."""


def _pair(value: Any, axes: int, default: int = 1) -> list[int]:
    if value is None or value == []:
        return [default] * axes
    sizes = [value] * axes if isinstance(value, int) else list(value)
    return sizes * axes if len(sizes) == 1 else sizes


def _convolution(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    axes = len(makes[0]) - 2
    transposed = given.get("transposed", False)
    return [
        Work(
            kind="ConvTranspose" if transposed else "Conv",
            takes=[given["input"], given["weight"], given.get("bias")],
            makes=makes,
            settings={
                "group": given["groups"],
                "strides": _pair(given["stride"], axes),
                "dilations": _pair(given["dilation"], axes),
            },
        )
    ]


def _transposed_convolution(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    return _convolution({**given, "transposed": True}, makes)


def _linear(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    takes = [given["input"], given["weight"], given.get("bias")]
    return [Work(kind="Gemm", takes=takes, makes=makes, settings={"transB": 1})]


def _product_and_sum(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    names = ("mat1", "mat2") if "mat1" in given else ("batch1", "batch2")
    first, second = (given[name] for name in names)
    return [Work(kind="Gemm", takes=[first, second, given["self"]], makes=makes)]


def _normalisation(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    takes = [given["input"], given.get("weight"), given.get("bias")]
    return [Work(kind="LayerNormalization", takes=takes, makes=makes[:1])]


def _batch_normalisation(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    if given.get("running_mean") is None:
        return _normalisation(given, makes)
    names = ("input", "weight", "bias", "running_mean", "running_var")
    takes = [given.get(name) for name in names]
    return [Work(kind="BatchNormalization", takes=takes, makes=makes[:1])]


def _pooling(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    axes = len(makes[0]) - 2
    window = _pair(given["kernel_size"], axes)
    largest = "ceil_mode" in given and "count_include_pad" not in given
    return [
        Work(
            kind="MaxPool" if largest else "AveragePool",
            takes=[given["self"]],
            makes=makes[:1],
            settings={
                "kernel_shape": window,
                "strides": _pair(given["stride"] or window, axes),
            },
        )
    ]


def _adaptive(kind: str) -> Translate:
    def translate(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
        sizes, made = given["self"].shape[2:], makes[0][2:]
        if prod(made) == 1:
            name = f"Global{kind}"
            return [Work(kind=name, takes=[given["self"]], makes=makes[:1])]
        window = [-(-size // part) for size, part in zip(sizes, made, strict=True)]
        settings = {"kernel_shape": window, "strides": window}
        return [
            Work(kind=kind, takes=[given["self"]], makes=makes[:1], settings=settings)
        ]

    return translate


def _attention(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    query, key, value = (given[name] for name in ("query", "key", "value"))
    scores = (*query.shape[:-1], key.shape[-2])
    turned = (*key.shape[:-2], key.shape[-1], key.shape[-2])
    groups = query.shape[-3] // key.shape[-3] if given.get("enable_gqa") else 1
    if groups > 1:  # several heads look at the same keys
        turned = (*query.shape[:-2], key.shape[-1], key.shape[-2])
    mask = given.get("attn_mask")
    works = [Work(kind="MatMul", takes=[query, (key, turned)], makes=[scores])]
    if mask is not None:
        works.append(Work(kind="Add", takes=[scores, mask], makes=[scores]))
    works.append(Work(kind="Softmax", takes=[scores], makes=[scores]))
    if given.get("dropout_p"):
        works.append(Work(kind="Dropout", takes=[scores], makes=[scores]))
    seen = (*query.shape[:-2], *value.shape[-2:])
    return [*works, Work(kind="MatMul", takes=[scores, (value, seen)], makes=makes)]


def _recurrent(kind: str) -> Translate:
    def translate(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
        image = given["input"]
        steps, samples, features = image.shape
        if given["batch_first"]:
            steps, samples = samples, steps
        directions = 2 if given["bidirectional"] else 1
        layers = given["num_layers"]
        params = list(given["params"])
        each = len(params) // layers
        works: list[Work] = []
        for layer in range(layers):
            own = params[layer * each : (layer + 1) * each]
            units = own[1].shape[1]
            before = (steps, samples, units * directions)
            shape = (steps, samples, features) if layer == 0 else before
            works.append(
                Work(
                    kind=kind,
                    takes=[(image, shape) if layer == 0 else shape, *own],
                    makes=[before] if layer + 1 < layers else makes,
                    settings={
                        "hidden_size": units,
                        "direction": "bidirectional" if directions == 2 else "forward",
                    },
                )
            )
            if given["dropout"] and layer + 1 < layers:
                works.append(Work(kind="Dropout", takes=[before], makes=[before]))
        return works

    return translate


def _einsum(given: Tensors, makes: Sequence[Sizes]) -> list[Work]:
    settings = {"equation": given["equation"]}
    return [Work(kind="Einsum", takes=given["tensors"], makes=makes, settings=settings)]


TRANSLATIONS: Mapping[str, Translate] = {
    **dict.fromkeys(["conv1d", "conv2d", "conv3d", "convolution"], _convolution),
    **dict.fromkeys(
        ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"],
        _transposed_convolution,
    ),
    **dict.fromkeys(["addmm", "baddbmm", "addbmm"], _product_and_sum),
    **dict.fromkeys(
        ["layer_norm", "native_layer_norm", "group_norm", "instance_norm", "rms_norm"],
        _normalisation,
    ),
    **dict.fromkeys(
        ["max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices"], _pooling
    ),
    **dict.fromkeys(["avg_pool1d", "avg_pool2d", "avg_pool3d"], _pooling),
    **{
        f"adaptive_{how}_pool{axes}d": _adaptive(kind)
        for axes in (1, 2, 3)
        for how, kind in (("avg", "AveragePool"), ("max", "MaxPool"))
    },
    "batch_norm": _batch_normalisation,
    "einsum": _einsum,
    "gru": _recurrent("GRU"),
    "linear": _linear,
    "lstm": _recurrent("LSTM"),
    "rnn_relu": _recurrent("RNN"),
    "rnn_tanh": _recurrent("RNN"),
    "scaled_dot_product_attention": _attention,
}
"""Operators that ONNX says in other words."""
