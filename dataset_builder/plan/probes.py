"""Layer probes: uniform stacks of one layer kind over its shape space."""

from collections.abc import Callable

from dataset_builder.plan.draw import Draw
from dataset_builder.plan.graph import Graph, Tensor

Network = dict[str, object]

ELEMENTWISE = (
    "relu",
    "gelu",
    "tanh",
    "sigmoid",
    "silu",
    "elu",
    "softmax",
    "hard_silu",
    "softplus",
)


def _maps(draw: Draw, graph: Graph, *, nice: bool, stem: float = 0.5) -> Tensor:
    # Where a stem makes the channels, the input array is small, as in real networks.
    size = draw.size(2, 224, nice=False)
    size = max(2, size // 2 * 2) if nice else size
    channels = draw.size(1, 2048, nice=nice)
    if draw.flag(stem):
        return graph.conv2d(graph.input((size, size, 3)), channels, kernel=1)
    return graph.input((size, size, channels))


def _pooled(graph: Graph, tensor: Tensor) -> Network:
    return graph.finish(graph.global_pool(tensor))


def dense_probe(draw: Draw) -> Network:
    """Stack dense layers of one size, on vectors or on sequences.

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
    >>> dense_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_dense'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_dense")
    features = draw.size(1, 8192, nice=nice)
    units = draw.size(1, 8192, nice=nice)
    positions = draw.size(1, 512, nice=nice) if draw.flag(0.3) else None
    shape = (features,) if positions is None else (positions, features)
    tensor = graph.input(shape)
    use_bias = draw.flag(0.8)
    for index in range(draw.integer(1, 16)):
        width = units if index % 2 == 0 else features
        tensor = graph.dense(tensor, width, use_bias=use_bias)
    return graph.finish(tensor) if positions is None else _pooled(graph, tensor)


def convolution_probe(draw: Draw) -> Network:
    """Stack convolutions of one size, kernel and number of groups.

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
    >>> convolution_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_convolution'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_convolution")
    tensor = _maps(draw, graph, nice=nice)
    filters = draw.size(1, 2048, nice=nice) if draw.flag(0.5) else tensor.channels
    kernel = draw.choice([1, 1, 3, 3, 3, 5, 7])
    stride = draw.choice([1, 1, 1, 2])
    padding = draw.choice(["same", "same", "valid"])
    groups = 1
    if draw.flag(0.2):
        wanted = 2 ** draw.integer(1, 5)
        while wanted > 1 and (tensor.channels % wanted or filters % wanted):
            wanted //= 2
        groups = wanted
    shape: int | tuple[int, int] = kernel
    if kernel > 1 and draw.flag(0.12):
        shape = draw.choice([(1, kernel), (kernel, 1)])
    first = tensor.channels
    for index in range(draw.integer(1, 8)):
        if padding == "valid" and tensor.shape[0] < kernel:
            padding = "same"
        tensor = graph.conv2d(
            tensor,
            filters if index % 2 == 0 else first,
            kernel=shape,
            strides=stride if index < 2 else 1,
            groups=groups,
            padding=padding,
        )
    return _pooled(graph, tensor)


def depthwise_probe(draw: Draw) -> Network:
    """Stack depthwise convolutions.

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
    >>> depthwise_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_depthwise'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_depthwise")
    tensor = _maps(draw, graph, nice=nice)
    kernel = draw.choice([3, 3, 5, 7])
    stride = draw.choice([1, 1, 1, 2])
    for index in range(draw.integer(1, 6)):
        tensor = graph.depthwise(
            tensor, kernel=kernel, strides=stride if index == 0 else 1
        )
    return _pooled(graph, tensor)


def separable_probe(draw: Draw) -> Network:
    """Stack separable convolutions.

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
    >>> separable_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_separable'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_separable")
    tensor = _maps(draw, graph, nice=nice)
    filters = draw.size(1, 1024, nice=nice)
    kernel = draw.choice([3, 3, 5, 7])
    stride = draw.choice([1, 1, 2])
    for index in range(draw.integer(1, 6)):
        tensor = graph.separable(
            tensor, filters, kernel=kernel, strides=stride if index == 0 else 1
        )
    return _pooled(graph, tensor)


def pooling_probe(draw: Draw) -> Network:
    """Stack local poolings of maps or signals behind a pointwise convolution.

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
    >>> pooling_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_pooling'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_pooling")
    if draw.flag(0.35):
        signal = graph.input((draw.size(16, 8192, nice=nice), 1))
        tensor = graph.conv1d(signal, draw.size(1, 512, nice=nice), kernel=1)
    else:
        tensor = _maps(draw, graph, nice=nice, stem=1.0)
    kind = draw.choice(["max", "max", "average"])
    size = draw.choice([2, 2, 3, 3, 4, 5])
    stride = draw.choice([1, 1, 2, size])
    for _ in range(draw.integer(1, 6)):
        tensor = graph.pool(tensor, kind=kind, size=size, strides=stride)
    return graph.finish(graph.global_pool(tensor, kind=draw.choice(["average", "max"])))


def normalisation_probe(draw: Draw) -> Network:
    """Stack normalisations of one kind, on maps or on vectors.

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
    >>> normalisation_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_normalisation'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_normalisation")
    kind = draw.choice(
        ["BatchNormalization"] * 4
        + ["LayerNormalization"] * 3
        + ["GroupNormalization", "RMSNormalization", "UnitNormalization"]
    )
    if draw.flag(0.7) or kind == "UnitNormalization":
        tensor = _maps(draw, graph, nice=nice, stem=1.0)
    else:
        tensor = graph.input((draw.size(4, 8192, nice=nice),))
    groups = None
    if kind == "GroupNormalization":
        groups = next(n for n in (32, 16, 8, 4, 2, 1) if tensor.channels % n == 0)
    for _ in range(draw.integer(1, 16)):
        tensor = graph.same(kind, tensor, groups=groups)
        tensor = graph.activation(tensor, "relu")
    return graph.finish(tensor) if len(tensor.shape) == 1 else _pooled(graph, tensor)


def activation_probe(draw: Draw) -> Network:
    """Stack activations of one kind behind a pointwise convolution.

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
    >>> activation_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_activation'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_activation")
    tensor = _maps(draw, graph, nice=nice, stem=1.0)
    kind = draw.choice([*ELEMENTWISE, "LeakyReLU", "PReLU", "Dropout"])
    for _ in range(draw.integer(1, 16)):
        if kind == "Dropout":
            tensor = graph.same("Dropout", tensor, rate=0.3)
        elif kind in ("LeakyReLU", "PReLU"):
            tensor = graph.same(kind, tensor)
        else:
            tensor = graph.activation(tensor, kind)
    return _pooled(graph, tensor)


def recurrent_probe(draw: Draw) -> Network:
    """Stack recurrent layers of one kind.

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
    >>> recurrent_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_recurrent'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_recurrent")
    length = draw.size(2, 512, nice=nice)
    tensor = graph.input((length, draw.size(1, 512, nice=nice)))
    kind = draw.choice(["LSTM", "LSTM", "GRU", "SimpleRNN"])
    units = draw.size(4, 1024, nice=nice)
    bidirectional = draw.flag(0.25)
    depth = draw.integer(1, 3)
    for index in range(depth):
        tensor = graph.recurrent(
            tensor,
            units,
            kind=kind,
            sequences=index < depth - 1,
            bidirectional=bidirectional,
        )
    return graph.finish(tensor)


def attention_probe(draw: Draw) -> Network:
    """Stack multi-head self-attention.

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
    >>> attention_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_attention'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_attention")
    length = draw.size(2, 768, nice=nice)
    tensor = graph.input((length, draw.size(4, 768, nice=nice)))
    heads = draw.choice([1, 2, 4, 8, 12])
    key_dim = draw.size(4, 128, nice=nice)
    for _ in range(draw.integer(1, 4)):
        tensor = graph.attention(tensor, heads=heads, key_dim=key_dim)
    return _pooled(graph, tensor)


def embedding_probe(draw: Draw) -> Network:
    """Add up several embeddings of the same tokens.

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
    >>> embedding_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_embedding'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_embedding")
    tokens = graph.input((draw.size(1, 1024, nice=nice),), "int32")
    vocabulary = draw.integer(50, 100_000)
    dim = draw.size(1, 1024, nice=nice)
    count = draw.integer(1, 4)
    tables = [graph.embedding(tokens, vocabulary, dim) for _ in range(count)]
    tensor = tables[0] if count == 1 else graph.merge(tables)
    return _pooled(graph, tensor)


def sequence_convolution_probe(draw: Draw) -> Network:
    """Stack one-dimensional convolutions.

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
    >>> sequence_convolution_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_convolution_1d'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_convolution_1d")
    length = draw.size(4, 4096, nice=nice)
    tensor = graph.input((length, draw.size(1, 512, nice=nice)))
    filters = draw.size(1, 512, nice=nice)
    kernel = draw.choice([1, 3, 3, 5, 7, 9])
    stride = draw.choice([1, 1, 1, 2])
    dilation = draw.choice([1, 1, 1, 2]) if stride == 1 else 1
    for index in range(draw.integer(1, 8)):
        tensor = graph.conv1d(
            tensor,
            filters,
            kernel=kernel,
            strides=stride if index == 0 else 1,
            dilation=dilation,
        )
    return _pooled(graph, tensor)


def upsampling_probe(draw: Draw) -> Network:
    """Stack transposed convolutions or up-samplings.

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
    >>> upsampling_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_upsampling'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_upsampling")
    tensor = _maps(draw, graph, nice=nice, stem=1.0)
    kind = draw.choice(["transposed", "transposed", "nearest", "bilinear"])
    filters = draw.size(1, 512, nice=nice)
    kernel = draw.choice([2, 3, 4])
    stride = draw.choice([1, 2, 2])
    for _ in range(draw.integer(1, 3)):
        if tensor.shape[0] > 112:
            stride = 1
        if kind == "transposed":
            tensor = graph.transposed(tensor, filters, kernel=kernel, strides=stride)
        elif tensor.shape[0] <= 112:
            tensor = graph.upsample(tensor, kind=kind)
    return _pooled(graph, tensor)


def merge_probe(draw: Draw) -> Network:
    """Stack additions, products, concatenations or paddings.

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
    >>> merge_probe(Draw([0.4] * 32))["config"]["name"]
    'probe_merge'
    """
    nice = draw.flag(0.75)
    graph = Graph("probe_merge")
    start = _maps(draw, graph, nice=nice, stem=1.0)
    kind = draw.choice(["Add", "Concatenate", "Concatenate", "Multiply", "ZeroPadding"])
    tensor = graph.activation(start, "relu")
    for _ in range(draw.integer(1, 8)):
        if kind == "ZeroPadding":
            height, width, channels = tensor.shape
            padded = (height + 2, width + 2, channels)
            padding = [[1, 1], [1, 1]]
            tensor = graph.layer("ZeroPadding2D", tensor, padded, padding=padding)
            tensor = graph.layer(
                "Cropping2D", tensor, (height, width, channels), cropping=padding
            )
        else:
            tensor = graph.merge([tensor, start], kind=kind)
        tensor = graph.activation(tensor, "relu")
    return _pooled(graph, tensor)


PROBES: dict[str, Callable[[Draw], Network]] = {
    "probe_dense": dense_probe,
    "probe_convolution": convolution_probe,
    "probe_depthwise": depthwise_probe,
    "probe_separable": separable_probe,
    "probe_pooling": pooling_probe,
    "probe_normalisation": normalisation_probe,
    "probe_activation": activation_probe,
    "probe_recurrent": recurrent_probe,
    "probe_attention": attention_probe,
    "probe_embedding": embedding_probe,
    "probe_convolution_1d": sequence_convolution_probe,
    "probe_upsampling": upsampling_probe,
    "probe_merge": merge_probe,
}
"""Probe builders by family."""
