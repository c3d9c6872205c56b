"""The same networks in Keras and in PyTorch."""

import keras
import torch
from keras import layers
from torch import nn
from torch.nn import functional


class Torch(nn.Module):
    """A module made of named parts and a function of them."""

    def __init__(self, forward, **parts):
        super().__init__()
        self._forward = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self._forward(self, *inputs)


def _model(shape, body, *, dtype=None):
    tensor = keras.Input(shape, dtype=dtype)
    return keras.Model(tensor, body(tensor))


def mlp():
    dense = [layers.Dense(n, activation="relu") for n in (256, 128)]
    ours = keras.Sequential([keras.Input((64,)), *dense, layers.Dense(10)])
    theirs = nn.Sequential(
        *(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()),
        nn.Linear(128, 10),
    )
    return ours, theirs, [(64,)]


def lenet():
    def body(x):
        x = layers.Conv2D(6, 5, padding="same", activation="tanh")(x)
        x = layers.AveragePooling2D(2)(x)
        x = layers.Conv2D(16, 5, activation="tanh")(x)
        x = layers.Flatten()(layers.AveragePooling2D(2)(x))
        return layers.Dense(10)(layers.Dense(84, activation="tanh")(x))

    theirs = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 84), nn.Tanh(), nn.Linear(84, 10)),
    )
    return _model((28, 28, 1), body), theirs, [(1, 28, 28)]


def vgg():
    def body(x):
        for filters in (16, 32, 64):
            for _ in range(2):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = layers.MaxPooling2D(2)(x)
        return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))

    parts, before = [], 3
    for filters in (16, 32, 64):
        for _ in range(2):
            parts += [nn.Conv2d(before, filters, 3, padding=1), nn.ReLU()]
            before = filters
        parts.append(nn.MaxPool2d(2))
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return _model((32, 32, 3), body), nn.Sequential(*parts), [(3, 32, 32)]


def residual():
    def norm(x):
        return layers.BatchNormalization()(x)

    def body(x):
        x = layers.ReLU()(norm(layers.Conv2D(32, 3, padding="same", use_bias=False)(x)))
        for _ in range(2):
            y = layers.Conv2D(32, 3, padding="same", use_bias=False)(x)
            y = layers.ReLU()(norm(y))
            y = norm(layers.Conv2D(32, 3, padding="same", use_bias=False)(y))
            x = layers.ReLU()(layers.Add()([x, y]))
        return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(32, 32, 3, padding=1, bias=False)
            self.two = nn.Conv2d(32, 32, 3, padding=1, bias=False)
            self.norm_one, self.norm_two = nn.BatchNorm2d(32), nn.BatchNorm2d(32)

        def forward(self, x):
            y = functional.relu(self.norm_one(self.one(x)))
            return functional.relu(x + self.norm_two(self.two(y)))

    theirs = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
        *(Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )
    return _model((32, 32, 3), body), theirs, [(3, 32, 32)]


def mobile():
    def body(x):
        x = layers.Conv2D(48, 1, use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.Conv2D(16, 1, use_bias=False)(x)
        x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
        return layers.Dense(10)(layers.Dropout(0.2)(x))

    theirs = nn.Sequential(
        *(nn.Conv2d(8, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU6()),
        nn.Conv2d(48, 48, 3, 2, padding=1, groups=48, bias=False),
        *(nn.BatchNorm2d(48), nn.ReLU6()),
        *(nn.Conv2d(48, 16, 1, bias=False), nn.BatchNorm2d(16)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 10)),
    )
    return _model((32, 32, 8), body), theirs, [(8, 32, 32)]


def inception():
    def body(x):
        parts = [layers.Conv2D(16, k, padding="same")(x) for k in (1, 3, 5)]
        pooled = layers.MaxPooling2D(3, 1, padding="same")(x)
        x = layers.ReLU()(layers.Concatenate()([*parts, pooled]))
        return layers.Dense(10)(layers.GlobalMaxPooling2D()(x))

    def forward(self, x):
        parts = [one(x) for one in (self.one, self.three, self.five, self.pool)]
        x = functional.relu(torch.cat(parts, 1))
        return self.out(torch.amax(x, (2, 3)))

    theirs = Torch(
        forward,
        one=nn.Conv2d(8, 16, 1),
        three=nn.Conv2d(8, 16, 3, padding=1),
        five=nn.Conv2d(8, 16, 5, padding=2),
        pool=nn.MaxPool2d(3, 1, padding=1),
        out=nn.Linear(56, 10),
    )
    return _model((32, 32, 8), body), theirs, [(8, 32, 32)]


def unet():
    def body(x):
        skip = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
        y = layers.Conv2D(32, 3, padding="same", activation="relu")(
            layers.MaxPooling2D(2)(skip)
        )
        y = layers.Conv2DTranspose(16, 2, 2)(y)
        y = layers.Concatenate()([skip, y])
        return layers.Conv2D(2, 1)(y)

    def forward(self, x):
        skip = functional.relu(self.down(x))
        y = self.up(functional.relu(self.middle(functional.max_pool2d(skip, 2))))
        return self.out(torch.cat([skip, y], 1))

    theirs = Torch(
        forward,
        down=nn.Conv2d(3, 16, 3, padding=1),
        middle=nn.Conv2d(16, 32, 3, padding=1),
        up=nn.ConvTranspose2d(32, 16, 2, 2),
        out=nn.Conv2d(32, 2, 1),
    )
    return _model((32, 32, 3), body), theirs, [(3, 32, 32)]


def grouped():
    def body(x):
        x = layers.Conv2D(64, 3, padding="same", groups=4, activation="relu")(x)
        return layers.Conv2D(32, 3, padding="same", dilation_rate=2)(x)

    theirs = nn.Sequential(
        *(nn.Conv2d(32, 64, 3, padding=1, groups=4), nn.ReLU()),
        nn.Conv2d(64, 32, 3, padding=2, dilation=2),
    )
    return _model((16, 16, 32), body), theirs, [(32, 16, 16)]


def waves():
    def body(x):
        x = layers.Conv1D(32, 9, 4, activation="relu")(x)
        x = layers.MaxPooling1D(4)(layers.Conv1D(64, 3, activation="relu")(x))
        return layers.Dense(5)(layers.GlobalAveragePooling1D()(x))

    theirs = nn.Sequential(
        *(nn.Conv1d(1, 32, 9, 4), nn.ReLU(), nn.Conv1d(32, 64, 3), nn.ReLU()),
        *(nn.MaxPool1d(4), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 5)),
    )
    return _model((4000, 1), body), theirs, [(1, 4000)]


def volumes():
    def body(x):
        x = layers.Conv3D(8, 3, activation="relu")(x)
        return layers.Dense(2)(layers.Flatten()(layers.MaxPooling3D(2)(x)))

    theirs = nn.Sequential(
        *(nn.Conv3d(1, 8, 3), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten()),
        nn.Linear(8 * 7**3, 2),
    )
    return _model((16, 16, 16, 1), body), theirs, [(1, 16, 16, 16)]


def recurrent():
    def body(x):
        x = layers.Embedding(500, 32)(x)
        x = layers.LSTM(48, use_bias=False, return_sequences=True)(x)
        return layers.Dense(500)(x)

    def forward(self, x):
        return self.out(self.lstm(self.words(x))[0])

    theirs = Torch(
        forward,
        words=nn.Embedding(500, 32),
        lstm=nn.LSTM(32, 48, bias=False, batch_first=True),
        out=nn.Linear(48, 500),
    )
    return _model((40,), body, dtype="int32"), theirs, [(40,)]


def gated():
    def body(x):
        x = layers.Bidirectional(layers.GRU(24, return_sequences=True))(x)
        return layers.Dense(3)(x)

    def forward(self, x):
        return self.out(self.gru(x)[0])

    theirs = Torch(
        forward,
        gru=nn.GRU(16, 24, batch_first=True, bidirectional=True),
        out=nn.Linear(48, 3),
    )
    return _model((30, 16), body), theirs, [(30, 16)]


def excited():
    def body(x):
        x = layers.Conv2D(32, 3, padding="same", activation="silu")(x)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(8, 1, activation="silu")(gate)
        gate = layers.Conv2D(32, 1, activation="sigmoid")(gate)
        return layers.Multiply()([x, gate])

    def forward(self, x):
        x = functional.silu(self.first(x))
        gate = functional.silu(self.squeeze(functional.adaptive_avg_pool2d(x, 1)))
        return x * torch.sigmoid(self.excite(gate))

    theirs = Torch(
        forward,
        first=nn.Conv2d(3, 32, 3, padding=1),
        squeeze=nn.Conv2d(32, 8, 1),
        excite=nn.Conv2d(8, 32, 1),
    )
    return _model((32, 32, 3), body), theirs, [(3, 32, 32)]


def transformer():
    width, heads, positions = 64, 4, 50

    def body(x):
        x = layers.Dense(width)(x)
        y = layers.MultiHeadAttention(heads, width // heads, dropout=0.1)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, y]))
        y = layers.Dense(4 * width, activation="gelu")(x)
        y = layers.Dense(width)(y)
        return layers.LayerNormalization()(layers.Add()([x, y]))

    def forward(self, x):
        def by_head(tensor):
            return tensor.view(-1, positions, heads, width // heads).transpose(1, 2)

        x = self.first(x)
        query, key, value = (by_head(one(x)) for one in (self.q, self.k, self.v))
        y = functional.scaled_dot_product_attention(query, key, value, dropout_p=0.1)
        y = self.o(y.transpose(1, 2).reshape(-1, positions, width))
        x = self.norm_one(x + y)
        return self.norm_two(x + self.wide_out(functional.gelu(self.wide_in(x))))

    theirs = Torch(
        forward,
        **{name: nn.Linear(width, width) for name in ("first", *"qkvo")},
        wide_in=nn.Linear(width, 4 * width),
        wide_out=nn.Linear(4 * width, width),
        norm_one=nn.LayerNorm(width),
        norm_two=nn.LayerNorm(width),
    )
    return _model((positions, width), body), theirs, [(positions, width)]


PAIRS = {
    one.__name__: one
    for one in (
        *(mlp, lenet, vgg, residual, mobile, inception, unet, grouped, waves),
        *(volumes, recurrent, gated, excited, transformer),
    )
}
