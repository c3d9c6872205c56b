"""The families of whole synthetic networks, each a function of one design point."""

from collections.abc import Callable

from dataset_builder.plan.draw import Draw, nice_size
from dataset_builder.plan.graph import Graph, Tensor

ACTIVATIONS = ("relu", "relu", "relu", "gelu", "tanh", "silu", "sigmoid")
LARGEST_CHANNELS = 2048
MAP_SIZES = (8, 14, 16, 24, 28, 32, 32, 48, 56, 64, 64, 80, 96, 112, 128, 160, 192, 224)

Network = dict[str, object]


def dense_network(draw: Draw) -> Network:
    """Build a multilayer perceptron, from wide and flat to narrow and deep.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> network = dense_network(Draw([0.5] * 32))
    >>> network["config"]["layers"][-1]["class_name"]
    'Dense'
    """
    nice = draw.flag(0.75)
    graph = Graph("dense")
    features = draw.size(4, 4096, nice=nice)
    depth = draw.integer(1, 170)
    width = draw.size(4, 4096, nice=nice)
    shape = draw.choice(["uniform", "uniform", "taper", "funnel"])
    activation = draw.choice(ACTIVATIONS)
    separate = draw.flag(0.3)
    norm = draw.choice([None, None, None, "BatchNormalization", "LayerNormalization"])
    dropout = draw.flag(0.2)
    classes = draw.integer(1, 1000)
    tensor = graph.input((features,))
    for index in range(depth):
        position = index / max(1, depth - 1)
        units = width
        if shape == "taper":
            units = max(4, round(width * (1 - 0.9 * position)))
        elif shape == "funnel":
            units = max(4, round(width * 10 ** -abs(2 * position - 1)))
        inline = None if separate or norm else activation
        tensor = graph.dense(tensor, units, activation=inline)
        if norm:
            tensor = graph.same(norm, tensor)
        if inline is None:
            tensor = graph.activation(tensor, activation)
        if dropout and index % 2 == 0:
            tensor = graph.same("Dropout", tensor, rate=0.2)
    return graph.finish(graph.dense(tensor, classes))


def convolutional_network(draw: Draw) -> Network:
    """Build a plain convolutional network in stages, as LeNet or VGG.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> convolutional_network(Draw([0.3] * 32))["config"]["name"]
    'convolutional'
    """
    nice = draw.flag(0.75)
    graph = Graph("convolutional")
    size = draw.choice(MAP_SIZES)
    tensor = graph.input((size, size, draw.choice([1, 3, 3, 3])))
    stages = draw.integer(1, 6)
    depth = draw.integer(1, 10)
    width = draw.size(4, 192, nice=nice)
    growth = draw.choice([1.0, 1.5, 2.0, 2.0])
    kernel = draw.choice([1, 3, 3, 3, 5, 7])
    norm = draw.flag(0.5)
    activation = draw.choice(ACTIVATIONS)
    shrink = draw.choice(["max", "max", "average", "stride"])
    groups = draw.choice([1, 1, 1, 1, 2, 4, 8])
    padding = draw.choice(["same", "same", "same", "valid"])
    for stage in range(stages):
        channels = min(LARGEST_CHANNELS, round(width * growth**stage))
        channels = max(groups, channels // groups * groups)
        for index in range(depth):
            last = index == depth - 1
            stride = 2 if shrink == "stride" and last else 1
            if padding == "valid" and tensor.shape[0] < kernel + 2:
                break
            tensor = graph.conv2d(
                tensor,
                channels,
                kernel=kernel,
                strides=stride,
                groups=groups if tensor.channels % groups == 0 else 1,
                padding=padding,
                use_bias=not norm,
                activation=None if norm else activation,
            )
            if norm:
                tensor = graph.same("BatchNormalization", tensor)
                tensor = graph.activation(tensor, activation)
        if shrink != "stride" and tensor.shape[0] > 2:
            tensor = graph.pool(tensor, kind=shrink)
        if tensor.shape[0] <= 2:
            break
    return graph.finish(_image_head(graph, draw, tensor))


def sequence_convolution_network(draw: Draw) -> Network:
    """Build a convolutional network over time, for signals or text.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> sequence_convolution_network(Draw([0.3] * 32))["config"]["name"]
    'convolutional'
    """
    nice = draw.flag(0.75)
    graph = Graph("convolutional")
    tensor = _sequence_input(graph, draw, nice=nice, longest=4096)
    width = draw.size(8, 384, nice=nice)
    kernel = draw.choice([1, 3, 3, 5, 7, 9])
    activation = draw.choice(ACTIVATIONS)
    norm = draw.flag(0.4)
    stride = draw.choice([1, 1, 2])
    for index in range(draw.integer(1, 16)):
        tensor = graph.conv1d(
            tensor,
            width,
            kernel=kernel,
            strides=stride if tensor.shape[0] > 8 and index % 2 else 1,
            activation=None if norm else activation,
        )
        if norm:
            tensor = graph.same("BatchNormalization", tensor)
            tensor = graph.activation(tensor, activation)
    tensor = graph.global_pool(tensor, kind=draw.choice(["average", "max"]))
    return graph.finish(graph.dense(tensor, draw.integer(1, 1000)))


def signal_network(draw: Draw) -> Network:
    """Build a convolutional network over a raw signal, which is pooled on the way.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> signal_network(Draw([0.3] * 32))["config"]["name"]
    'convolutional'
    """
    nice = draw.flag(0.75)
    graph = Graph("convolutional")
    length = draw.size(512, 32_768, nice=nice)
    tensor = graph.input((length, draw.choice([1, 1, 2, 3, 12])))
    width = draw.size(8, 128, nice=nice)
    activation = draw.choice(ACTIVATIONS)
    norm = draw.flag(0.6)
    kernel = draw.choice([3, 5, 9])
    window = draw.choice([2, 2, 4])
    kind = draw.choice(["max", "max", "average"])
    first, step = draw.choice([(3, 1), (9, 2), (16, 4), (32, 8), (80, 4), (80, 16)])
    for index in range(draw.integer(1, 6)):
        tensor = graph.conv1d(
            tensor,
            min(width * 2**index, 512),
            kernel=first if index == 0 else kernel,
            strides=step if index == 0 else 1,
            activation=None if norm else activation,
        )
        if norm:
            tensor = _normalised(graph, tensor, activation)
        if tensor.shape[0] >= 2 * window:
            tensor = graph.pool(tensor, kind=kind, size=window, strides=window)
    tensor = graph.global_pool(tensor, kind=draw.choice(["average", "max"]))
    return graph.finish(graph.dense(tensor, draw.integer(1, 1000)))


def separable_network(draw: Draw) -> Network:
    """Build a network of depthwise and pointwise convolutions, as MobileNet.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> separable_network(Draw([0.3] * 32))["config"]["name"]
    'separable'
    """
    nice = draw.flag(0.75)
    graph = Graph("separable")
    size = draw.choice(MAP_SIZES)
    style = draw.choice(["plain", "inverted", "inverted", "layer"])
    width = draw.size(8, 128, nice=nice)
    stages = draw.integer(1, 5)
    depth = draw.integer(1, 6)
    kernel = draw.choice([3, 3, 3, 5, 5, 7])
    expansion = draw.choice([2, 4, 6])
    activation = draw.choice(["relu", "relu6", "silu", "hard_silu"])
    squeeze = draw.flag(0.3)
    tensor = graph.input((size, size, 3))
    stem = 2 if size >= 64 else 1
    tensor = graph.conv2d(tensor, width, kernel=3, strides=stem, use_bias=False)
    tensor = _normalised(graph, tensor, activation)
    for stage in range(stages):
        channels = min(1024, nice_size(round(width * 1.7**stage)))
        for index in range(depth):
            stride = 2 if index == 0 and stage > 0 and tensor.shape[0] > 2 else 1
            block = {
                "plain": _depthwise_block,
                "inverted": _inverted_block,
                "layer": _separable_block,
            }[style]
            tensor = block(
                graph,
                tensor,
                channels,
                kernel,
                stride,
                activation,
                expansion,
                squeeze,
            )
    return graph.finish(_image_head(graph, draw, tensor))


def residual_network(draw: Draw) -> Network:
    """Build a network of residual or densely connected blocks.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> residual_network(Draw([0.3] * 32))["config"]["name"]
    'residual'
    """
    nice = draw.flag(0.75)
    graph = Graph("residual")
    size = draw.choice(MAP_SIZES)
    style = draw.choice(["basic", "bottleneck", "bottleneck", "joined"])
    width = draw.size(8, 96, nice=nice)
    stages = draw.integer(1, 4)
    depth = draw.integer(1, 8)
    kernel = draw.choice([3, 3, 3, 5])
    groups = draw.choice([1, 1, 1, 1, 4])
    activation = draw.choice(["relu", "relu", "silu"])
    tensor = graph.input((size, size, 3))
    if size >= 64:
        tensor = graph.conv2d(tensor, width, kernel=7, strides=2, use_bias=False)
        tensor = _normalised(graph, tensor, activation)
        tensor = graph.pool(tensor, size=3)
    else:
        tensor = graph.conv2d(tensor, width, kernel=3, use_bias=False)
        tensor = _normalised(graph, tensor, activation)
    for stage in range(stages):
        channels = width * 2**stage
        for index in range(depth):
            stride = 2 if index == 0 and stage > 0 and tensor.shape[0] > 2 else 1
            if style == "joined":
                tensor = _joined_block(graph, tensor, width, stride, activation)
            else:
                tensor = _residual_block(
                    graph,
                    tensor,
                    channels,
                    kernel,
                    stride,
                    groups if channels % groups == 0 else 1,
                    activation,
                    bottleneck=style == "bottleneck",
                )
    return graph.finish(_image_head(graph, draw, tensor))


def decoder_network(draw: Draw) -> Network:
    """Build a network that shrinks maps and grows them again, as U-Net.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> decoder_network(Draw([0.3] * 32))["config"]["name"]
    'decoder'
    """
    nice = draw.flag(0.75)
    graph = Graph("decoder")
    size = draw.choice([16, 32, 32, 48, 64, 64, 96, 128, 160])
    tensor = graph.input((size, size, draw.choice([1, 3])))
    stages = draw.integer(1, 4)
    depth = draw.integer(1, 3)
    width = draw.size(4, 96, nice=nice)
    growth = draw.choice([1.0, 1.5, 2.0, 2.0])
    joins = draw.choice([None, "Concatenate", "Concatenate", "Add"])
    shrink = draw.choice(["max", "stride", "stride"])
    grow = draw.choice(["transposed", "transposed", "nearest", "bilinear"])
    kernel = draw.choice([2, 3, 3, 4, 5])
    norm = draw.flag(0.4)
    activation = draw.choice(["relu", "relu", "silu"])

    def convolved(tensor: Tensor, channels: int, strides: int = 1) -> Tensor:
        tensor = graph.conv2d(
            tensor,
            channels,
            kernel=3,
            strides=strides,
            use_bias=not norm,
            activation=None if norm else activation,
        )
        return _normalised(graph, tensor, activation) if norm else tensor

    passed: list[Tensor] = []
    for stage in range(stages):
        channels = round(width * growth**stage)
        for _ in range(depth):
            tensor = convolved(tensor, channels)
        passed.append(tensor)
        if shrink == "max":
            tensor = graph.pool(tensor)
        else:
            tensor = convolved(tensor, channels, strides=2)
    for start in reversed(passed):
        channels = start.channels
        if grow == "transposed":
            tensor = graph.transposed(
                tensor, channels, kernel=kernel, strides=2, activation=activation
            )
        else:
            tensor = convolved(graph.upsample(tensor, kind=grow), channels)
        if joins is not None:
            tensor = graph.merge([start, tensor], kind=joins)
        for _ in range(depth - 1):
            tensor = convolved(tensor, channels)
    classes = draw.choice([1, 3, 21])
    return graph.finish(graph.conv2d(tensor, classes, kernel=1))


def recurrent_network(draw: Draw) -> Network:
    """Build a network of recurrent layers over text or signals.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> recurrent_network(Draw([0.3] * 32))["config"]["name"]
    'recurrent'
    """
    nice = draw.flag(0.75)
    graph = Graph("recurrent")
    tensor = _sequence_input(graph, draw, nice=nice, longest=384)
    kind = draw.choice(["LSTM", "LSTM", "GRU", "SimpleRNN"])
    units = draw.size(4, 512, nice=nice)
    depth = draw.integer(1, 4)
    bidirectional = draw.flag(0.3)
    for index in range(depth):
        tensor = graph.recurrent(
            tensor,
            units,
            kind=kind,
            sequences=index < depth - 1,
            bidirectional=bidirectional,
        )
    if draw.flag(0.4):
        tensor = graph.dense(tensor, draw.size(8, 256, nice=nice), activation="relu")
    return graph.finish(graph.dense(tensor, draw.integer(1, 1000)))


def attention_network(draw: Draw) -> Network:
    """Build a transformer encoder over text, signals or image patches.

    Parameters
    ----------
    draw : Draw
        The design point.

    Returns
    -------
    network : dict
        Keras 3 JSON.

    Examples
    --------
    >>> attention_network(Draw([0.3] * 32))["config"]["name"]
    'attention'
    """
    graph = Graph("attention")
    heads = draw.choice([1, 2, 4, 4, 8, 8])
    key_dim = draw.choice([8, 16, 32, 32, 64])
    width = heads * key_dim
    source = draw.choice(["text", "text", "signal", "image"])
    if source == "text":
        length = draw.size(8, 512, nice=True)
        vocabulary = draw.integer(100, 30_000)
        tensor = graph.embedding(graph.input((length,), "int32"), vocabulary, width)
    elif source == "signal":
        length = draw.size(8, 512, nice=True)
        signal = graph.input((length, draw.size(4, 128, nice=True)))
        tensor = graph.dense(signal, width)
    else:
        side = draw.choice([4, 7, 8, 14, 16])
        patch = draw.choice([4, 8, 16])
        image = graph.input((side * patch, side * patch, 3))
        maps = graph.conv2d(image, width, kernel=patch, strides=patch, padding="valid")
        shape = (side * side, width)
        tensor = graph.layer("Reshape", maps, shape, target_shape=list(shape))
    expansion = draw.choice([1, 2, 4, 4])
    activation = draw.choice(["relu", "gelu", "gelu", "silu"])
    before = draw.flag(0.5)
    for _ in range(draw.integer(1, 12)):
        tensor = _encoder_block(
            graph,
            tensor,
            heads,
            key_dim,
            width * expansion,
            activation,
            before=before,
        )
    tensor = graph.global_pool(graph.same("LayerNormalization", tensor))
    return graph.finish(graph.dense(tensor, draw.integer(1, 1000)))


def _sequence_input(graph: Graph, draw: Draw, *, nice: bool, longest: int) -> Tensor:
    text = draw.flag(0.5)
    length = draw.size(4, longest, nice=nice)
    if text:
        vocabulary = draw.integer(100, 50_000)
        dim = draw.size(8, 300, nice=nice)
        return graph.embedding(graph.input((length,), "int32"), vocabulary, dim)
    return graph.input((length, draw.size(1, 256, nice=nice)))


def _image_head(graph: Graph, draw: Draw, tensor: Tensor) -> Tensor:
    flat = draw.flag(0.35)
    hidden = draw.flag(0.35)
    units = draw.size(16, 2048, nice=True)
    classes = draw.integer(1, 1000)
    positions = tensor.shape[0] * tensor.shape[1]
    small = positions * tensor.channels <= 30_000
    tensor = graph.flatten(tensor) if flat and small else graph.global_pool(tensor)
    if hidden:
        tensor = graph.dense(tensor, units, activation="relu")
    return graph.dense(tensor, classes)


def _normalised(graph: Graph, tensor: Tensor, activation: str | None) -> Tensor:
    tensor = graph.same("BatchNormalization", tensor)
    return tensor if activation is None else graph.activation(tensor, activation)


def _depthwise_block(
    graph: Graph,
    tensor: Tensor,
    channels: int,
    kernel: int,
    stride: int,
    activation: str,
    expansion: int,
    squeeze: bool,
) -> Tensor:
    del expansion, squeeze
    tensor = graph.depthwise(tensor, kernel=kernel, strides=stride, use_bias=False)
    tensor = _normalised(graph, tensor, activation)
    tensor = graph.conv2d(tensor, channels, kernel=1, use_bias=False)
    return _normalised(graph, tensor, activation)


def _separable_block(
    graph: Graph,
    tensor: Tensor,
    channels: int,
    kernel: int,
    stride: int,
    activation: str,
    expansion: int,
    squeeze: bool,
) -> Tensor:
    del expansion, squeeze
    tensor = graph.separable(
        tensor, channels, kernel=kernel, strides=stride, use_bias=False
    )
    return _normalised(graph, tensor, activation)


def _inverted_block(
    graph: Graph,
    tensor: Tensor,
    channels: int,
    kernel: int,
    stride: int,
    activation: str,
    expansion: int,
    squeeze: bool,
) -> Tensor:
    start = tensor
    width = start.channels * expansion
    tensor = graph.conv2d(tensor, width, kernel=1, use_bias=False)
    tensor = _normalised(graph, tensor, activation)
    tensor = graph.depthwise(tensor, kernel=kernel, strides=stride, use_bias=False)
    tensor = _normalised(graph, tensor, activation)
    if squeeze:
        pooled = graph.global_pool(tensor)
        gate = graph.layer("Reshape", pooled, (1, 1, width), target_shape=[1, 1, width])
        gate = graph.conv2d(gate, max(1, width // 8), kernel=1, activation="relu")
        gate = graph.conv2d(gate, width, kernel=1, activation="sigmoid")
        tensor = graph.merge([tensor, gate], kind="Multiply")
    tensor = graph.conv2d(tensor, channels, kernel=1, use_bias=False)
    tensor = _normalised(graph, tensor, None)
    return graph.merge([start, tensor]) if start.shape == tensor.shape else tensor


def _residual_block(
    graph: Graph,
    tensor: Tensor,
    channels: int,
    kernel: int,
    stride: int,
    groups: int,
    activation: str,
    *,
    bottleneck: bool,
) -> Tensor:
    start = tensor
    out = channels * 4 if bottleneck else channels
    if bottleneck:
        tensor = graph.conv2d(tensor, channels, kernel=1, use_bias=False)
        tensor = _normalised(graph, tensor, activation)
    tensor = graph.conv2d(
        tensor,
        channels,
        kernel=kernel,
        strides=stride,
        groups=groups if tensor.channels % groups == 0 else 1,
        use_bias=False,
    )
    tensor = _normalised(graph, tensor, activation)
    last = 1 if bottleneck else kernel
    tensor = graph.conv2d(tensor, out, kernel=last, use_bias=False)
    tensor = _normalised(graph, tensor, None)
    if start.shape != tensor.shape:
        start = graph.conv2d(start, out, kernel=1, strides=stride, use_bias=False)
        start = _normalised(graph, start, None)
    return graph.activation(graph.merge([start, tensor]), activation)


def _joined_block(
    graph: Graph, tensor: Tensor, growth: int, stride: int, activation: str
) -> Tensor:
    if stride > 1:
        tensor = _normalised(graph, tensor, activation)
        half = max(1, tensor.channels // 2)
        tensor = graph.conv2d(tensor, half, kernel=1, use_bias=False)
        tensor = graph.pool(tensor, kind="average")
    grown = _normalised(graph, tensor, activation)
    grown = graph.conv2d(grown, growth * 4, kernel=1, use_bias=False)
    grown = _normalised(graph, grown, activation)
    grown = graph.conv2d(grown, growth, kernel=3, use_bias=False)
    return graph.merge([tensor, grown], kind="Concatenate")


def _encoder_block(
    graph: Graph,
    tensor: Tensor,
    heads: int,
    key_dim: int,
    hidden: int,
    activation: str,
    *,
    before: bool,
) -> Tensor:
    norm = "LayerNormalization"
    inner = graph.same(norm, tensor) if before else tensor
    inner = graph.attention(inner, heads=heads, key_dim=key_dim)
    tensor = graph.merge([tensor, inner])
    tensor = tensor if before else graph.same(norm, tensor)
    inner = graph.same(norm, tensor) if before else tensor
    inner = graph.dense(inner, hidden, activation=activation)
    inner = graph.dense(inner, tensor.channels)
    tensor = graph.merge([tensor, inner])
    return tensor if before else graph.same(norm, tensor)


FAMILIES: dict[str, tuple[Callable[[Draw], Network], ...]] = {
    "dense": (dense_network,),
    "convolutional": (
        convolutional_network,
        convolutional_network,
        convolutional_network,
        sequence_convolution_network,
        signal_network,
    ),
    "separable": (separable_network,),
    "residual": (residual_network,),
    "decoder": (decoder_network,),
    "recurrent": (recurrent_network,),
    "attention": (attention_network,),
}
"""Builders by family; one named several times is drawn as often."""
