"""Counting rules of pooling over windows and over whole images."""

from functools import partial
from math import prod

from predictor.architecture import Shape
from predictor.counting.convolution import window_sizes
from predictor.counting.operation import Operation
from predictor.counting.parts import product
from predictor.counting.rule import Call, Counted, Rule
from predictor.counting.shapes import join_channels, only_input, split_channels


def _pooling(call: Call, *, axes: int) -> Counted:
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
    return _pooled(shape, output, taps=prod(window))


def _pooled(shape: Shape, output: Shape, *, taps: int) -> Counted:
    operation = Operation(
        kind="pooling", read=product(shape), written=product(output), taps=taps
    )
    return Counted(outputs=(output,), operations=(operation,))


def _adaptive_pooling(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, channels = split_channels(shape, settings)
    sizes = settings.sizes("output_size", axes=axes)
    taps = max(1, product(spatial) // prod(sizes))
    return _pooled(shape, join_channels(sizes, channels, settings), taps=taps)


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
    for _how in ("Max", "Average"):
        RULES[f"{_how}Pooling{_n}D"] = partial(_pooling, axes=_n)
        RULES[f"Global{_how}Pooling{_n}D"] = partial(_global_pooling, axes=_n)
        RULES[f"Adaptive{_how}Pooling{_n}D"] = partial(_adaptive_pooling, axes=_n)
