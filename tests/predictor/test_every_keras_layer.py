"""Every public layer of Keras has a rule, or a reason why it cannot have one."""

import json

import keras
import pytest

from predictor.counting import count_network
from predictor.counting.preprocessing import NOT_COUNTED
from predictor.counting.rules import rules_beside
from predictor.errors import UnsupportedLayerError
from predictor.readers import read_network_description

IMAGE, SIGNAL, VECTOR = (16, 12, 3), (1000, 2), (7,)
LAYERS = sorted(
    {value.__name__ for value in vars(keras.layers).values() if isinstance(value, type)}
    - {"InputLayer"}  # no layer that does anything: it says a shape
)

# Equalization is missing: Keras 3.15 cannot build a network with it.
PREPARING = [
    ("AugMix", IMAGE, {}),
    ("AutoContrast", IMAGE, {}),
    ("CategoryEncoding", VECTOR, {"num_tokens": 5}),
    ("CategoryEncoding", VECTOR, {"num_tokens": 5, "output_mode": "one_hot"}),
    ("CategoryEncoding", (3, 1), {"num_tokens": 5, "output_mode": "one_hot"}),
    ("CategoryEncoding", VECTOR, {"num_tokens": 5, "output_mode": "count"}),
    ("ContrastLimitedAdaptiveHistogramEqualization", IMAGE, {}),
    ("Discretization", VECTOR, {"bin_boundaries": [0.0, 1.0]}),
    ("MelSpectrogram", (4000,), {"num_mel_bins": 20, "fft_length": 256}),
    ("RandAugment", IMAGE, {}),
    ("RandomBrightness", IMAGE, {"factor": 0.1}),
    ("RandomColorDegeneration", IMAGE, {"factor": 0.1}),
    ("RandomColorJitter", IMAGE, {}),
    ("RandomContrast", IMAGE, {"factor": 0.1}),
    ("RandomCrop", IMAGE, {"height": 8, "width": 6}),
    ("RandomElasticTransform", IMAGE, {}),
    ("RandomErasing", IMAGE, {}),
    ("RandomFlip", IMAGE, {}),
    ("RandomGaussianBlur", IMAGE, {}),
    ("RandomGrayscale", IMAGE, {}),
    ("RandomHue", IMAGE, {"factor": 0.1}),
    ("RandomInvert", IMAGE, {}),
    ("RandomPerspective", IMAGE, {}),
    ("RandomPosterization", IMAGE, {"factor": 4}),
    ("RandomRotation", IMAGE, {"factor": 0.1}),
    ("RandomSaturation", IMAGE, {"factor": 0.1}),
    ("RandomSharpness", IMAGE, {"factor": 0.1}),
    ("RandomShear", IMAGE, {}),
    ("RandomTranslation", IMAGE, {"height_factor": 0.1, "width_factor": 0.1}),
    ("RandomZoom", IMAGE, {"height_factor": 0.1}),
    ("STFTSpectrogram", SIGNAL, {}),
    ("STFTSpectrogram", SIGNAL, {"mode": "stft", "frame_length": 100}),
    ("STFTSpectrogram", SIGNAL, {"mode": "real", "expand_dims": True}),
    ("STFTSpectrogram", SIGNAL, {"frame_step": 50, "padding": "same"}),
    ("Solarization", IMAGE, {}),
]


@pytest.mark.parametrize("kind", LAYERS)
def test_it_has_a_rule_or_a_reason(kind):
    assert (kind in rules_beside(kind)) != (kind in NOT_COUNTED)


def test_no_reason_is_given_for_what_keras_does_not_have():
    assert set(NOT_COUNTED) <= set(LAYERS)


def test_the_reason_stands_in_the_message():
    entry = {"class_name": "Lambda", "config": {"input_shape": [4]}}
    network = {"class_name": "Sequential", "config": {"layers": [entry]}}

    with pytest.raises(UnsupportedLayerError, match="Python code, which is never run"):
        count_network(read_network_description(network))


def counted(layer, shape):
    model = keras.Sequential([keras.Input(shape), layer])
    description = json.loads(model.to_json())
    return model, count_network(read_network_description(description))


@pytest.mark.parametrize(("kind", "shape", "settings"), PREPARING)
def test_what_prepares_data_has_the_shape_and_parameters_of_keras(
    kind, shape, settings
):
    model, count = counted(getattr(keras.layers, kind)(**settings), shape)

    assert count.params == model.count_params()
    assert count.output_shapes == (model.output_shape[1:],)


def test_images_are_augmented_in_training_alone():
    _, count = counted(keras.layers.RandomRotation(0.1), IMAGE)

    (layer,) = [layer for layer in count.layers if layer.kind == "RandomRotation"]
    assert all(operation.training_only for operation in layer.forward)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.Dense(5), (4,)),
        (keras.layers.Conv2D(5, 3), IMAGE),
        (keras.layers.Embedding(9, 5), (4,)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_spectral_norm_keeps_one_vector(layer, shape):
    wrapped = keras.layers.SpectralNormalization(layer, power_iterations=2)

    model, count = counted(wrapped, shape)

    assert count.params == model.count_params()
    assert count.output_shapes == (model.output_shape[1:],)


@pytest.mark.parametrize("tied", [True, False])
def test_an_embedding_turned_round_keeps_its_table(tied):
    table = keras.layers.ReversibleEmbedding(11, 4, tie_weights=tied)
    words = keras.Input((6,))
    vectors = table(words)
    model = keras.Model(words, table(vectors, reverse=True))

    count = count_network(read_network_description(json.loads(model.to_json())))

    assert count.params == model.count_params()
    assert count.output_shapes == (model.output_shape[1:],)
    assert count.macs == 6 * 4 * 11
