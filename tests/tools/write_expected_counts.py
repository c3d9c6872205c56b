"""Write what Keras itself counts, for tests that run without Keras.

Run as ``KERAS_BACKEND=jax python tests/tools/write_expected_counts.py``.
"""

import gzip
import json
import math
from pathlib import Path

import keras
import layer_examples
from keras import Model, Sequential
from keras.src.models import Functional

TARGET = Path(__file__).parents[1] / "predictor" / "expected_counts.json.gz"
SIZED = {"MobileNetV3Large": (224, 224, 3), "MobileNetV3Small": (224, 224, 3)}


def application_names():
    names = dir(keras.applications)
    return [name for name in names if callable(getattr(keras.applications, name))]


def layer_shapes(network, prefix=""):
    """Return all output shapes of each layer, by path."""
    if isinstance(network, Sequential):
        network = network._functional
    found = {}
    for operation in network.operations:
        path = prefix + operation.name
        if isinstance(operation, keras.layers.InputLayer):
            continue
        if isinstance(operation, Functional | Sequential):
            found.update(layer_shapes(operation, f"{path}/"))
            continue
        shapes = found.setdefault(path, [])
        for place, node in enumerate(operation._inbound_nodes):
            if f"{id(operation)}_ib-{place}" in network._nodes:
                shape = [list(tensor.shape[1:]) for tensor in node.output_tensors]
                if shape not in shapes:
                    shapes.append(shape)
    return found


def elements(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def expectation(network):
    return {
        "name": network.name,
        "params": elements(network.weights),
        "trainable_params": elements(network.trainable_weights),
        "outputs": layer_shapes(network),
        "network": json.loads(network.to_json()),
    }


def networks():
    for name in application_names():
        options = {"input_shape": SIZED[name]} if name in SIZED else {}
        yield getattr(keras.applications, name)(weights=None, **options)
    for shape, layer in layer_examples.single_layers():
        dtype = "int32" if isinstance(layer, keras.layers.Embedding) else None
        tensor = keras.Input(shape, dtype=dtype)
        yield Model(tensor, layer(tensor))
    for group in ("merges", "attention", "graphs", "operations"):
        yield from getattr(layer_examples, group)()


def main():
    # Only shapes are wanted: no weight is allocated.
    with keras.StatelessScope(initialize_variables=False):
        expected = [expectation(network) for network in networks()]
    content = json.dumps({"keras": keras.__version__, "networks": expected})
    # Without name and time, the same content makes the same file.
    with TARGET.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as zipped:
        zipped.write(content.encode())


if __name__ == "__main__":
    main()
