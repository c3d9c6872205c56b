"""Counting rules of the layers that walk along a sequence, one time step at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod

from predictor.architecture import Shape
from predictor.counting.convolution import window_sizes
from predictor.counting.operation import Operation, OperationKind
from predictor.counting.parts import activation_name, elementwise, matmul, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import join_channels, split_channels
from predictor.errors import UnsupportedLayerError

_GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}
# Elements of the old state that the gate arithmetic reads again, per unit: the carry
# of an LSTM, the old output that a GRU mixes in.
_CARRIED = {"LSTM": 1, "GRU": 1, "SimpleRNN": 0}
_KINDS: dict[str, OperationKind] = {
    "LSTM": "lstm",
    "GRU": "gru",
    "SimpleRNN": "recurrent",
}
_STACK = "StackedRNNCells"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """A cell over a whole sequence, or several on top of each other."""

    output: Shape
    states: tuple[Shape, ...]
    weights: tuple[Weight, ...]
    operations: tuple[Operation, ...]


def _weights(settings: Settings, *sizes: int) -> tuple[Weight, ...]:
    trainable = settings.flag("trainable", True)
    return tuple(Weight(size=size, trainable=trainable) for size in sizes if size)


def _check_activations(settings: Settings) -> None:
    for key in ("activation", "recurrent_activation"):
        activation_name(settings.raw(key))


def _drops(settings: Settings, key: str) -> bool:
    rate = settings.raw(key)
    if rate is None:
        return False
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise settings.error(f"{key!r} must be a number, got {rate!r:.60}")
    return rate > 0


def _masks(elements: int, *, masks: int, steps: int) -> tuple[Operation, ...]:
    # Drawn once for the sequence, applied in every time step.
    drawn = elementwise(elements, kind="random", training_only=True)
    applied = Operation(
        kind="elementwise",
        read=2 * elements * steps,
        written=elements * steps,
        launches=steps,
        training_only=True,
    )
    return (drawn, applied) * masks


def _gate_arithmetic(kind: str, units: int, *, steps: int) -> Operation:
    return Operation(
        kind=_KINDS[kind],
        read=steps * units * (2 * _GATES[kind] + _CARRIED[kind]),
        written=steps * units * _STATES[kind],
        launches=steps,
    )


def _count_cell(kind: str, settings: Settings, *, features: int, steps: int) -> _Cell:
    units = settings.integer("units")
    use_bias = settings.flag("use_bias", True)
    _check_activations(settings)
    drops_state = _drops(settings, "recurrent_dropout")
    gates = _GATES[kind]
    reset_after = kind == "GRU" and settings.flag("reset_after", True)

    # Keras fuses the gates into one product, unless dropout masks differ by gate.
    input_columns, state_columns = [gates * units], [gates * units]
    if kind != "SimpleRNN" and drops_state:
        input_columns = state_columns = [units] * gates
    elif kind == "GRU" and not reset_after:
        state_columns = [2 * units, units]

    masks = len(input_columns)
    operations: tuple[Operation, ...] = ()
    for inner, columns, drops, biased in (
        (features, input_columns, _drops(settings, "dropout"), use_bias),
        (units, state_columns, drops_state, use_bias and reset_after),
    ):
        if drops:
            operations += _masks(inner, masks=masks, steps=steps)
        operations += tuple(
            matmul(
                positions=1,
                inner=inner,
                columns=width,
                launches=steps,
                bias=width if biased else 0,
            )
            for width in columns
        )
    biases = gates * units * (2 if reset_after else 1) if use_bias else 0
    return _Cell(
        output=(units,),
        states=((units,),) * _STATES[kind],
        weights=_weights(
            settings, features * gates * units, units * gates * units, biases
        ),
        operations=(*operations, _gate_arithmetic(kind, units, steps=steps)),
    )


def _count_conv_cell(settings: Settings, *, frame: Shape, steps: int) -> _Cell:
    axes = len(frame) - 1
    spatial, channels = split_channels(frame, settings)
    filters = settings.integer("filters")
    use_bias = settings.flag("use_bias", True)
    _check_activations(settings)
    kernel = settings.sizes("kernel_size", axes=axes)
    sizes = window_sizes(
        spatial,
        kernel=kernel,
        strides=settings.sizes("strides", axes=axes, default=1),
        dilation=settings.sizes("dilation_rate", axes=axes, default=1),
        padding=settings.text("padding", "valid", allowed=("valid", "same")),
        settings=settings,
    )
    positions, taps, gates = product(sizes), prod(kernel), _GATES["LSTM"]

    def convolve(channels: int, *, read: int, bias: int) -> Operation:
        inner = taps * channels
        return Operation(
            kind="convolution",
            macs=steps * positions * inner * filters,
            read=steps * read,
            written=steps * positions * filters,
            weights=inner * filters + bias,
            launches=steps,
            positions=positions,
            inner=inner,
            columns=filters,
            taps=taps,
        )

    pixels, units = product(frame), positions * filters
    input_channels = product((channels,))
    of_input = convolve(input_channels, read=pixels, bias=filters if use_bias else 0)
    of_state = convolve(filters, read=units, bias=0)
    operations: tuple[Operation, ...] = ()
    for convolution, elements, key in (
        (of_input, pixels, "dropout"),
        (of_state, units, "recurrent_dropout"),
    ):
        if _drops(settings, key):
            operations += _masks(elements, masks=gates, steps=steps)
        operations += (convolution,) * gates
    state = join_channels(sizes, filters, settings)
    return _Cell(
        output=state,
        states=(state, state),
        weights=_weights(
            settings,
            gates * taps * input_channels * filters,
            gates * taps * filters * filters,
            gates * filters if use_bias else 0,
        ),
        operations=(*operations, _gate_arithmetic("LSTM", units, steps=steps)),
    )


def _cell_of(
    description: object, settings: Settings, *, features: int, steps: int
) -> _Cell:
    """Count a serialised cell, a stack of cells or a bare list of them."""
    if isinstance(description, list | tuple):
        description = {"class_name": _STACK, "config": {"cells": description}}
    if not isinstance(description, Mapping):
        raise settings.error(
            f"a cell must be an object with 'class_name' and 'config', "
            f"got {description!r:.60}"
        )
    kind, config = description.get("class_name"), description.get("config")
    if not isinstance(kind, str) or not isinstance(config, Mapping):
        raise settings.error("a cell lacks its 'class_name' or its 'config'")
    inside = Settings(f"{settings.layer}/{config.get('name', kind)}", config)
    base_kind = kind.removesuffix("Cell")
    if kind != base_kind and base_kind in _GATES:
        return _count_cell(base_kind, inside, features=features, steps=steps)
    if kind != _STACK:
        known = [_STACK, *(f"{name}Cell" for name in _GATES)]
        raise UnsupportedLayerError(kind, inside.layer, known)

    members = config.get("cells")
    if not isinstance(members, list | tuple) or not members:
        raise inside.error("'cells' must be a list of at least one cell")
    cells: list[_Cell] = []
    for member in members:
        width = product(cells[-1].output) if cells else features
        cells.append(_cell_of(member, inside, features=width, steps=steps))
    return _Cell(
        output=cells[-1].output,
        states=tuple(state for cell in cells for state in cell.states),
        weights=tuple(weight for cell in cells for weight in cell.weights),
        operations=tuple(work for cell in cells for work in cell.operations),
    )


def _sequence(call: Call, axes: int) -> Shape:
    given = call.inputs or (call.keywords.get("sequences", ()),)
    shape = given[0]  # what follows are initial states
    if len(shape) != axes:
        raise call.settings.error(
            f"takes a sequence of {axes} axes besides the batch, time first; "
            f"got the shape {shape}"
        )
    return shape


def _over_sequence(settings: Settings, sequence: Shape, cell: _Cell) -> Counted:
    output = cell.output
    # The loop runs over the leading axis: sequences are transposed in and out.
    operations = (elementwise(product(sequence), kind="copy"), *cell.operations)
    if settings.flag("return_sequences", False):
        output = (*sequence[:1], *output)
        operations += (elementwise(product(output), kind="copy"),)
    states = cell.states if settings.flag("return_state", False) else ()
    return Counted(
        outputs=(output, *states), weights=cell.weights, operations=operations
    )


def _recurrent(call: Call, *, kind: str) -> Counted:
    sequence = _sequence(call, 2)
    steps, features = product(sequence[:1]), product(sequence[1:])
    cell = _count_cell(kind, call.settings, features=features, steps=steps)
    return _over_sequence(call.settings, sequence, cell)


def _rnn(call: Call) -> Counted:
    sequence, settings = _sequence(call, 2), call.settings
    steps, features = product(sequence[:1]), product(sequence[1:])
    cell = _cell_of(settings.raw("cell"), settings, features=features, steps=steps)
    return _over_sequence(settings, sequence, cell)


def _conv_lstm(call: Call, *, axes: int) -> Counted:
    sequence = _sequence(call, axes + 2)
    steps = product(sequence[:1])
    cell = _count_conv_cell(call.settings, frame=sequence[1:], steps=steps)
    return _over_sequence(call.settings, sequence, cell)


RULES: dict[str, Rule] = {
    **{kind: partial(_recurrent, kind=kind) for kind in _GATES},
    "RNN": _rnn,
    **{f"ConvLSTM{n}D": partial(_conv_lstm, axes=n) for n in (1, 2, 3)},
}
