"""The one definition of the features, used to fit and to estimate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from predictor.counting import NetworkCount
from predictor.counting.operation import OPERATION_KINDS, PHASES, Operation
from predictor.errors import ArchitectureError
from predictor.workload import BYTES_PER_ELEMENT, OPTIMIZER_SLOTS, Workload

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEATURES_VERSION = 5
"""Raised with every change of a feature's meaning; stored with fitted models."""

OPERATION_COLUMNS = (
    "kind",  # index into OPERATION_KINDS
    "phase",  # index into PHASES
    "calls",  # times the operation is done in one step; the rest is per call
    "launches",
    "macs",
    "activation_bytes",
    "weight_bytes",
    "window_bytes",  # of the windows that a convolution multiplies
    "cross_group_bytes",  # weights that groups save
    "batch_size",
    "positions",  # per sample and launch
    "inner",
    "columns",
    "groups",
    "taps",
    "stride",
    "dilation",
)
"""Columns of `StepTable.operations`; counts are those of one step, whole batch."""

QUANTITIES = (
    *("launches", "macs", "activation_bytes", "weight_bytes"),
    *("window_bytes", "cross_group_bytes"),
)
"""The columns a device spends energy on in proportion. The last two are work that some
backends do and others avoid: copying windows before they are multiplied, and products
of all groups with each other where only those within a group are wanted."""

_PER_SAMPLE = ("macs", "activation_bytes", "window_bytes", "batch_size")
"""The columns that are in proportion to the batch size."""

_CACHE_LINE = 16
"""Elements of float32 that are fetched together."""

_TOO_LARGE = (
    "the network's sizes are beyond what can be computed (over 1e308); check the sizes "
    "in the description"
)

_PRODUCT_KINDS = (
    "matmul",
    "convolution",
    "grouped_convolution",
    "transposed_convolution",
    "depthwise",
)
_WINDOW_KINDS = ("convolution", "grouped_convolution", "transposed_convolution")

STEP_COLUMNS = (
    "training",
    "log_batch_size",
    "log_macs",
    "log_params",
    "log_trainable_params",
    "log_activation_bytes",
    "log_weight_bytes",
    "log_launches",
    "log_macs_per_byte",
    "log_macs_per_launch",
    "mean_log_positions",  # means are weighted by MACs
    "mean_log_inner",
    "mean_log_columns",
    "mean_log_groups",
    "mean_log_taps",
    "backward_macs_share",
    *(f"macs_share_{kind}" for kind in _PRODUCT_KINDS),
    *(f"bytes_share_{kind}" for kind in OPERATION_KINDS),
    "optimizer_slots",
)
"""Columns of `StepTable.steps`: one configuration in a few numbers."""

FEATURE_NAMES = OPERATION_COLUMNS + STEP_COLUMNS
"""Every feature, stored with a fitted model and compared when it is read."""

_COLUMN = {name: index for index, name in enumerate(OPERATION_COLUMNS)}
_STEP_COLUMN = {name: index for index, name in enumerate(STEP_COLUMNS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTable:
    """What one step does, for any number of configurations.

    Parameters
    ----------
    operations : ndarray of shape (n_operations, n_operation_columns)
        One row per distinct operation, columns as in `OPERATION_COLUMNS`.
    step : ndarray of int, shape (n_operations,)
        The configuration an operation belongs to, ascending from 0.
    layer : ndarray of int, shape (n_operations,)
        Index of the operation's layer in its network.
    steps : ndarray of shape (n_steps, n_step_columns)
        One row per configuration, columns as in `STEP_COLUMNS`.
    """

    operations: FloatArray
    step: IntArray
    layer: IntArray
    steps: FloatArray

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, name: str) -> FloatArray:
        """Return one column of `operations`.

        Parameters
        ----------
        name : str
            One of `OPERATION_COLUMNS`.

        Returns
        -------
        values : ndarray of shape (n_operations,)
            The column.
        """
        values: FloatArray = self.operations[:, _COLUMN[name]]
        return values

    def step_column(self, name: str) -> FloatArray:
        """Return one column of `steps`.

        Parameters
        ----------
        name : str
            One of `STEP_COLUMNS`.

        Returns
        -------
        values : ndarray of shape (n_steps,)
            The column.
        """
        values: FloatArray = self.steps[:, _STEP_COLUMN[name]]
        return values

    def total(self, per_operation: FloatArray) -> FloatArray:
        """Add up a number of each operation over the calls in its step.

        Parameters
        ----------
        per_operation : ndarray of shape (n_operations,)
            The number for one call.

        Returns
        -------
        per_step : ndarray of shape (n_steps,)
            The sums.
        """
        weighted = per_operation * self.column("calls")
        sums: FloatArray = np.bincount(
            self.step, weights=weighted, minlength=len(self)
        ).astype(np.float64)
        return sums

    def merged(self) -> StepTable:
        """Return the table with equal operations of a step joined.

        Returns
        -------
        table : StepTable
            Same totals in fewer rows; `layer` names the first layer of each kind.
        """
        calls = _COLUMN["calls"]
        keys = self.operations.copy()
        keys[:, calls] = self.step
        _, first, back = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(self.step[first], kind="stable")
        joined = np.bincount(back.reshape(-1), weights=self.column("calls"))
        operations = self.operations[first]
        operations[:, calls] = joined
        return StepTable(
            operations=operations[order],
            step=self.step[first][order],
            layer=self.layer[first][order],
            steps=self.steps,
        )

    def take(self, indices: Sequence[int] | IntArray) -> StepTable:
        """Return the table of some of the configurations.

        Parameters
        ----------
        indices : sequence of int
            Configurations, in the order wanted; one may come several times.

        Returns
        -------
        table : StepTable
            Their operations and features.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        first = np.searchsorted(self.step, chosen, side="left")
        lengths = np.searchsorted(self.step, chosen, side="right") - first
        new_step = np.repeat(np.arange(len(chosen), dtype=np.int64), lengths)
        # Each operation's place: its number in its step, after the step's first one.
        before = np.cumsum(lengths) - lengths
        kept = np.arange(len(new_step)) + np.repeat(first - before, lengths)
        return StepTable(
            operations=self.operations[kept],
            step=new_step,
            layer=self.layer[kept],
            steps=self.steps[chosen],
        )


def _window_elements(operation: Operation) -> int:
    # A convolution multiplies a window of its wider side for each position of the
    # narrower one, or adds one up there; without a stride its input gradient is a
    # convolution of the output's. A transposed one finds each point of its windows by
    # itself, however many channels stand there.
    if operation.kind not in _WINDOW_KINDS or operation.taps == 1:
        return 0
    transposed = operation.kind == "transposed_convolution"
    if transposed and operation.phase == "forward":
        return operation.positions * operation.taps * operation.groups * _CACHE_LINE
    filters = operation.columns // operation.taps if transposed else operation.columns
    channels = operation.inner if transposed else operation.inner // operation.taps
    turned = operation.stride == 1 and operation.phase == "input_gradient"
    width = filters if transposed or turned else channels
    return operation.positions * operation.taps * width * operation.groups


def _operation_row(
    operation: Operation, *, calls: int, batch_size: int, element_bytes: int
) -> tuple[float, ...]:
    return (
        OPERATION_KINDS.index(operation.kind),
        PHASES.index(operation.phase),
        float(calls),
        float(operation.launches),
        float(operation.macs * batch_size),
        float((operation.read + operation.written) * batch_size * element_bytes),
        float(operation.weights_moved * element_bytes),
        float(_window_elements(operation) * batch_size * element_bytes),
        float(operation.weights * (operation.groups - 1) * element_bytes),
        float(batch_size),
        float(operation.positions),
        float(operation.inner),
        float(operation.columns),
        float(operation.groups),
        float(operation.taps),
        float(operation.stride),
        float(operation.dilation),
    )


def _update(params: int, tensors: int, optimizer: str) -> Operation:
    # Read weight and gradient, write the weight; each state tensor is read and written.
    touched = params * (3 + 2 * OPTIMIZER_SLOTS[optimizer])
    return Operation(kind="update", phase="update", weights=touched, launches=tensors)


def _log1p(value: float) -> float:
    return math.log1p(max(value, 0.0))


def _describe_step(
    rows: FloatArray, network: NetworkCount, workload: Workload
) -> list[float]:
    calls = rows[:, _COLUMN["calls"]]
    macs = rows[:, _COLUMN["macs"]] * calls
    activation_bytes = rows[:, _COLUMN["activation_bytes"]] * calls
    weight_bytes = rows[:, _COLUMN["weight_bytes"]] * calls
    launches = rows[:, _COLUMN["launches"]] * calls
    moved = activation_bytes + weight_bytes
    all_macs, all_bytes = float(macs.sum()), float(moved.sum())
    mac_weights = macs / all_macs if all_macs else np.zeros(len(macs))
    kinds = rows[:, _COLUMN["kind"]].astype(int)
    byte_shares = np.bincount(kinds, weights=moved, minlength=len(OPERATION_KINDS))
    mac_shares = np.bincount(kinds, weights=macs, minlength=len(OPERATION_KINDS))
    backward = rows[:, _COLUMN["phase"]] > PHASES.index("forward")
    return [
        float(workload.mode == "training"),
        math.log(workload.batch_size),
        _log1p(all_macs),
        _log1p(float(network.params)),
        _log1p(float(network.trainable_params)),
        _log1p(float(activation_bytes.sum())),
        _log1p(float(weight_bytes.sum())),
        _log1p(float(launches.sum())),
        _log1p(all_macs / max(all_bytes, 1.0)),
        _log1p(all_macs / max(float(launches.sum()), 1.0)),
        *(
            float(mac_weights @ np.log(rows[:, _COLUMN[name]]))
            for name in ("positions", "inner", "columns", "groups", "taps")
        ),
        float(mac_weights[backward].sum()),
        *(
            float(mac_shares[OPERATION_KINDS.index(kind)]) / max(all_macs, 1.0)
            for kind in _PRODUCT_KINDS
        ),
        *(byte_shares / max(all_bytes, 1.0)).tolist(),
        float(OPTIMIZER_SLOTS[workload.optimizer]),
    ]


def _one_step(
    network: NetworkCount, workload: Workload
) -> tuple[FloatArray, IntArray, list[float]]:
    training = workload.mode == "training"
    element_bytes = BYTES_PER_ELEMENT[workload.dtype]
    merged: dict[tuple[int, Operation], int] = {}
    for index, layer in enumerate(network.layers):
        operations: Iterable[Operation] = layer.forward
        if training:
            operations = (*layer.forward, *layer.backward)
        for operation in operations:
            if training or not operation.training_only:
                key = (index, operation)
                merged[key] = merged.get(key, 0) + layer.calls
        if training and layer.trainable_params:
            update = _update(
                layer.trainable_params, layer.trainable_tensors, workload.optimizer
            )
            merged[index, update] = 1
    try:
        rows = np.array(
            [
                _operation_row(
                    operation,
                    calls=calls,
                    batch_size=workload.batch_size,
                    element_bytes=element_bytes,
                )
                for (_, operation), calls in merged.items()
            ],
            dtype=np.float64,
        ).reshape(len(merged), len(OPERATION_COLUMNS))
        description = _describe_step(rows, network, workload)
    except OverflowError as error:
        raise ArchitectureError(_TOO_LARGE) from error
    layers = np.array([index for index, _ in merged], dtype=np.int64)
    return rows, layers, description


def with_batch_size(
    table: StepTable, network: NetworkCount, workload: Workload
) -> StepTable:
    """Describe a step by the same step of a single sample.

    Parameters
    ----------
    table : StepTable
        One configuration with a batch size of 1.
    network : NetworkCount
        What is run.
    workload : Workload
        How: as in the table but for its batch size.

    Returns
    -------
    table : StepTable
        What `describe_steps` would return, without looking at the network again.

    Raises
    ------
    ArchitectureError
        If the sizes exceed what a float can hold.
    """
    operations = table.operations.copy()
    operations[:, [_COLUMN[name] for name in _PER_SAMPLE]] *= workload.batch_size
    if not np.isfinite(operations).all():
        raise ArchitectureError(_TOO_LARGE)
    return StepTable(
        operations=operations,
        step=table.step,
        layer=table.layer,
        steps=np.array([_describe_step(operations, network, workload)]),
    )


def joined_tables(tables: Sequence[StepTable]) -> StepTable:
    """Return several tables as one.

    Parameters
    ----------
    tables : sequence of StepTable
        At least one.

    Returns
    -------
    table : StepTable
        Their configurations in order.
    """
    before = np.cumsum([0, *(len(table) for table in tables[:-1])])
    return StepTable(
        operations=np.concatenate([table.operations for table in tables]),
        step=np.concatenate(
            [table.step + first for table, first in zip(tables, before, strict=True)]
        ),
        layer=np.concatenate([table.layer for table in tables]),
        steps=np.concatenate([table.steps for table in tables]),
    )


def describe_steps(
    configurations: Iterable[tuple[NetworkCount, Workload]],
) -> StepTable:
    """Describe one step of each configuration by numbers.

    Parameters
    ----------
    configurations : iterable of (NetworkCount, Workload)
        What is run and how. Of the workload only mode, batch size, optimizer and
        dtype matter: samples and epochs multiply steps and are no features.

    Returns
    -------
    table : StepTable
        One entry per configuration, in order.

    Raises
    ------
    ArchitectureError
        If a network's sizes exceed what a float can hold.

    Examples
    --------
    >>> from predictor.counting import count_network
    >>> from predictor.readers import read_network_description
    >>> network = count_network(read_network_description({
    ...     "class_name": "Sequential",
    ...     "config": {"layers": [
    ...         {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}},
    ...         {"class_name": "Dense", "config": {"units": 2}},
    ...     ]},
    ... }))
    >>> table = describe_steps([(network, Workload(mode="inference", batch_size=8))])
    >>> table.total(table.column("macs"))
    array([64.])
    """
    operations, steps, layers, descriptions = [], [], [], []
    for place, (network, workload) in enumerate(configurations):
        rows, layer, description = _one_step(network, workload)
        operations.append(rows)
        layers.append(layer)
        steps.append(np.full(len(rows), place, dtype=np.int64))
        descriptions.append(description)
    if not descriptions:
        empty = np.zeros(0, dtype=np.int64)
        return StepTable(
            operations=np.zeros((0, len(OPERATION_COLUMNS))),
            step=empty,
            layer=empty,
            steps=np.zeros((0, len(STEP_COLUMNS))),
        )
    return StepTable(
        operations=np.concatenate(operations),
        step=np.concatenate(steps),
        layer=np.concatenate(layers),
        steps=np.array(descriptions, dtype=np.float64),
    )
