"""Real networks: the test of every fitted model, never used for fitting."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dataset_builder.plan.configuration import Configuration, Loss, configuration
from dataset_builder.plan.minimal import minimal
from predictor.workload import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooEntry:
    """A real network and the workloads it is measured under.

    Parameters
    ----------
    name : str
        For people.
    family : str
        Its family.
    training_batch, inference_batch : int
        Samples per step.
    size : int, optional
        Side of the input images of a network of ``keras.applications``.
    build : callable, optional
        Builds any other network.
    loss : {"classification", "regression"}, default="classification"
        What is trained.
    optimizer : str, default="adam"
        What trains it.
    """

    name: str
    family: str
    training_batch: int
    inference_batch: int
    size: int | None = None
    build: Callable[[], Any] | None = None
    loss: Loss = "classification"
    optimizer: str = "adam"


def text_lstm() -> Any:
    """Build a text classifier: embedding, two bidirectional LSTM layers.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((100,), dtype="int32"),
            layers.Embedding(20_000, 128),
            layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(64)),
            layers.Dense(2),
        ],
        name="text_lstm",
    )


def series_gru() -> Any:
    """Build a forecaster of sensor series: three GRU layers.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((168, 21)),
            layers.GRU(96, return_sequences=True),
            layers.GRU(96, return_sequences=True),
            layers.GRU(48),
            layers.Dense(24),
        ],
        name="series_gru",
    )


def _encoder(tensor: Any, *, heads: int, width: int, hidden: int) -> Any:
    import keras

    layers = keras.layers
    inner = layers.LayerNormalization()(tensor)
    inner = layers.MultiHeadAttention(heads, width // heads)(inner, inner)
    tensor = layers.Add()([tensor, layers.Dropout(0.1)(inner)])
    inner = layers.LayerNormalization()(tensor)
    inner = layers.Dense(hidden, activation="gelu")(inner)
    inner = layers.Dense(width)(inner)
    return layers.Add()([tensor, layers.Dropout(0.1)(inner)])


def text_transformer() -> Any:
    """Build a text classifier: a transformer encoder of four blocks.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    tokens = keras.Input((128,), dtype="int32")
    tensor = layers.Embedding(20_000, 192)(tokens)
    for _ in range(4):
        tensor = _encoder(tensor, heads=4, width=192, hidden=768)
    tensor = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(tensor))
    return keras.Model(tokens, layers.Dense(10)(tensor), name="text_transformer")


def vision_transformer() -> Any:
    """Build a small vision transformer on 96 x 96 images, patches of 8 x 8.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    image = keras.Input((96, 96, 3))
    tensor = layers.Conv2D(192, 8, strides=8)(image)
    tensor = layers.Reshape((144, 192))(tensor)
    for _ in range(6):
        tensor = _encoder(tensor, heads=3, width=192, hidden=768)
    tensor = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(tensor))
    return keras.Model(image, layers.Dense(100)(tensor), name="vision_transformer")


def unet() -> Any:
    """Build a U-Net for masks of 96 x 96 images.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers

    def twice(tensor: Any, filters: int) -> Any:
        for _ in range(2):
            tensor = layers.Conv2D(filters, 3, padding="same", use_bias=False)(tensor)
            tensor = layers.BatchNormalization()(tensor)
            tensor = layers.ReLU()(tensor)
        return tensor

    image = keras.Input((96, 96, 3))
    tensor, skips = image, []
    for filters in (16, 32, 64, 128):
        tensor = twice(tensor, filters)
        skips.append(tensor)
        tensor = layers.MaxPooling2D()(tensor)
    tensor = twice(tensor, 256)
    for filters, skip in zip((128, 64, 32, 16), reversed(skips), strict=True):
        tensor = layers.Conv2DTranspose(filters, 2, strides=2)(tensor)
        tensor = twice(layers.Concatenate()([tensor, skip]), filters)
    return keras.Model(image, layers.Conv2D(1, 1)(tensor), name="unet")


def tabular_dense() -> Any:
    """Build a dense network for tables of 200 columns.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    stack: list[Any] = [keras.Input((200,))]
    for units in (512, 512, 256, 128):
        stack += [
            layers.Dense(units),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.2),
        ]
    return keras.Sequential([*stack, layers.Dense(5)], name="tabular_dense")


def autoencoder() -> Any:
    """Build a convolutional autoencoder of 28 x 28 images.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(32),
            layers.Dense(7 * 7 * 64, activation="relu"),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(64, 3, 2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, 2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same"),
        ],
        name="autoencoder",
    )


def keyword_cnn() -> Any:
    """Build a one-dimensional network for one second of sound at 8 kHz.

    Returns
    -------
    model : keras.Model
        Not compiled.
    """
    import keras

    layers = keras.layers
    stack: list[Any] = [keras.Input((8000, 1))]
    for filters, kernel, strides in ((32, 80, 16), (64, 3, 1), (128, 3, 1)):
        stack += [
            layers.Conv1D(filters, kernel, strides=strides, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling1D(4),
        ]
    stack += [layers.GlobalAveragePooling1D(), layers.Dense(35)]
    return keras.Sequential(stack, name="keyword_cnn")


def _image(
    name: str, family: str, size: int, training_batch: int, inference_batch: int
) -> ZooEntry:
    return ZooEntry(
        name=name,
        family=family,
        size=size,
        training_batch=training_batch,
        inference_batch=inference_batch,
    )


ZOO = (
    _image("MobileNet", "separable", 128, 8, 16),
    _image("MobileNetV2", "separable", 128, 8, 16),
    _image("MobileNetV3Small", "separable", 160, 8, 16),
    _image("MobileNetV3Large", "separable", 128, 8, 8),
    _image("NASNetMobile", "separable", 96, 4, 8),
    _image("EfficientNetB0", "separable", 128, 4, 8),
    _image("EfficientNetB1", "separable", 96, 4, 8),
    _image("EfficientNetV2B0", "separable", 128, 4, 8),
    _image("Xception", "separable", 96, 4, 8),
    _image("DenseNet121", "residual", 96, 4, 8),
    _image("DenseNet169", "residual", 64, 4, 8),
    _image("ResNet50", "residual", 96, 4, 8),
    _image("ResNet50V2", "residual", 128, 4, 4),
    _image("ResNet101", "residual", 96, 2, 4),
    _image("VGG16", "convolutional", 64, 8, 16),
    _image("VGG19", "convolutional", 96, 2, 4),
    _image("InceptionV3", "convolutional", 128, 4, 8),
    _image("InceptionResNetV2", "residual", 96, 2, 4),
    ZooEntry(
        name="text_lstm",
        family="recurrent",
        training_batch=32,
        inference_batch=64,
        build=text_lstm,
    ),
    ZooEntry(
        name="series_gru",
        family="recurrent",
        training_batch=32,
        inference_batch=32,
        build=series_gru,
        loss="regression",
    ),
    ZooEntry(
        name="text_transformer",
        family="attention",
        training_batch=16,
        inference_batch=32,
        build=text_transformer,
    ),
    ZooEntry(
        name="vision_transformer",
        family="attention",
        training_batch=8,
        inference_batch=16,
        build=vision_transformer,
    ),
    ZooEntry(
        name="unet",
        family="convolutional",
        training_batch=4,
        inference_batch=8,
        build=unet,
        loss="regression",
    ),
    ZooEntry(
        name="tabular_dense",
        family="dense",
        training_batch=64,
        inference_batch=256,
        build=tabular_dense,
    ),
    ZooEntry(
        name="autoencoder",
        family="convolutional",
        training_batch=32,
        inference_batch=64,
        build=autoencoder,
        loss="regression",
    ),
    ZooEntry(
        name="keyword_cnn",
        family="convolutional",
        training_batch=16,
        inference_batch=32,
        build=keyword_cnn,
        optimizer="sgd",
    ),
)
"""The real networks; sizes keep a training step under about 3 s on two cores."""


def build_zoo() -> dict[str, dict[str, Any]]:
    """Build every real network with Keras and return the descriptions.

    Weights are not made; the process must end afterwards, since Keras remembers the
    weights left out.

    Returns
    -------
    networks : dict of str to dict
        Minimal Keras JSON by name.
    """
    import keras

    networks = {}
    for entry in ZOO:
        with keras.StatelessScope(initialize_variables=False):
            if entry.build is not None:
                model = entry.build()
            else:
                maker = getattr(keras.applications, entry.name)
                shape = (entry.size, entry.size, 3)
                model = maker(
                    weights=None, input_shape=shape, classifier_activation=None
                )
            networks[entry.name] = minimal(json.loads(model.to_json()))
    return networks


def zoo_plan(
    networks: Mapping[str, Mapping[str, object]], *, seed: int
) -> Iterator[Configuration]:
    """Return the real networks in training and inference, then all a second time.

    Parameters
    ----------
    networks : mapping of str to mapping
        Descriptions by name, as `build_zoo` returns them.
    seed : int
        Seed of the order.

    Yields
    ------
    configuration : Configuration
        The next one to measure.
    """
    modes: tuple[Mode, Mode] = ("training", "inference")
    items = [
        configuration(
            networks[entry.name],
            family=entry.family,
            name=entry.name,
            mode=mode,
            batch_size=(
                entry.training_batch if mode == "training" else entry.inference_batch
            ),
            optimizer=entry.optimizer,
            loss=entry.loss,
        )
        for entry in ZOO
        for mode in modes
    ]
    random.Random(seed).shuffle(items)
    yield from items
    random.Random(f"again {seed}").shuffle(items)
    for item in items:
        yield replace(item, repeat=1)
