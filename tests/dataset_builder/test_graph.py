"""Networks written without Keras are what the reader of networks understands."""

import pytest

from dataset_builder.plan.cost import count_description
from dataset_builder.plan.families import FAMILIES
from dataset_builder.plan.graph import Graph
from dataset_builder.plan.probes import PROBES
from predictor.readers import network_sha256, read_network
from tests.dataset_builder.builders import random_draw

BUILDERS = {
    **{f"{name}/{i}": b for name, bs in FAMILIES.items() for i, b in enumerate(bs)},
    **PROBES,
}
DRAWS = range(12)


def written_shapes(network):
    """Return the shapes that the description itself claims, by layer."""
    shapes = {}
    for layer in network["config"]["layers"]:
        for node in layer["inbound_nodes"]:
            first = node["args"][0]
            for reference in first if isinstance(first, list) else node["args"]:
                config = reference["config"]
                shapes[config["keras_history"][0]] = tuple(config["shape"][1:])
    return shapes


@pytest.mark.parametrize("name", BUILDERS)
def test_every_shape_written_down_is_the_one_that_counting_finds(name):
    for seed in DRAWS:
        network = BUILDERS[name](random_draw(f"{name}{seed}"))
        counted = {
            layer.name: layer.output_shapes[0]
            for layer in count_description(network).layers
        }

        for layer, shape in written_shapes(network).items():
            assert counted.get(layer, shape) == shape


@pytest.mark.parametrize("name", BUILDERS)
def test_every_network_has_something_to_train(name):
    for seed in DRAWS:
        network = BUILDERS[name](random_draw(f"{name}{seed}"))

        assert count_description(network).trainable_params > 0


def test_the_hash_is_the_one_that_readers_compute():
    graph = Graph()
    network = graph.finish(graph.dense(graph.input((3,)), 2))

    assert network_sha256(network) == read_network(network).sha256


def test_a_layer_without_bias_says_so_and_one_with_a_bias_says_nothing():
    graph = Graph()
    tensor = graph.dense(graph.input((3,)), 2, use_bias=False)
    network = graph.finish(graph.dense(tensor, 2))

    configs = [layer["config"] for layer in network["config"]["layers"]]
    assert configs[1]["use_bias"] is False
    assert "use_bias" not in configs[2]


@pytest.mark.slow
def test_keras_builds_every_family_with_the_parameters_counted(keras):
    import json

    for name, build in BUILDERS.items():
        network = build(random_draw(name))
        while len(network["config"]["layers"]) > 40:
            name += "'"
            network = build(random_draw(name))
        with keras.StatelessScope(initialize_variables=False):
            model = keras.models.model_from_json(json.dumps(network))

        count = count_description(network)
        assert model.count_params() == count.params
        assert tuple(model.outputs[0].shape)[1:] == count.output_shapes[0]
