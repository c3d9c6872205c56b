"""The pieces of work a layer is made of, forward and backward."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

OperationKind = Literal[
    "matmul",  # dense layers, einsum, attention scores
    "convolution",  # 1-3 spatial axes
    "grouped_convolution",  # several groups of several channels each
    "transposed_convolution",  # with a stride
    "depthwise",  # one filter per channel
    "pooling",  # averages over local windows
    "max_pooling",
    "reduction",  # global pooling, sums over axes
    "normalisation",  # statistics, scale and shift
    "softmax",
    "activation",  # element-wise, one input, comparisons and a product at most
    "piecewise",  # element-wise, one input, several sums and products in a row
    "transcendental",  # element-wise, one input, with an exponential or the like
    "elementwise",  # element-wise, several inputs, biases, scales
    "copy",  # padding, cropping, concatenation, transposition, up-sampling
    "gather",  # embedding look-up and its scatter
    "random",  # dropout masks and noise
    "recurrent",  # the arithmetic of one time step of a simple recurrent layer
    "lstm",  # the same of an LSTM's gates
    "gru",  # the same of a GRU's gates
    "update",  # the optimizer's pass over a weight
]
Phase = Literal["forward", "input_gradient", "weight_gradient", "update"]

OPERATION_KINDS: tuple[OperationKind, ...] = get_args(OperationKind)
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of kernel a layer starts, counted exactly for one sample.

    Parameters
    ----------
    kind : str
        One of `OPERATION_KINDS`.
    phase : {"forward", "input_gradient", "weight_gradient", "update"}, \
default="forward"
        The pass it belongs to.
    macs : int, default=0
        Multiply-accumulates per sample.
    read, written : int, default=0
        Activation elements read and written per sample.
    weights : int, default=0
        Weight elements touched once per step, whatever the batch size.
    launches : int, default=1
        Kernels started per step, whatever the batch size.
    positions : int, default=1
        Rows of the equivalent matrix product per sample and launch: the output
        positions of a convolution, 1 for a dense layer on a vector.
    inner : int, default=1
        Length of each dot product: kernel points times input channels per group.
    columns : int, default=1
        Output channels per group.
    groups : int, default=1
        Independent products side by side: groups of a convolution, attention heads.
    taps : int, default=1
        Points of the kernel or pooling window, 9 for 3 x 3.
    stride : int, default=1
        Product of the strides over the axes.
    dilation : int, default=1
        Product of the dilation rates over the axes.
    training_only : bool, default=False
        Whether inference leaves it out, such as a dropout mask.
    """

    kind: OperationKind
    phase: Phase = "forward"
    macs: int = 0
    read: int = 0
    written: int = 0
    weights: int = 0
    launches: int = 1
    positions: int = 1
    inner: int = 1
    columns: int = 1
    groups: int = 1
    taps: int = 1
    stride: int = 1
    dilation: int = 1
    training_only: bool = False

    @property
    def weights_moved(self) -> int:
        """Weight elements read or written once per step.

        A look-up reads only the rows asked for, which count as activations; its
        gradient is a dense table in every backend.
        """
        looked_up = self.kind == "gather" and self.phase == "forward"
        return 0 if looked_up else self.weights


@lru_cache(maxsize=4096)  # networks repeat their layers
def backward(
    operation: Operation, *, input_gradient: bool, weight_gradient: bool
) -> tuple[Operation, ...]:
    """Return the operations that the backward pass adds for a forward operation.

    Parameters
    ----------
    operation : Operation
        A forward operation.
    input_gradient : bool
        Whether something trainable lies before it, so that the gradient must
        pass through.
    weight_gradient : bool
        Whether its weights are trained. Without effect where it has none.

    Returns
    -------
    operations : tuple of Operation
        Empty where nothing is needed.

    Notes
    -----
    A product of an activation by a weight needs one product of the same size for
    the gradient of its input and one for that of its weight. A product of two
    activations (attention scores) needs two where either needs a gradient.
    Everything else passes the gradient in one sweep that reads the output's
    gradient and the saved input and writes the input's gradient; trained weights
    add a sweep that reads both and reduces.

    Examples
    --------
    >>> product = Operation(kind="matmul", macs=6, read=3, written=2, weights=6)
    >>> both = backward(product, input_gradient=True, weight_gradient=True)
    >>> [(o.phase, o.macs) for o in both]
    [('input_gradient', 6), ('weight_gradient', 6)]
    >>> backward(product, input_gradient=False, weight_gradient=False)
    ()
    """
    passes: list[Operation] = []
    is_product = operation.macs > 0
    if input_gradient:
        two_inputs = is_product and operation.weights == 0
        passes.append(
            replace(
                operation,
                phase="input_gradient",
                macs=operation.macs * (2 if two_inputs else 1),
                launches=operation.launches * (2 if two_inputs else 1),
                read=operation.written
                + (operation.read if two_inputs or not is_product else 0),
                written=operation.read,
            )
        )
    if weight_gradient and operation.weights:
        passes.append(
            replace(
                operation,
                phase="weight_gradient",
                read=operation.read + operation.written,
                written=0,
            )
        )
    return tuple(passes)
