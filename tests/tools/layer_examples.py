"""A small Keras network for each layer kind and each operation that is counted."""

import keras
import numpy as np
from keras import layers, ops
from keras.src.applications.convnext import StochasticDepth

VECTOR, SEQUENCE, IMAGE, VOLUME = (6,), (12, 6), (12, 10, 6), (8, 6, 7, 6)
UNARY = [
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log10",
    "log1p",
    "log2",
    "logical_not",
    "nan_to_num",
    "negative",
    "ones_like",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "trunc",
    "zeros_like",
    "tanh",
    "celu",
    "elu",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparsemax",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh_shrink",
    "normalize",
    "stop_gradient",
]
BINARY = [
    "add",
    "arctan2",
    "divide",
    "divide_no_nan",
    "equal",
    "floor_divide",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logaddexp",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "not_equal",
    "power",
    "subtract",
    "true_divide",
]
REDUCTIONS = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]
BY_RANK = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}


def _convolutions():
    for n, shape in BY_RANK.items():
        conv = getattr(layers, f"Conv{n}D")
        yield shape, conv(4, 3)
        yield shape, conv(6, 3, padding="same", strides=2, groups=2, activation="relu")
        yield shape, conv(4, 2, dilation_rate=2, use_bias=False)
        transposed = getattr(layers, f"Conv{n}DTranspose")
        yield shape, transposed(4, 3)
        yield shape, transposed(4, 3, strides=2, padding="same")
        yield shape, transposed(4, 2, strides=3, padding="valid", activation="tanh")
        yield shape, transposed(4, 3, strides=2, padding="same", output_padding=1)
        yield shape, transposed(4, 3, dilation_rate=2, use_bias=False)
        yield shape, conv(4, 3, data_format="channels_first")
    yield SEQUENCE, layers.Conv1D(4, 3, padding="causal", dilation_rate=2)
    for n in (1, 2):
        shape = BY_RANK[n]
        depthwise = getattr(layers, f"DepthwiseConv{n}D")
        separable = getattr(layers, f"SeparableConv{n}D")
        for conv in (depthwise(3), separable(4, 3)):
            yield shape, conv
        yield shape, depthwise(3, depth_multiplier=2, padding="same", strides=2)
        yield shape, separable(4, 3, depth_multiplier=2, padding="same", strides=2)
        yield shape, separable(4, 3, dilation_rate=2, use_bias=False, activation="elu")
        yield shape, depthwise(2, data_format="channels_first", use_bias=False)


def _pooling():
    for n, shape in BY_RANK.items():
        for how in ("Max", "Average"):
            pooling = getattr(layers, f"{how}Pooling{n}D")
            yield shape, pooling(2)
            yield shape, pooling(3, strides=2, padding="same")
            yield shape, pooling(3, strides=1, data_format="channels_first")
            reduction = getattr(layers, f"Global{how}Pooling{n}D")
            yield shape, reduction()
            yield shape, reduction(keepdims=True)
            yield shape, reduction(data_format="channels_first")
            yield shape, getattr(layers, f"Adaptive{how}Pooling{n}D")(2)


def _normalisation():
    for options in ({}, {"scale": False}, {"center": False}, {"axis": 1}):
        yield IMAGE, layers.BatchNormalization(**options)
        yield IMAGE, layers.LayerNormalization(**options)
    yield IMAGE, layers.BatchNormalization(scale=False, center=False)
    yield IMAGE, layers.BatchNormalization(renorm=True)
    yield IMAGE, layers.LayerNormalization(axis=[1, 2, 3])
    for options in ({"groups": 3}, {"groups": -1}, {"groups": 2, "scale": False}):
        yield IMAGE, layers.GroupNormalization(**options)
    yield IMAGE, layers.UnitNormalization()
    yield IMAGE, layers.RMSNormalization()
    yield IMAGE, layers.Normalization()
    yield IMAGE, layers.Normalization(axis=None)
    yield VECTOR, layers.Normalization(mean=1.0, variance=2.0)


def _dense():
    yield VECTOR, layers.Dense(4)
    yield SEQUENCE, layers.Dense(4, activation="softmax", use_bias=False)
    yield VECTOR, layers.Dense(4, activation=keras.activations.gelu)
    yield VECTOR, layers.Dense(4, activation=layers.LeakyReLU(0.1))
    yield VECTOR, layers.EinsumDense("ab,bc->ac", output_shape=64, bias_axes="c")
    yield SEQUENCE, layers.EinsumDense("abc,cd->abd", output_shape=(12, 5))
    yield (
        SEQUENCE,
        layers.EinsumDense("...x,xy->...y", output_shape=5, bias_axes="y"),
    )
    yield (
        SEQUENCE,
        layers.EinsumDense("abc,cde->abde", output_shape=(12, 2, 3), bias_axes="de"),
    )
    yield SEQUENCE, layers.EinsumDense("abc,bcd->abd", output_shape=(12, 5))
    yield SEQUENCE, layers.EinsumDense("ab...,bc->ac...", output_shape=(5,))
    yield (
        IMAGE,
        layers.EinsumDense("abcd,cde->abe", output_shape=(12, 5), activation="relu"),
    )
    yield SEQUENCE, layers.Embedding(30, 4)


def _elementwise():
    yield IMAGE, layers.Activation("relu")
    yield IMAGE, layers.Activation("softmax")
    yield IMAGE, layers.Activation("linear")
    yield IMAGE, layers.ReLU(6.0)
    yield IMAGE, layers.LeakyReLU()
    yield IMAGE, layers.ELU()
    yield IMAGE, layers.Softmax()
    yield IMAGE, layers.PReLU()
    yield IMAGE, layers.PReLU(shared_axes=[1, 2])
    yield IMAGE, layers.Rescaling(1 / 255)
    yield IMAGE, layers.Dropout(0.2)
    yield IMAGE, layers.Dropout(0.0)
    yield IMAGE, layers.GaussianDropout(0.2)
    yield IMAGE, layers.GaussianNoise(0.2)
    yield IMAGE, layers.AlphaDropout(0.2)
    yield IMAGE, layers.ActivityRegularization(l2=0.1)
    yield IMAGE, layers.Identity()
    yield IMAGE, StochasticDepth(0.2)
    yield SEQUENCE, layers.Masking()
    for n, shape in BY_RANK.items():
        yield shape, getattr(layers, f"SpatialDropout{n}D")(0.2)


def _shaping():
    yield IMAGE, layers.Flatten()
    yield (), layers.Flatten()
    yield IMAGE, layers.Reshape((-1, 20))
    yield IMAGE, layers.Reshape((120, 6))
    yield IMAGE, layers.Permute((3, 1, 2))
    yield VECTOR, layers.RepeatVector(5)
    yield IMAGE, layers.Resizing(5, 7)
    yield IMAGE, layers.CenterCrop(5, 7)
    for n, shape in BY_RANK.items():
        for kind in ("ZeroPadding", "Cropping", "UpSampling"):
            yield shape, getattr(layers, f"{kind}{n}D")()
        both_sides = ((1, 2), (0, 1), (2, 1))[:n] if n > 1 else (1, 2)
        yield shape, getattr(layers, f"ZeroPadding{n}D")(both_sides)
        yield shape, getattr(layers, f"Cropping{n}D")(both_sides)
        yield shape, getattr(layers, f"UpSampling{n}D")(3)
    yield IMAGE, layers.ZeroPadding2D(2, data_format="channels_first")
    yield IMAGE, layers.Cropping2D((1, 2), data_format="channels_first")
    yield IMAGE, layers.UpSampling2D((1, 3), data_format="channels_first")
    yield IMAGE, layers.UpSampling2D(2, interpolation="bilinear")


def _recurrent():
    for name in ("SimpleRNN", "GRU", "LSTM"):
        kind = getattr(layers, name)
        yield SEQUENCE, kind(5)
        yield SEQUENCE, kind(5, return_sequences=True, use_bias=False)
        yield SEQUENCE, kind(5, dropout=0.1, recurrent_dropout=0.1)
        yield SEQUENCE, kind(5, return_state=True)
        yield SEQUENCE, kind(5, go_backwards=True, unroll=True)
        yield SEQUENCE, layers.Bidirectional(kind(5))
        yield SEQUENCE, layers.RNN(getattr(layers, f"{name}Cell")(5))
    yield SEQUENCE, layers.GRU(5, reset_after=False)
    for mode in ("sum", "mul", "ave", None):
        yield (
            SEQUENCE,
            layers.Bidirectional(
                layers.LSTM(5, return_sequences=True), merge_mode=mode
            ),
        )
    yield (
        SEQUENCE,
        layers.Bidirectional(
            layers.LSTM(5), backward_layer=layers.GRU(5, go_backwards=True)
        ),
    )
    yield SEQUENCE, layers.RNN([layers.LSTMCell(5), layers.GRUCell(4)])
    yield (12, 8, 6), layers.ConvLSTM1D(4, 3)
    yield (5, 8, 8, 6), layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)
    yield (5, 6, 6, 6, 2), layers.ConvLSTM3D(3, 3)
    yield SEQUENCE, layers.TimeDistributed(layers.Dense(4))
    yield (5, *IMAGE), layers.TimeDistributed(layers.Conv2D(4, 3))
    yield (
        SEQUENCE,
        layers.TimeDistributed(
            keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(3)])
        ),
    )


def single_layers():
    """Yield the input shape and a layer that takes one tensor."""
    for group in (
        _dense,
        _convolutions,
        _pooling,
        _normalisation,
        _elementwise,
        _shaping,
        _recurrent,
    ):
        yield from group()


def merges():
    """Yield networks of layers that take several tensors."""
    one, other = keras.Input(IMAGE), keras.Input(IMAGE)
    narrow, vector = keras.Input((12, 1, 6)), keras.Input(VECTOR)
    for kind in ("Add", "Average", "Maximum", "Minimum", "Multiply"):
        merge = getattr(layers, kind)
        yield keras.Model([one, other], merge()([one, other, one]))
        yield keras.Model([one, narrow], merge()([one, narrow]))
        yield keras.Model([one, vector], merge()([one, vector]))
    yield keras.Model([one, other], layers.Subtract()([one, other]))
    yield keras.Model([one, other], layers.Concatenate()([one, other]))
    yield keras.Model([one, narrow], layers.Concatenate(axis=2)([one, narrow]))
    rows, columns = keras.Input((4, 6)), keras.Input((5, 6))
    yield keras.Model([rows, columns], layers.Dot(axes=2)([rows, columns]))
    yield keras.Model(vector, layers.Dot(axes=1, normalize=True)([vector, vector]))
    yield keras.Model(
        [rows, columns], layers.Dot(axes=(2, -1), normalize=True)([rows, columns])
    )


def attention():
    """Yield networks of attention layers."""
    query, value = keras.Input((7, 8)), keras.Input((5, 8))
    inputs = [query, value]
    image = keras.Input((4, 5, 8))
    for options in ({}, {"value_dim": 5}, {"use_bias": False}, {"output_shape": 9}):
        layer = layers.MultiHeadAttention(2, 3, **options)
        yield keras.Model(inputs, layer(query, value))
    layer = layers.MultiHeadAttention(2, 3, dropout=0.1)
    yield keras.Model(query, layer(query, query, use_causal_mask=True))
    layer = layers.MultiHeadAttention(2, 3)
    yield keras.Model(query, layer(query, query, return_attention_scores=True))
    layer = layers.MultiHeadAttention(2, 3)
    yield keras.Model(inputs, layer(query, value=value, key=value))
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))
    yield keras.Model(image, layer(image, image))
    for options in ({}, {"use_bias": False}):
        layer = layers.GroupQueryAttention(3, 4, 2, **options)
        yield keras.Model(inputs, layer(query, value))
    for kind in (layers.Attention, layers.AdditiveAttention):
        yield keras.Model(inputs, kind()([query, value]))
        yield keras.Model(inputs, kind(use_scale=True)([query, value]))
        yield keras.Model(inputs, kind()([query, value, value]))
    yield keras.Model(inputs, layers.Attention(score_mode="concat")([query, value]))


def graphs():
    """Yield networks that share, nest, freeze and branch."""
    image = keras.Input((8, 8, 3), name="b")
    other = keras.Input((8, 8, 3), name="a")
    shared = layers.Conv2D(4, 3, name="shared")
    yield keras.Model([image, other], layers.Add()([shared(image), shared(other)]))
    yield keras.Model(image, shared(layers.Conv2D(3, 1)(image)))
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same")]
    )
    yield keras.Model([image, other], layers.Add()([inner(inner(image)), inner(other)]))
    tensor = layers.Conv2D(3, 3, padding="same")(image)
    functional = keras.Model(image, [tensor, layers.Flatten()(tensor)])
    first, flat = functional(other)
    second, _ = functional(first)
    yield keras.Model(other, [second, layers.Dense(3)(flat)])
    yield keras.Model(
        {"b": image, "a": other}, {"y": tensor + other, "x": flat_dense(other)}
    )
    pair = keras.Model({"b": image, "a": other}, layers.Subtract()([image, other]))
    x, y = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    yield keras.Model([x, y], pair({"a": x, "b": y}))
    yield keras.Model([x, y], pair({"a": pair({"a": y, "b": x}), "b": y}))
    frozen = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3)])
    frozen.add(layers.BatchNormalization())
    frozen.trainable = False
    yield keras.Model(image, layers.Dense(3)(frozen(image)))
    yield keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, trainable=False), layers.Dense(2)]
    )
    yield keras.Sequential(
        [inner, keras.Sequential([layers.Flatten(), layers.Dense(2)])]
    )
    sequence = keras.Input((7, 8))
    _, hidden, cell = layers.LSTM(5, return_state=True)(sequence)
    yield keras.Model(sequence, layers.LSTM(5)(sequence, initial_state=[hidden, cell]))
    yield keras.Model(
        sequence, layers.Dense(3)(layers.Dropout(0.5)(sequence, training=True))
    )


def flat_dense(tensor):
    return layers.Dense(2)(layers.Flatten()(tensor))


def operations():
    """Yield networks of operations without a layer."""
    image = keras.Input((8, 6, 4))
    row = keras.Input((1, 6, 1))
    both = [image, row]
    for name in UNARY:
        yield keras.Model(image, getattr(ops, name)(image))
    for name in BINARY:
        yield keras.Model(both, getattr(ops, name)(image, row))
        if name not in ("logical_and", "logical_or", "logical_xor", "divide_no_nan"):
            yield keras.Model(image, getattr(ops, name)(2.0, image))
    for name in REDUCTIONS:
        function = getattr(ops, name)
        yield keras.Model(image, function(image, axis=1))
        yield keras.Model(image, function(image, axis=-1, keepdims=True))
    yield keras.Model(image, ops.mean(image, axis=(1, 2)))
    yield keras.Model(image, ops.count_nonzero(image, axis=1))
    for tensor in (
        ops.cast(image, "float16"),
        ops.clip(image, 0, 1),
        ops.threshold(image, 0.0, 1.0),
        ops.where(image > 0, image, 0.0),
        image + np.ones((4,)),
        image * np.ones((1, 8, 1, 4)),
        1.0 - image,
        image**2,
        ops.average_pool(image, 2),
        ops.max_pool(image, 3, strides=2, padding="same"),
        ops.matmul(image, np.ones((4, 5))),
        ops.matmul(np.ones((5, 6)), image),
        ops.matmul(image, ops.transpose(image, (0, 1, 3, 2))),
        ops.einsum("bhwc,bhwd->bcd", image, image),
        ops.einsum("bhwc,cd->bhwd", image, np.ones((4, 2))),
        ops.concatenate([image, image], axis=2),
        ops.stack([image, image], axis=1),
        ops.stack([image, image], axis=-1),
        ops.expand_dims(image, 1),
        ops.expand_dims(image, -1),
        ops.squeeze(row, 1),
        ops.squeeze(row, -1),
        ops.flip(image, axis=1),
        ops.roll(image, 2, axis=1),
        ops.pad(image, ((0, 0), (1, 2), (0, 1), (0, 0))),
        ops.repeat(image, 2, axis=1),
        ops.tile(image, (1, 2, 1, 3)),
        ops.reshape(image, (-1, 24, 8)),
        ops.reshape(image, (-1, 48, 4)),
        ops.transpose(image, (0, 3, 1, 2)),
        ops.swapaxes(image, 1, 3),
        image[:, 1:, ::2],
        image[:, 0],
        image[:, -1, ..., None],
        image[..., 1:3],
    ):
        yield keras.Model([image, row], [tensor, row])
    yield keras.Model(image, ops.split(image, 2, axis=1))
    yield keras.Model(image, ops.split(image, [2, 5], axis=1))
    yield keras.Model(image, ops.unstack(image, axis=1))
    broadcast = keras.Input(batch_shape=(2, 1, 6, 4))
    yield keras.Model(broadcast, ops.broadcast_to(broadcast, (2, 8, 6, 4)))
