"""The shape of an operation, and the ranges of shapes that were measured."""

from __future__ import annotations

import numpy as np

from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.features import FloatArray, IntArray, StepTable

SHAPE_COLUMNS = (
    "kind",
    "phase",
    "log_macs",
    "log_bytes",
    "log_weight_bytes",
    "log_batch_size",
    "log_positions",
    "log_rows",
    "log_inner",
    "log_columns",
    "log_groups",
    "log_taps",
    "log_stride",
    "log_dilation",
    "log_macs_per_byte",
)
"""What a correction may depend on; all but the first two are natural logarithms."""


def operation_shapes(table: StepTable) -> FloatArray:
    """Return the shape of each operation.

    Parameters
    ----------
    table : StepTable
        Any number of configurations.

    Returns
    -------
    shapes : ndarray of shape (n_operations, n_shape_columns)
        Columns as in `SHAPE_COLUMNS`.
    """
    macs = table.column("macs")
    weight_bytes = table.column("weight_bytes")
    moved = table.column("activation_bytes") + weight_bytes
    logs = [
        np.log1p(macs),
        np.log1p(moved),
        np.log1p(weight_bytes),
        np.log(table.column("batch_size")),
        np.log(table.column("positions")),
        np.log(table.column("positions") * table.column("batch_size")),
        *(
            np.log(table.column(name))
            for name in ("inner", "columns", "groups", "taps", "stride", "dilation")
        ),
        np.log1p(macs / np.maximum(moved, 1.0)),
    ]
    return np.column_stack([table.column("kind"), table.column("phase"), *logs])


def distinct_rows(shapes: FloatArray) -> tuple[IntArray, IntArray]:
    """Find the distinct rows: layers of a network are often of a few shapes.

    Parameters
    ----------
    shapes : ndarray of shape (n_operations, n_shape_columns)
        As `operation_shapes` returns them.

    Returns
    -------
    first : ndarray of int, shape (n_distinct,)
        Where each distinct row is found first.
    back : ndarray of int, shape (n_operations,)
        Which of them each row is.

    Examples
    --------
    >>> distinct_rows(np.array([[1.0, 2.0], [0.0, 2.0], [1.0, 2.0]]))[1].tolist()
    [1, 0, 1]
    """
    # As bytes they compare five times faster than column by column.
    rows = np.ascontiguousarray(shapes)
    joined = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).reshape(-1)
    _, first, back = np.unique(joined, return_index=True, return_inverse=True)
    return first, back


def operation_ranges(shapes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the range of each column by kind and phase.

    Parameters
    ----------
    shapes : ndarray of shape (n_operations, n_shape_columns)
        As `operation_shapes` returns them.

    Returns
    -------
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        NaN for what does not occur.
    """
    size = (len(OPERATION_KINDS), len(PHASES), len(SHAPE_COLUMNS))
    lowest, highest = np.full(size, np.nan), np.full(size, np.nan)
    for kind, phase in {(int(k), int(p)) for k, p in shapes[:, :2]}:
        rows = shapes[(shapes[:, 0] == kind) & (shapes[:, 1] == phase)]
        lowest[kind, phase], highest[kind, phase] = rows.min(axis=0), rows.max(axis=0)
    return lowest, highest


def distance(shapes: FloatArray, lowest: FloatArray, highest: FloatArray) -> FloatArray:
    """Return how far operations lie outside the ranges of their kind and phase.

    Parameters
    ----------
    shapes : ndarray of shape (n_operations, n_shape_columns)
        As `operation_shapes` returns them.
    lowest, highest : ndarray of shape (n_kinds, n_phases, n_shape_columns)
        As `operation_ranges` returns them.

    Returns
    -------
    distance : ndarray of shape (n_operations,)
        Sum over the columns, in log; infinite for what does not occur in the ranges.
    """
    kind, phase = shapes[:, 0].astype(int), shapes[:, 1].astype(int)
    low, high = lowest[kind, phase], highest[kind, phase]
    beyond = np.maximum(np.maximum(low - shapes, shapes - high), 0.0).sum(axis=1)
    return np.where(np.isnan(beyond), np.inf, beyond)
