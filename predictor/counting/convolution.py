"""Counting rules of convolutions: plain, transposed, depthwise and separable."""

from dataclasses import replace
from functools import partial
from math import prod

from predictor.architecture import Shape
from predictor.counting.operation import Operation, OperationKind
from predictor.counting.parts import activation, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import join_channels, known, only_input, split_channels


def window_sizes(
    spatial: Shape,
    *,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    settings: Settings,
) -> Shape:
    """Return the spatial sizes after a window has slid over an input.

    Parameters
    ----------
    spatial : Shape
        Spatial sizes of the input.
    kernel, strides, dilation : tuple of int
        Points of the window, its steps, and the distance of its points, per axis.
    padding : {"valid", "same", "causal"}
        Whether the window stays inside the input or the input is filled up.
    settings : Settings
        The layer's configuration, for the message.

    Returns
    -------
    sizes : Shape
        One size per axis, open where the input's is.

    Raises
    ------
    ArchitectureError
        If the window is larger than the input.

    Examples
    --------
    >>> window_sizes((7,), kernel=(3,), strides=(2,), dilation=(1,),
    ...              padding="valid", settings=Settings("conv", {}))
    (3,)
    """
    sizes: list[int | None] = []
    for size, points, step, distance in zip(
        spatial, kernel, strides, dilation, strict=True
    ):
        if size is None:
            sizes.append(None)
            continue
        reach = distance * (points - 1) + 1 if padding == "valid" else 1
        if size < reach:
            raise settings.error(
                f"a window over {reach} points does not fit the input's {size}; "
                "use padding='same', a smaller kernel or a larger input"
            )
        sizes.append((size - reach) // step + 1)
    return tuple(sizes)


def _biases(settings: Settings, channels: int) -> tuple[Weight, ...]:
    return (Weight(size=channels),) if settings.flag("use_bias", True) else ()


def _spatial_settings(
    settings: Settings, axes: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return (
        settings.sizes("kernel_size", axes=axes),
        settings.sizes("strides", axes=axes, default=1),
        settings.sizes("dilation_rate", axes=axes, default=1),
    )


def _kind(channels: int, groups: int) -> OperationKind:
    if groups == 1:
        return "convolution"
    return "depthwise" if groups == channels else "grouped_convolution"


def _conv(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    if settings.raw("lora_rank") is not None:
        raise settings.error("'lora_rank' is set, and adapters are not counted")
    shape = only_input(call, rank=axes + 1)
    spatial, open_channels = split_channels(shape, settings)
    channels = known(open_channels, settings, "number of input channels")
    filters = settings.integer("filters")
    groups = settings.integer("groups", 1)
    if channels % groups or filters % groups:
        raise settings.error(
            f"'groups' must divide the {channels} input channels and the {filters} "
            f"filters, got {groups}"
        )
    kernel, strides, dilation = _spatial_settings(settings, axes)
    causal = ("causal",) if axes == 1 else ()
    padding = settings.text("padding", "valid", allowed=("valid", "same", *causal))
    sizes = window_sizes(
        spatial,
        kernel=kernel,
        strides=strides,
        dilation=dilation,
        padding=padding,
        settings=settings,
    )
    positions, taps = product(sizes), prod(kernel)
    inner, columns = taps * channels // groups, filters // groups
    bias = _biases(settings, filters)
    convolution = Operation(
        kind=_kind(channels, groups),
        macs=positions * inner * filters,
        read=product(shape),
        written=positions * filters,
        weights=inner * filters + sum(weight.size for weight in bias),
        positions=positions,
        inner=inner,
        columns=columns,
        groups=groups,
        taps=taps,
        stride=prod(strides),
        dilation=prod(dilation),
    )
    return Counted(
        outputs=(join_channels(sizes, filters, settings),),
        weights=(Weight(size=inner * filters), *bias),
        operations=(
            convolution,
            *activation(settings.raw("activation"), positions * filters),
        ),
    )


def _transposed_size(
    size: int | None, *, points: int, step: int, padding: str, extra: int | None
) -> int | None:
    if size is None:
        return None
    if padding == "valid":
        fill = max(points, step) - points if extra is None else extra
        return (size - 1) * step + points + fill
    if extra is None:
        return size * step
    return (size - 1) * step + points % 2 + extra


def _conv_transpose(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, open_channels = split_channels(shape, settings)
    channels = known(open_channels, settings, "number of input channels")
    filters = settings.integer("filters")
    kernel, strides, dilation = _spatial_settings(settings, axes)
    padding = settings.text("padding", "valid", allowed=("valid", "same"))
    extra: tuple[int | None, ...] = (None,) * axes
    if settings.raw("output_padding") is not None:
        extra = settings.sizes("output_padding", axes=axes, smallest=0)
    sizes = tuple(
        _transposed_size(
            size,
            points=distance * (points - 1) + 1,
            step=step,
            padding=padding,
            extra=fill,
        )
        for size, points, step, distance, fill in zip(
            spatial, kernel, strides, dilation, extra, strict=True
        )
    )
    output = join_channels(sizes, filters, settings)
    if any(size is not None and size < 1 for size in sizes):
        raise settings.error(f"the output shape {output} would be empty")
    positions, taps = product(spatial), prod(kernel)
    bias = _biases(settings, filters)
    written = product(output)
    # Without a stride it is a convolution with its kernel turned round.
    is_plain = prod(strides) == 1
    convolution = Operation(
        kind="convolution" if is_plain else "transposed_convolution",
        macs=positions * channels * taps * filters,
        read=product(shape),
        written=written,
        weights=channels * taps * filters + sum(weight.size for weight in bias),
        positions=positions,
        inner=taps * channels if is_plain else channels,
        columns=filters if is_plain else taps * filters,
        taps=taps,
        stride=prod(strides),
        dilation=prod(dilation),
    )
    return Counted(
        outputs=(output,),
        weights=(Weight(size=channels * taps * filters), *bias),
        operations=(convolution, *activation(settings.raw("activation"), written)),
    )


def _depthwise_part(call: Call, *, axes: int) -> tuple[Shape, int, Operation, Weight]:
    settings = call.settings
    shape = only_input(call, rank=axes + 1)
    spatial, open_channels = split_channels(shape, settings)
    channels = known(open_channels, settings, "number of input channels")
    multiplier = settings.integer("depth_multiplier", 1)
    kernel, strides, dilation = _spatial_settings(settings, axes)
    causal = ("causal",) if axes == 1 else ()
    sizes = window_sizes(
        spatial,
        kernel=kernel,
        strides=strides,
        dilation=dilation,
        padding=settings.text("padding", "valid", allowed=("valid", "same", *causal)),
        settings=settings,
    )
    positions, taps = product(sizes), prod(kernel)
    weight = Weight(size=taps * channels * multiplier)
    operation = Operation(
        kind="depthwise",
        macs=positions * weight.size,
        read=product(shape),
        written=positions * channels * multiplier,
        weights=weight.size,
        positions=positions,
        inner=taps,
        columns=multiplier,
        groups=channels,
        taps=taps,
        stride=prod(strides),
        dilation=prod(dilation),
    )
    return sizes, channels * multiplier, operation, weight


def _depthwise(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    sizes, channels, operation, weight = _depthwise_part(call, axes=axes)
    bias = _biases(settings, channels)
    return Counted(
        outputs=(join_channels(sizes, channels, settings),),
        weights=(weight, *bias),
        operations=(
            _with_bias(operation, bias),
            *activation(settings.raw("activation"), operation.written),
        ),
    )


def _with_bias(operation: Operation, bias: tuple[Weight, ...]) -> Operation:
    extra = sum(weight.size for weight in bias)
    return replace(operation, weights=operation.weights + extra)


def _separable(call: Call, *, axes: int) -> Counted:
    settings = call.settings
    sizes, channels, depthwise, weight = _depthwise_part(call, axes=axes)
    filters = settings.integer("filters")
    positions = depthwise.positions
    bias = _biases(settings, filters)
    pointwise = Operation(
        kind="convolution",
        macs=positions * channels * filters,
        read=positions * channels,
        written=positions * filters,
        weights=channels * filters,
        positions=positions,
        inner=channels,
        columns=filters,
    )
    return Counted(
        outputs=(join_channels(sizes, filters, settings),),
        weights=(weight, Weight(size=channels * filters), *bias),
        operations=(
            depthwise,
            _with_bias(pointwise, bias),
            *activation(settings.raw("activation"), positions * filters),
        ),
    )


RULES: dict[str, Rule] = {
    **{f"Conv{n}D": partial(_conv, axes=n) for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": partial(_conv_transpose, axes=n) for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": partial(_depthwise, axes=n) for n in (1, 2)},
    **{f"SeparableConv{n}D": partial(_separable, axes=n) for n in (1, 2)},
}
