"""Networks that Keras 2 wrote down have the parameters that it counted itself.

The file was written by tf_keras, from `model.to_json()`, `count_params()` and the sizes
of `trainable_weights`: networks of `tf_keras.applications`, and small ones that have
what only Keras 2 writes, such as functions of TensorFlow between layers.
"""

import gzip
import json
from pathlib import Path

import pytest

import predictor
from predictor import Workload
from predictor.counting import count_network
from predictor.errors import UnsupportedLayerError
from predictor.readers import read_network

FILE = Path(__file__).parent / "tf_keras_networks.json.gz"
WRITTEN = json.loads(gzip.decompress(FILE.read_bytes()))["networks"]


def described(function, arguments):
    """Return a network of one function of TensorFlow."""
    tensor = {"class_name": "InputLayer", "name": "x", "inbound_nodes": []}
    tensor["config"] = {"name": "x", "batch_input_shape": [None, 4, 6]}
    called = {"class_name": "TFOpLambda", "name": "f"}
    called["config"] = {"name": "f", "function": function}
    called["inbound_nodes"] = [["x", 0, 0, arguments]]
    config = {"name": "net", "layers": [tensor, called]}
    config |= {"input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0"}


@pytest.mark.parametrize("name", WRITTEN)
def test_parameters_are_those_of_keras_2(name):
    written = WRITTEN[name]

    counts = count_network(read_network(written["network"]).architecture)

    assert counts.params == written["params"]
    assert counts.trainable_params == written["trainable_params"]


@pytest.mark.parametrize(
    ("function", "arguments", "shape", "kind"),
    [
        ("math.multiply", {"y": 2.0, "name": None}, (4, 6), "elementwise"),
        ("__operators__.add", {"y": ["x", 0, 0]}, (4, 6), "elementwise"),
        ("math.reduce_mean", {"axis": [1, 2], "keepdims": False}, (), "reduction"),
        ("math.reduce_sum", {"axis": -1, "keepdims": True}, (4, 1), "reduction"),
        ("nn.relu6", {"name": None}, (4, 6), "activation"),
        ("nn.silu", {}, (4, 6), "transcendental"),
    ],
)
def test_functions_of_tensorflow_are_counted(function, arguments, shape, kind):
    network = read_network(described(function, arguments)).architecture

    (layer,) = count_network(network).layers

    assert layer.output_shapes == (shape,)
    assert [operation.kind for operation in layer.forward] == [kind]


def test_a_function_without_a_rule_is_named():
    network = read_network(described("signal.stft", {})).architecture

    with pytest.raises(UnsupportedLayerError, match=r"'tf\.signal\.stft'"):
        count_network(network)


def test_a_call_that_asks_for_inference_runs_in_it():
    def dropout(**call):
        network = described("", {})
        layer = network["config"]["layers"][1]
        layer["class_name"], layer["config"] = "Dropout", {"name": "f", "rate": 0.5}
        layer["inbound_nodes"] = [[["x", 0, 0, call]]]
        return network

    job = Workload(mode="training")
    costs = [
        predictor.estimate(dropout(**call), workload=job).energy_j.estimate
        for call in ({}, {"training": False})
    ]

    assert costs[1] < costs[0]
