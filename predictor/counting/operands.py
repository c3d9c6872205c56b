"""What a Keras operation in a functional graph is applied to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from predictor.architecture import Shape
from predictor.counting.rule import Call
from predictor.counting.settings import Settings
from predictor.counting.shapes import broadcast
from predictor.errors import ArchitectureError


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One operand of an operation.

    Parameters
    ----------
    shape : Shape
        Of a tensor, without the batch axis; of a constant, all axes.
    constant : bool
        Whether it is a constant in the description.

    Examples
    --------
    >>> Operand(shape=(4,), constant=False).shape
    (4,)
    """

    shape: Shape
    constant: bool


def operands(call: Call) -> tuple[Operand, ...]:
    """Return tensors and constants in the order in which they were written.

    Parameters
    ----------
    call : Call
        The use of the operation.

    Returns
    -------
    operands : tuple of Operand
        Those given by position, then those given by name.

    Examples
    --------
    >>> call = Call(
    ...     settings=Settings("sub", {}), inputs=((4,),), arguments={"0": 1.0}
    ... )
    >>> [operand.constant for operand in operands(call)]
    [True, False]
    """
    constants = {
        int(key): value
        for key, value in call.arguments.items()
        if key.isdecimal() and len(key) < 7 and value is not None
    }
    found: list[Operand] = []
    tensors = iter(call.inputs)
    for place in range(len(constants) + len(call.inputs)):
        if place in constants:
            shape = constant_shape(constants[place], call.settings)
            found.append(Operand(shape=shape, constant=True))
            continue
        tensor = next(tensors, None)
        if tensor is not None:
            found.append(Operand(shape=tensor, constant=False))
    found += [Operand(shape=shape, constant=False) for shape in tensors]
    found += [Operand(shape=shape, constant=False) for shape in call.keywords.values()]
    found += [
        Operand(shape=constant_shape(call.arguments[key], call.settings), constant=True)
        for key in ("x1", "x2")
        if call.arguments.get(key) is not None
    ]
    return tuple(found)


def constant_shape(value: object, settings: Settings) -> Shape:
    """Return the shape of a constant as Keras writes it.

    Parameters
    ----------
    value : object
        A number, a nested list, or ``{"class_name": "__numpy__", ...}``.
    settings : Settings
        The operation's configuration, for the message.

    Returns
    -------
    shape : Shape
        All its axes; empty for a number.

    Raises
    ------
    ArchitectureError
        If it is something else.

    Examples
    --------
    >>> constant_shape([[1, 2, 3], [4, 5, 6]], Settings("add", {}))
    (2, 3)
    """
    if isinstance(value, Mapping):
        config = value.get("config")
        if not isinstance(config, Mapping) or "value" not in config:
            raise settings.error(f"the constant {str(value)!r:.60} cannot be read")
        value = config["value"]
    sizes: list[int] = []
    while isinstance(value, list | tuple):
        sizes.append(len(value))
        if not value:
            raise settings.error("a constant is empty")
        value = value[0]
    if not isinstance(value, int | float):
        raise settings.error(f"the constant {value!r:.60} is not a number")
    return tuple(sizes)


def broadcast_operands(found: Sequence[Operand], settings: Settings) -> Shape:
    """Return the shape of an element-wise result, without the batch axis.

    Parameters
    ----------
    found : sequence of Operand
        Tensors and constants.
    settings : Settings
        The operation's configuration, for the message.

    Returns
    -------
    shape : Shape
        The shape all operands stretch to.

    Raises
    ------
    ArchitectureError
        If they do not fit, or another axis would meet the batch axis.

    Examples
    --------
    >>> tensor = Operand(shape=(4, 3), constant=False)
    >>> scale = Operand(shape=(1, 1, 3), constant=True)
    >>> broadcast_operands([tensor, scale], Settings("mul", {}))
    (4, 3)
    """
    ranks = {len(operand.shape) for operand in found if not operand.constant}
    if len(ranks) != 1:
        raise settings.error(
            "takes tensors of as many axes each, got "
            f"{[operand.shape for operand in found]!r:.100}"
        )
    rank = ranks.pop()
    shapes: list[Shape] = []
    for operand in found:
        shape = operand.shape
        if operand.constant and len(shape) == rank + 1 and shape[0] == 1:
            shape = shape[1:]
        if len(shape) > rank:
            raise settings.error(f"a constant of shape {shape} meets the batch axis")
        shapes.append(shape)
    return broadcast(shapes, settings)


def across_samples(settings: Settings) -> ArchitectureError:
    """Return the error of an operation that mixes the samples of a batch.

    Parameters
    ----------
    settings : Settings
        The operation's configuration.

    Returns
    -------
    error : ArchitectureError
        To be raised by the caller.

    Examples
    --------
    >>> across_samples(Settings("mean", {}))
    ArchitectureError("layer 'mean': works across the samples of a batch, ...")
    """
    return settings.error(
        "works across the samples of a batch, and counts are per sample; "
        "leave the first axis alone"
    )
