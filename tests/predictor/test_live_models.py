"""A Keras model in memory is read as its own JSON is."""

import json

import keras
import pytest

import predictor
from predictor.errors import ArchitectureError, InputFileError
from predictor.readers import read_network


@pytest.fixture
def model():
    image = keras.Input((16, 16, 3))
    maps = keras.layers.Conv2D(4, 3, activation="relu")(image)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(image, keras.layers.Dense(2)(pooled))


def test_a_model_costs_what_its_json_costs(model):
    described = predictor.estimate(json.loads(model.to_json()))

    answer = predictor.estimate(model)

    assert answer.energy_j == described.energy_j
    assert answer.counts.params == model.count_params()
    assert answer.network.format == "keras-model"


def test_a_subclassed_model_says_what_to_do():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ArchitectureError, match="functional API"):
        read_network(Own())


@pytest.mark.parametrize("source", [5, None, [1], b"net.json"])
def test_what_is_no_network_is_named(source):
    with pytest.raises(InputFileError, match="give a path, the parsed JSON or a Keras"):
        read_network(source)
