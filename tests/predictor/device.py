"""A made-up device with known prices, and rows measured on it."""

import json

import numpy as np

from predictor.counting import count_network
from predictor.features import describe_steps
from predictor.readers import read_network_description
from predictor.workload import Workload

ENERGY_PER_MAC_J = 2e-10
ENERGY_PER_BYTE_J = 1e-9
ENERGY_PER_LAUNCH_J = 2e-4
ENERGY_PER_STEP_J = 3e-3
POWER_W = 25.0


def mlp(inputs, *widths, name="mlp"):
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, inputs]}}]
    layers += [
        {"class_name": "Dense", "config": {"units": width, "activation": "relu"}}
        for width in widths
    ]
    return {"class_name": "Sequential", "config": {"name": name, "layers": layers}}


def cnn(side, *filters, kernel=3, strides=1):
    shape = [None, side, side, 3]
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": shape}}]
    layers += [
        {
            "class_name": "Conv2D",
            "config": {
                "filters": count,
                "kernel_size": [kernel, kernel],
                "strides": [strides, strides],
                "padding": "same",
            },
        }
        for count in filters
    ]
    layers.append({"class_name": "GlobalAveragePooling2D", "config": {}})
    return {"class_name": "Sequential", "config": {"name": "cnn", "layers": layers}}


def count(description):
    return count_network(read_network_description(description))


def step_energy_j(network, workload):
    table = describe_steps([(network, workload)])
    moved = table.column("activation_bytes") + table.column("weight_bytes")
    per_operation = (
        ENERGY_PER_MAC_J * table.column("macs")
        + ENERGY_PER_BYTE_J * moved
        + ENERGY_PER_LAUNCH_J * table.column("launches")
    )
    return float(table.total(per_operation)[0]) + ENERGY_PER_STEP_J


def row(description, workload, *, group, family, noise=0.0, random=None, **fields):
    network = count(description)
    wobble = 1.0 if random is None else float(np.exp(noise * random.standard_normal()))
    cold_j = 1.0 + 0.5 * len(network.layers)
    energy_j = (
        step_energy_j(network, workload) * workload.full_batches * wobble + cold_j
    )
    return {
        "schema": "measurement/1",
        "network": description,
        "mode": workload.mode,
        "batch_size": workload.batch_size,
        "samples": workload.samples,
        "epochs": workload.epochs,
        "optimizer": workload.optimizer,
        "energy_j": energy_j,
        "duration_s": energy_j / POWER_W,
        "cold_energy_j": cold_j,
        "cold_duration_s": cold_j / POWER_W,
        "source": "wall",
        "hardware": "made-up device",
        "backend": "jax",
        "group": group,
        "family": family,
        "source_dataset": "made-up",
        **fields,
    }


def rows(n=40, *, seed=0, noise=0.02):
    random = np.random.default_rng(seed)
    made = []
    for number in range(n):
        widths = [int(2 ** random.uniform(3, 10)) for _ in range(random.integers(1, 6))]
        if number % 2:
            description, family = mlp(widths[0], *widths), "dense"
        else:
            side = int(random.choice([8, 16, 32]))
            description = cnn(side, *(max(1, width // 8) for width in widths))
            family = "convolutional"
        batch_size = int(2 ** random.integers(0, 8))
        for mode in ("training", "inference"):
            workload = Workload(
                mode=mode, batch_size=batch_size, samples=batch_size * 50
            )
            made.append(
                row(
                    description,
                    workload,
                    group=f"net{number}",
                    family=family,
                    noise=noise,
                    random=random,
                )
            )
    return made


def write_rows(path, made):
    path.write_text("".join(json.dumps(item) + "\n" for item in made))
    return path
