"""The simple metrics that are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from predictor.dataset import Measurement
from predictor.features import FloatArray, StepTable


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleMetric:
    """A number that people read off a network instead of its energy.

    Parameters
    ----------
    values : callable
        Takes measurements and their features, returns the metric of each.
    of_step : bool
        Whether it grows with the batch; one of the network alone does not.
    """

    values: Callable[[Sequence[Measurement], StepTable], FloatArray]
    of_step: bool


def _of_network(count: Callable[[Measurement], int]) -> SimpleMetric:
    return SimpleMetric(
        values=lambda rows, _: np.array([count(row) for row in rows], dtype=np.float64),
        of_step=False,
    )


def _of_step(*columns: str) -> SimpleMetric:
    return SimpleMetric(
        values=lambda _, table: table.total(
            np.sum([table.column(name) for name in columns], axis=0)
        ),
        of_step=True,
    )


SIMPLE_METRICS: Mapping[str, SimpleMetric] = {
    "macs": _of_step("macs"),
    "params": _of_network(lambda row: row.network.params),
    "nodes": _of_network(lambda row: row.network.activations),
    "layers": _of_network(lambda row: len(row.network.layers)),
    "bytes": _of_step("activation_bytes", "weight_bytes"),
}
"""What is judged beside ``tdp_time`` and the model.

``macs`` and ``bytes`` are those of a step: the whole batch, in training with the
backward pass. FLOPs are twice the MACs, which changes neither ranks nor fitted lines.
``nodes`` are the output elements of all layers for one sample.
"""
