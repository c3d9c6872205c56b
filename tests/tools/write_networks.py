"""Write the sample networks of ``data/networks`` with Keras.

Run as ``KERAS_BACKEND=jax python tests/tools/write_networks.py``.
"""

import json
from pathlib import Path

import keras
from keras import layers

FOLDER = Path(__file__).parents[2] / "data" / "networks"


def mlp(name, inputs, widths, classes):
    network = keras.Sequential([keras.Input((inputs,))], name=name)
    for width in widths:
        network.add(layers.Dense(width, activation="relu"))
    network.add(layers.Dense(classes, activation="softmax"))
    return network


def lenet5():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ],
        name="lenet5",
    )


def unet_small():
    def block(tensor, filters):
        for _ in range(2):
            tensor = layers.Conv2D(filters, 3, padding="same", activation="relu")(
                tensor
            )
        return tensor

    image = keras.Input((128, 128, 3))
    tensor, skipped = image, []
    for filters in (16, 32, 64):
        tensor = block(tensor, filters)
        skipped.append(tensor)
        tensor = layers.MaxPooling2D(2)(tensor)
    tensor = block(tensor, 128)
    for filters in (64, 32, 16):
        tensor = layers.Conv2DTranspose(filters, 2, strides=2)(tensor)
        tensor = layers.Concatenate()([tensor, skipped.pop()])
        tensor = block(tensor, filters)
    mask = layers.Conv2D(1, 1, activation="sigmoid")(tensor)
    return keras.Model(image, mask, name="unet_small")


def lstm_text():
    return keras.Sequential(
        [
            keras.Input((100,), dtype="int32"),
            layers.Embedding(20_000, 128),
            layers.LSTM(64),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="lstm_text",
    )


def transformer_encoder(*, length=128, width=128, blocks=2, heads=4):
    tokens = keras.Input((length,), dtype="int32")
    tensor = layers.Embedding(20_000, width)(tokens)
    for _ in range(blocks):
        attended = layers.MultiHeadAttention(heads, width // heads)(tensor, tensor)
        tensor = layers.LayerNormalization()(layers.Add()([tensor, attended]))
        hidden = layers.Dense(4 * width, activation="gelu")(tensor)
        hidden = layers.Dense(width)(hidden)
        tensor = layers.LayerNormalization()(layers.Add()([tensor, hidden]))
    pooled = layers.GlobalAveragePooling1D()(tensor)
    classes = layers.Dense(2, activation="softmax")(layers.Dropout(0.1)(pooled))
    return keras.Model(tokens, classes, name="transformer_encoder")


NETWORKS = {
    "mlp_small": lambda: mlp("mlp_small", 784, [128], 10),
    "mlp_wide": lambda: mlp("mlp_wide", 784, [2048, 2048], 10),
    "mlp_deep": lambda: mlp("mlp_deep", 784, [128] * 16, 10),
    "lenet5": lenet5,
    "mobilenet_v2": lambda: keras.applications.MobileNetV2(weights=None),
    "resnet50": lambda: keras.applications.ResNet50(weights=None),
    "unet_small": unet_small,
    "lstm_text": lstm_text,
    "transformer_encoder": transformer_encoder,
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, build in NETWORKS.items():
        keras.backend.clear_session()
        # Only the description is wanted: no weight is allocated.
        with keras.StatelessScope(initialize_variables=False):
            description = json.loads(build().to_json())
        (FOLDER / f"{name}.json").write_text(json.dumps(description) + "\n")


if __name__ == "__main__":
    main()
