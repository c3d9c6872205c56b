"""A pessimistic guess of a step's time and memory, to keep monsters out of a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from predictor.counting import NetworkCount, count_network
from predictor.counting.operation import Operation
from predictor.readers import read_network_description
from predictor.workload import BYTES_PER_ELEMENT, OPTIMIZER_SLOTS, Mode

MACS_PER_S = {"depthwise": 5e8, "matmul": 1.5e10, "convolution": 1e10, "recurrent": 5e9}
"""Slow but usual rates of a small CPU, by kind of operation."""

OTHER_MACS_PER_S = 1e9
BYTES_PER_S = 2.5e9
SECONDS_PER_LAUNCH = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """What a step is guessed to need.

    Parameters
    ----------
    duration_s : float
        Time of one step in s.
    memory_bytes : float
        Memory of weights, optimizer state and activations in bytes.
    """

    duration_s: float
    memory_bytes: float


def count_description(network: Mapping[str, object]) -> NetworkCount:
    """Count a network given as parsed JSON.

    Parameters
    ----------
    network : mapping
        Keras 3 JSON.

    Returns
    -------
    count : NetworkCount
        Exact counts.
    """
    return count_network(read_network_description(network))


def guess_step(
    count: NetworkCount, *, mode: Mode, batch_size: int, optimizer: str = "sgd"
) -> StepCost:
    """Guess time and memory of one step on a small CPU.

    Parameters
    ----------
    count : NetworkCount
        The counted network.
    mode : {"training", "inference"}
        What is done.
    batch_size : int
        Samples per step.
    optimizer : str, default="sgd"
        Name of the optimizer.

    Returns
    -------
    cost : StepCost
        The guess; right within a factor of about 5 and mostly too high.
    """
    element = BYTES_PER_ELEMENT["float32"]
    training = mode == "training"
    duration_s = 0.0
    for layer in count.layers:
        operations = (*layer.forward, *(layer.backward if training else ()))
        seconds = sum(_seconds(item, batch_size, element) for item in operations)
        duration_s += seconds * layer.calls
    slots = OPTIMIZER_SLOTS[optimizer]
    if training:
        traffic = count.trainable_params * element * (3 + 2 * slots)
        duration_s += traffic / BYTES_PER_S
    copies = (3 + slots) if training else 1
    sizes = [[axis or 1 for axis in shape] for shape in count.input_shapes]
    elements = count.activations + sum(math.prod(shape) for shape in sizes)
    memory = element * (
        count.params * copies + elements * batch_size * (2.5 if training else 0.7)
    )
    return StepCost(duration_s=duration_s, memory_bytes=memory)


def _seconds(operation: Operation, batch_size: int, element: int) -> float:
    rate = MACS_PER_S.get(operation.kind, OTHER_MACS_PER_S)
    touched = (operation.read + operation.written) * batch_size + operation.weights
    return (
        operation.macs * batch_size / rate
        + touched * element / BYTES_PER_S
        + operation.launches * SECONDS_PER_LAUNCH
    )
