"""A Keras model in memory is read as its own JSON is."""

import json
import warnings

import keras
import numpy as np
import pytest

import predictor
from predictor.counting import count_network
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


def test_dropout_works_in_training_though_keras_writes_that_it_does_not():
    x = keras.Input((100,))
    model = keras.Model(x, keras.layers.Dropout(0.5)(x))
    assert '"training": false' in model.to_json()
    dropped = model(np.ones((1, 100), dtype="float32"), training=True)
    assert float(keras.ops.min(dropped)) == 0.0

    (dropout,) = count_network(read_network(model).architecture).layers

    assert [one.kind for one in dropout.forward] == ["random"]


class Residual(keras.Model):
    """Says what it does in code only; one layer is used twice."""

    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(16, activation="relu")
        self.second = keras.layers.Dense(16)
        self.drop = keras.layers.Dropout(0.1)

    def call(self, x, training=None):
        y = self.second(self.drop(self.first(x), training=training))
        return keras.ops.relu(y + self.first(x))


def functional_residual():
    x = keras.Input((16,))
    first, drop = keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.1)
    y = keras.layers.Dense(16)(drop(first(x)))
    return keras.Model(x, keras.ops.relu(y + first(x)))


def test_a_subclassed_model_that_was_built_costs_what_a_functional_one_does():
    model = Residual()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has no build() of its own
        model.build((None, 16))

    answer = predictor.estimate(model)

    assert answer.energy_j == predictor.estimate(functional_residual()).energy_j
    assert answer.counts.params == model.count_params() == 544


def test_a_subclassed_model_that_has_run_is_known_too():
    model = Residual()
    model(np.ones((3, 16), dtype="float32"))

    assert predictor.estimate(model).counts.params == 544


def test_shapes_stand_in_for_building():
    answer = predictor.estimate(Residual(), input_shapes=[(16,)])

    assert answer.counts.params == 544


def test_a_model_of_several_inputs_takes_a_list():
    class Joined(keras.Model):
        def __init__(self):
            super().__init__()
            self.join = keras.layers.Concatenate()
            self.out = keras.layers.Dense(2)

        def call(self, both):
            return self.out(self.join(both))

    answer = predictor.estimate(Joined(), input_shapes=[(3,), (4,)])

    assert answer.counts.params == 16


def test_code_that_cannot_be_traced_is_refused_in_a_sentence():
    class Broken(keras.Model):
        def call(self, x):
            raise RuntimeError("not today")

    with pytest.raises(ArchitectureError, match=r"cannot be traced .*not today"):
        predictor.estimate(Broken(), input_shapes=[(3,)])


@pytest.mark.parametrize("source", [5, None, [1], b"net.json"])
def test_what_is_no_network_is_named(source):
    with pytest.raises(InputFileError, match="give a path, the parsed JSON, a Keras"):
        read_network(source)
