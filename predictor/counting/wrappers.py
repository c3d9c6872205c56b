"""Counting rules of the layers that wrap another layer."""

from collections.abc import Mapping
from dataclasses import replace

from predictor.architecture import Shape
from predictor.counting import recurrent
from predictor.counting.operation import Operation
from predictor.counting.parts import elementwise, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import known
from predictor.errors import UnsupportedLayerError

_MERGE_MODES = ("concat", "sum", "mul", "ave")


def _inner(call: Call, shapes: tuple[Shape, ...]) -> Counted:
    if call.inner is None:
        raise call.settings.error("the wrapped 'layer' is missing")
    return call.inner(shapes)


def _repeated(work: Operation, times: int) -> Operation:
    return replace(
        work,
        macs=work.macs * times,
        read=work.read * times,
        written=work.written * times,
        launches=work.launches * times,
    )


def _time_distributed(call: Call) -> Counted:
    shape = call.inputs[0] if call.inputs else ()
    if len(shape) < 2:
        raise call.settings.error(
            f"needs an input of shape (time steps, ...) with two axes, got {shape}"
        )
    steps = product(shape[:1])
    slice_ = _inner(call, (shape[1:],))
    outputs = tuple((steps, *output) for output in slice_.outputs)
    # Keras slices along the leading axis: transposed in, stacked and transposed out.
    return Counted(
        outputs=outputs,
        weights=slice_.weights,
        operations=(
            elementwise(product(shape), kind="copy"),
            *(_repeated(work, steps) for work in slice_.operations),
            *(elementwise(product(output), kind="copy") for output in outputs),
        ),
    )


def _backward_layer(call: Call, shapes: tuple[Shape, ...]) -> Counted:
    """Count the layer that reads backwards, by default a twin of the wrapped one."""
    description = call.settings.raw("backward_layer")
    if description is None:
        return _inner(call, shapes)
    if not isinstance(description, Mapping):
        raise call.settings.error(
            f"'backward_layer' must be an object, got {description!r:.60}"
        )
    kind, config = description.get("class_name"), description.get("config")
    if not isinstance(kind, str) or not isinstance(config, Mapping):
        raise call.settings.error("'backward_layer' lacks 'class_name' or 'config'")
    name = f"{call.settings.layer}/{config.get('name', 'backward')}"
    if kind not in recurrent.RULES:
        raise UnsupportedLayerError(kind, name, recurrent.RULES)
    return recurrent.RULES[kind](Call(settings=Settings(name, config), inputs=shapes))


def _bidirectional(call: Call) -> Counted:
    settings = call.settings
    if not call.inputs:
        raise settings.error("needs an input of shape (time steps, ...)")
    shapes = call.inputs[:1]  # what follows are initial states
    forward, reverse = _inner(call, shapes), _backward_layer(call, shapes)
    output, *states = forward.outputs
    if forward.outputs != reverse.outputs:
        raise settings.error(
            f"forward and backward layer must have the same outputs, got "
            f"{forward.outputs} and {reverse.outputs}"
        )
    elements = product(output)
    merging: list[Operation] = []
    if len(output) == len(shapes[0]):  # a sequence comes back last step first
        merging.append(elementwise(elements, kind="copy"))
    outputs: list[Shape]
    if "merge_mode" in settings.values and settings.raw("merge_mode") is None:
        outputs = [output, output]
    elif settings.text("merge_mode", "concat", allowed=_MERGE_MODES) == "concat":
        merged = (*output[:-1], 2 * product(output[-1:]))
        merging.append(elementwise(2 * elements, kind="copy"))
        outputs = [merged]
    else:
        merging.append(elementwise(elements, inputs=2))
        outputs = [output]
    return Counted(
        outputs=(*outputs, *states, *states),
        weights=(*forward.weights, *reverse.weights),
        operations=(*forward.operations, *reverse.operations, *merging),
    )


def _spectral_normalisation(call: Call) -> Counted:
    """Count the wrapped layer, and in training a power iteration on its kernel."""
    inner = _inner(call, call.inputs)
    if not inner.weights:
        raise call.settings.error("wraps a layer without a kernel")
    kernel, output = inner.weights[0].size, inner.outputs[0]
    columns = known(output[-1], call.settings, "last size of the output")
    iterations = call.settings.integer("power_iterations", 1)
    sweep = Operation(kind="reduction", weights=kernel, training_only=True)
    return replace(
        inner,
        weights=(*inner.weights, Weight(size=columns, trainable=False)),
        operations=(*(sweep,) * (2 * iterations), *inner.operations),
    )


RULES: dict[str, Rule] = {
    "SpectralNormalization": _spectral_normalisation,
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
}
