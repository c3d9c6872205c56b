"""The anchor: one fixed configuration that every host measures again and again."""

from __future__ import annotations

from typing import Any

from dataset_builder.plan.configuration import Configuration, configuration

ANCHOR_NAME = "anchor"
BATCH_SIZE = 32


def anchor_configuration() -> Configuration:
    """Return the anchor: training of a small convolutional network.

    It must never change: anchors of different days are compared. A step does some
    convolution, some memory traffic and some launches, as most steps do.

    Returns
    -------
    anchor : Configuration
        The same at every call.

    Examples
    --------
    >>> anchor_configuration().group
    '...'
    """
    layers = [
        ("InputLayer", {"batch_shape": [None, 32, 32, 3], "dtype": "float32"}),
        ("Conv2D", _convolution(32)),
        ("MaxPooling2D", {"pool_size": [2, 2]}),
        ("Conv2D", _convolution(64)),
        ("MaxPooling2D", {"pool_size": [2, 2]}),
        ("Flatten", {}),
        ("Dense", {"units": 128, "activation": "relu"}),
        ("Dense", {"units": 10, "activation": "linear"}),
    ]
    network = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": ANCHOR_NAME,
            "layers": [
                {
                    "module": "keras.layers",
                    "class_name": kind,
                    "config": {"name": f"{kind.lower()}_{number}", **config},
                }
                for number, (kind, config) in enumerate(layers)
            ],
        },
    }
    return configuration(
        network, family="convolutional", name=ANCHOR_NAME, batch_size=BATCH_SIZE
    )


def _convolution(filters: int) -> dict[str, Any]:
    return {
        "filters": filters,
        "kernel_size": [3, 3],
        "padding": "same",
        "activation": "relu",
    }
