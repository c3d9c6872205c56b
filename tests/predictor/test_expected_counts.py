"""Parameters and shapes are those that Keras itself counted and wrote down."""

import gzip
import json
from pathlib import Path

import pytest

from predictor.counting import (
    count_network,
    known_kinds,
    onnx_ops,
    preprocessing,
)
from predictor.readers import read_network_description

FILE = Path(__file__).parent / "expected_counts.json.gz"
EXPECTED = json.loads(gzip.decompress(FILE.read_bytes()))["networks"]
COMPARED_WHEN_BUILT = {  # by test_every_keras_layer
    *preprocessing.RULES,
    "ReversibleEmbedding",
    "SpectralNormalization",
}
NOT_OF_KERAS = {"Bias", "SparseExperts"}  # of transformers, compared with checkpoints
ONLY_IN_KERAS_2 = {"TFOpLambda", "ThresholdedReLU"}  # compared by test_keras_2
ANOTHER_NAME = {"GroupedQueryAttention"}


def title(expected):
    kinds = [layer["class_name"] for layer in expected["network"]["config"]["layers"]]
    return f"{expected['name']}-{kinds[-1]}"


def kinds_in(description):
    found, waiting = set(), [description]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            module, kind = value.get("module"), value.get("class_name")
            if module and kind:
                found.add(f"ops.{kind}" if "keras.src.ops" in module else kind)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def agree(counted, expected):
    """Whether shapes are equal; Keras leaves sizes open that it could know."""
    return len(counted) == len(expected) and all(
        len(one) == len(other)
        and all(b is None or a == b for a, b in zip(one, other, strict=True))
        for one, other in zip(counted, expected, strict=True)
    )


@pytest.mark.parametrize("expected", EXPECTED, ids=title)
def test_counts_equal_those_of_keras(expected):
    network = read_network_description(expected["network"])

    count = count_network(network)

    assert count.params == expected["params"]
    assert count.trainable_params == expected["trainable_params"]
    shapes = {}
    for layer in count.layers:
        shapes.setdefault(layer.name, set()).add(layer.output_shapes)
    assert shapes.keys() == expected["outputs"].keys()
    for name, of_keras in expected["outputs"].items():
        assert len(shapes[name]) == len(of_keras), name
        for counted in shapes[name]:
            assert any(agree(counted, shape) for shape in of_keras), name


def renamed(value, key=None):
    """Return a description in which every layer has another name."""
    if isinstance(value, dict):
        return {key: renamed(inside, key) for key, inside in value.items()}
    if isinstance(value, list):
        is_history = len(value) == 3 and isinstance(value[0], str)
        if is_history and key in {"keras_history", "input_layers", "output_layers"}:
            return [f"renamed {value[0]}", *value[1:]]
        return [renamed(inside, key) for inside in value]
    return f"renamed {value}" if key == "name" else value


@pytest.mark.parametrize("expected", EXPECTED[:40], ids=title)
def test_renaming_layers_changes_nothing_but_names(expected):
    before = count_network(read_network_description(expected["network"]))
    after = count_network(read_network_description(renamed(expected["network"])))

    assert after.layers[0].name == f"renamed {before.layers[0].name}"
    assert [layer.forward for layer in after.layers] == [
        layer.forward for layer in before.layers
    ]
    assert [layer.backward for layer in after.layers] == [
        layer.backward for layer in before.layers
    ]


def test_every_known_kind_was_compared_with_keras():
    compared = set().union(*(kinds_in(expected["network"]) for expected in EXPECTED))
    elsewhere = COMPARED_WHEN_BUILT | NOT_OF_KERAS | set(onnx_ops.RULES)

    assert set(known_kinds()) - compared - elsewhere == ONLY_IN_KERAS_2 | ANOTHER_NAME


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("vgg16", 15.5e9, 15.5e9),
        ("resnet50", 3.9e9, 4.1e9),
        ("mobilenetv2_1.00_224", 0.300e9, 0.300e9),
        ("densenet121", 2.8e9, 2.9e9),
        ("inception_v3", 5.7e9, 5.7e9),
    ],
)
def test_macs_are_the_published_ones_within_3_percent(name, lowest, highest):
    (expected,) = [e for e in EXPECTED if e["name"] == name]

    macs = count_network(read_network_description(expected["network"])).macs

    assert 0.97 * lowest <= macs <= 1.03 * highest
