"""The pieces of work that several counting rules share."""

import math
from collections.abc import Mapping, Sequence

from predictor.counting.operation import Operation, OperationKind
from predictor.errors import ArchitectureError

_CHEAP_ACTIVATIONS = frozenset(
    {"hard_shrink", "hard_tanh", "leaky_relu", "relu", "relu6", "threshold"}
)
_PIECEWISE_ACTIVATIONS = frozenset(
    {
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "soft_shrink",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
    }
)
_TRANSCENDENTAL_ACTIVATIONS = frozenset(
    {
        "celu",
        "elu",
        "exponential",
        "gelu",
        "log_sigmoid",
        "mish",
        "quick_gelu",
        "selu",
        "sigmoid",
        "silu",
        "softplus",
        "squareplus",
        "swish",
        "tanh",
        "tanh_shrink",
    }
)
_ROW_ACTIVATIONS = frozenset({"softmax", "log_softmax", "log_soft_max", "sparsemax"})
_ACTIVATIONS = (
    _CHEAP_ACTIVATIONS
    | _PIECEWISE_ACTIVATIONS
    | _TRANSCENDENTAL_ACTIVATIONS
    | _ROW_ACTIVATIONS
)


class OpenSizeError(ArchitectureError):
    """A count depends on a size that the description leaves open.

    Examples
    --------
    >>> issubclass(OpenSizeError, ArchitectureError)
    True
    """


def product(shape: Sequence[int | None]) -> int:
    """Return the number of elements of a shape.

    Parameters
    ----------
    shape : sequence of int or None
        Sizes without the batch axis.

    Returns
    -------
    elements : int
        The exact product; 1 for an empty shape.

    Raises
    ------
    OpenSizeError
        If a size is open. The walker adds the name of the layer.

    Examples
    --------
    >>> product((4, 5))
    20
    >>> product((None, 5))
    Traceback (most recent call last):
    predictor.counting.parts.OpenSizeError: size 0 of the shape (None, 5) is open; ...
    """
    sizes: list[int] = []
    for axis, size in enumerate(shape):
        if size is None:
            raise OpenSizeError(
                f"size {axis} of the shape {tuple(shape)} is open; "
                "give the network's input a fixed size, or say it (--input-shape)"
            )
        sizes.append(size)
    return math.prod(sizes)


def matmul(
    *,
    positions: int,
    inner: int,
    columns: int,
    groups: int = 1,
    weighted: bool = True,
    launches: int = 1,
    bias: int = 0,
    read: int | None = None,
    written: int | None = None,
) -> Operation:
    """Return a matrix product: `positions` x `inner` by `inner` x `columns`.

    Parameters
    ----------
    positions : int
        Rows per sample and launch.
    inner : int
        Length of each dot product.
    columns : int
        Columns of the result, per group.
    groups : int, default=1
        Independent products side by side, such as attention heads.
    weighted : bool, default=True
        Whether the second factor is a weight; otherwise both are activations.
    launches : int, default=1
        How often the product is started per step, such as once per time step; the
        weight is the same each time.
    bias : int, default=0
        Elements of a bias added by the same kernel.
    read, written : int, optional
        Activation elements read and written per sample, over all launches; by
        default those of the factors and the result.

    Returns
    -------
    operation : Operation
        The forward operation.

    Examples
    --------
    >>> dense = matmul(positions=1, inner=8, columns=4, bias=4)
    >>> dense.macs, dense.weights, dense.read, dense.written
    (32, 36, 8, 4)
    """
    times = groups * launches
    if read is None:
        read = times * positions * inner
        if not weighted:
            read += times * inner * columns
    if written is None:
        written = times * positions * columns
    return Operation(
        kind="matmul",
        macs=times * positions * inner * columns,
        read=read,
        written=written,
        weights=(groups * inner * columns if weighted else 0) + bias,
        launches=launches,
        positions=positions,
        inner=inner,
        columns=columns,
        groups=groups,
    )


def elementwise(
    elements: int,
    *,
    inputs: int = 1,
    kind: OperationKind = "elementwise",
    weights: int = 0,
    training_only: bool = False,
) -> Operation:
    """Return a sweep that writes as many elements as each of its inputs has.

    Parameters
    ----------
    elements : int
        Elements written per sample.
    inputs : int, default=1
        Tensors of that size read.
    kind : str, default="elementwise"
        One of `OPERATION_KINDS`.
    weights : int, default=0
        Weight elements read once per step.
    training_only : bool, default=False
        Whether inference leaves it out.

    Returns
    -------
    operation : Operation
        The forward operation; it has no multiply-accumulates.

    Examples
    --------
    >>> addition = elementwise(10, inputs=2)
    >>> addition.read, addition.written, addition.macs
    (20, 10, 0)
    """
    return Operation(
        kind=kind,
        read=elements * inputs,
        written=elements,
        weights=weights,
        training_only=training_only,
    )


def activation_name(value: object) -> str | None:
    """Return the name of an activation setting, None for the identity.

    Parameters
    ----------
    value : object
        Text, None, or Keras' serialised form of an activation function or layer.

    Returns
    -------
    name : str or None
        Keras' name in lower case, such as ``"relu"``.

    Raises
    ------
    ArchitectureError
        If the activation is not one of Keras'.

    Examples
    --------
    >>> activation_name({"class_name": "function", "config": "gelu"})
    'gelu'
    >>> activation_name("linear") is None
    True
    """
    if isinstance(value, Mapping):
        inside = value.get("config")
        value = inside if isinstance(inside, str) else value.get("class_name")
        if isinstance(value, str):
            value = {"ReLU": "relu", "LeakyReLU": "leaky_relu"}.get(value, value)
    if value is None:
        return None
    if isinstance(value, str):
        name = value.rpartition(">")[2].lower()
        if name in {"linear", "identity"}:
            return None
        if name in _ACTIVATIONS:
            return name
    raise ArchitectureError(
        f"activation {str(value)!r:.60} is not one of Keras' activations; "
        "replace it by a known one of similar cost, such as 'relu' or 'gelu'"
    )


def activation(value: object, elements: int) -> tuple[Operation, ...]:
    """Return what an activation given as a setting adds to a layer.

    Parameters
    ----------
    value : object
        The setting as written: text, None or Keras' serialised form.
    elements : int
        Elements it is applied to, per sample.

    Returns
    -------
    operations : tuple of Operation
        One operation; none for ``None`` and ``"linear"``.

    Raises
    ------
    ArchitectureError
        If the activation is not one of Keras'.

    Examples
    --------
    >>> [operation.kind for operation in activation("relu", 10)]
    ['activation']
    >>> activation(None, 10)
    ()
    """
    name = activation_name(value)
    if name is None:
        return ()
    kind: OperationKind = "transcendental"
    if name in _ROW_ACTIVATIONS:
        kind = "softmax"
    elif name in _CHEAP_ACTIVATIONS:
        kind = "activation"
    elif name in _PIECEWISE_ACTIVATIONS:
        kind = "piecewise"
    return (elementwise(elements, kind=kind),)
