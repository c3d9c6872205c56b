"""Counting rules of pooling over windows and over whole images."""

from functools import partial
from math import prod

from predictor.architecture import Shape
from predictor.counting.convolution import window_sizes
from predictor.counting.operation import Operation, OperationKind
from predictor.counting.parts import product
from predictor.counting.rule import Call, Counted, Rule
from predictor.counting.shapes import join_channels, only_input, split_channels

_KINDS: dict[str, OperationKind] = {"Max": "max_pooling", "Average": "pooling"}
"""Average and maximum cost the same forward; backward a maximum must be found again.
Each window is read for itself, so overlapping windows read more than the map holds."""


def _pooling(call: Call, *, axes: int, kind: OperationKind) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, channels = split_channels(shape, settings)
    window = settings.sizes("pool_size", axes=axes, default=2)
    strides = window
    if settings.raw("strides") is not None:
        strides = settings.sizes("strides", axes=axes)
    sizes = window_sizes(
        spatial,
        kernel=window,
        strides=strides,
        dilation=(1,) * axes,
        padding=settings.text("padding", "valid", allowed=("valid", "same")),
        settings=settings,
    )
    output = join_channels(sizes, channels, settings)
    operation = Operation(
        kind=kind,
        read=product(output) * prod(window),
        written=product(output),
        positions=product(sizes),
        groups=product((channels,)),
        taps=prod(window),
        stride=prod(strides),
    )
    return Counted(outputs=(output,), operations=(operation,))


def _adaptive_pooling(call: Call, *, axes: int, kind: OperationKind) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, channels = split_channels(shape, settings)
    sizes = settings.sizes("output_size", axes=axes)
    output = join_channels(sizes, channels, settings)
    taps = max(1, product(spatial) // prod(sizes))
    operation = Operation(
        kind=kind,
        read=product(shape),
        written=product(output),
        positions=prod(sizes),
        groups=product((channels,)),
        taps=taps,
        stride=taps,
    )
    return Counted(outputs=(output,), operations=(operation,))


def _global_pooling(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    _, channels = split_channels(shape, settings)
    output: Shape = (channels,)
    if settings.flag("keepdims", False):
        output = join_channels((1,) * axes, channels, settings)
    operation = Operation(
        kind="reduction", read=product(shape), written=product(output)
    )
    return Counted(outputs=(output,), operations=(operation,))


RULES: dict[str, Rule] = {}
for _n in (1, 2, 3):
    for _how, _kind in _KINDS.items():
        RULES[f"{_how}Pooling{_n}D"] = partial(_pooling, axes=_n, kind=_kind)
        RULES[f"Global{_how}Pooling{_n}D"] = partial(_global_pooling, axes=_n)
        RULES[f"Adaptive{_how}Pooling{_n}D"] = partial(
            _adaptive_pooling, axes=_n, kind=_kind
        )
