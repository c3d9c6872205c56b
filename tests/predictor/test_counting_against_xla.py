"""Multiply-accumulates are half the operations that the XLA compiler counts."""

import json

import pytest

from predictor.counting import count_network
from predictor.readers import read_network_description

pytestmark = pytest.mark.slow


def products_only(keras):
    """Networks without bias, activation and padding: products and nothing else."""
    layers = keras.layers
    plain = {"use_bias": False}
    return {
        "dense": [(24,), layers.Dense(16, **plain), layers.Dense(8, **plain)],
        "dense on a sequence": [(7, 24), layers.Dense(16, **plain)],
        "einsum": [
            (7, 24),
            layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3)),
        ],
        "convolution in one dimension": [
            (40, 6),
            layers.Conv1D(8, 5, strides=2, **plain),
            layers.Conv1D(4, 3, dilation_rate=2, **plain),
        ],
        "convolutions": [
            (24, 20, 3),
            layers.Conv2D(8, 3, **plain),
            layers.Conv2D(12, (5, 3), strides=2, **plain),
            layers.Conv2D(6, 1, **plain),
        ],
        "grouped convolution": [(12, 12, 8), layers.Conv2D(12, 3, groups=4, **plain)],
        "depthwise convolution": [
            (12, 12, 8),
            layers.DepthwiseConv2D(3, depth_multiplier=2, **plain),
        ],
        "separable convolution": [(12, 12, 8), layers.SeparableConv2D(6, 3, **plain)],
        "convolution in three dimensions": [
            (10, 9, 8, 3),
            layers.Conv3D(5, 3, **plain),
        ],
    }


NAMES = [
    "dense",
    "dense on a sequence",
    "einsum",
    "convolution in one dimension",
    "convolutions",
    "grouped convolution",
    "depthwise convolution",
    "separable convolution",
    "convolution in three dimensions",
]


@pytest.mark.parametrize("name", NAMES)
def test_macs_are_half_the_flops_of_the_compiler(keras, name):
    jax = pytest.importorskip("jax")
    if keras.backend.backend() != "jax":
        pytest.skip("Keras runs on another backend")
    shape, *layers = products_only(keras)[name]
    network = keras.Sequential([keras.Input(shape), *layers])
    weights = [variable.value for variable in network.trainable_variables]

    compiled = (
        jax.jit(lambda weights, x: network.stateless_call(weights, [], x)[0])
        .lower(weights, jax.numpy.ones((1, *shape)))
        .compile()
    )
    counted = count_network(read_network_description(json.loads(network.to_json())))

    assert 2 * counted.macs == compiled.cost_analysis()["flops"]
