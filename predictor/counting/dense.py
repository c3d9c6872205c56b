"""Counting rules of layers that multiply by a matrix or look up its rows."""

import re
from dataclasses import replace

from predictor.architecture import Shape
from predictor.counting.operation import Operation
from predictor.counting.parts import activation, matmul, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import known, only_input

_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->([.a-zA-Z]+)")


def _refuse_adapters(settings: Settings) -> None:
    if settings.raw("lora_rank") is not None:
        raise settings.error(
            "'lora_rank' is set, and low-rank adapters are not counted; "
            "merge the adapter or leave it out"
        )


def _dense(call: Call) -> Counted:
    settings = call.settings
    _refuse_adapters(settings)
    shape = only_input(call, smallest_rank=1)
    units = settings.integer("units")
    inputs = known(shape[-1], settings, "last size of the input")
    bias = units if settings.flag("use_bias", True) else 0
    positions = product(shape[:-1])
    weights = (Weight(size=inputs * units), Weight(size=units))
    return Counted(
        outputs=((*shape[:-1], units),),
        weights=weights if bias else weights[:1],
        operations=(
            matmul(positions=positions, inner=inputs, columns=units, bias=bias),
            *activation(settings.raw("activation"), positions * units),
        ),
    )


def _output_sizes(settings: Settings) -> tuple[int | None, ...]:
    value = settings.raw("output_shape")
    sizes = value if isinstance(value, list | tuple) else (value,)
    checked = Settings(settings.layer, {"output_shape": 0})
    found: list[int | None] = []
    for size in sizes:
        if size is None and isinstance(value, list | tuple):
            found.append(None)
        else:
            checked = Settings(settings.layer, {"output_shape": size})
            found.append(checked.integer("output_shape"))
    return tuple(found)


def _einsum_labels(
    call: Call, shape: Shape
) -> tuple[str, str, str, dict[str, int | None], Shape]:
    settings = call.settings
    equation = settings.text("equation", "")
    match = _EQUATION.fullmatch(equation.replace(" ", "")) if equation else None
    if match is None or (match[1] and match[3]) or len(equation) > 200:
        raise settings.error(
            f"'equation' must be like 'abc,cd->abd', '...x,xy->...y' or "
            f"'ax...,xy->ay...', got {equation!r:.60}"
        )
    left, source, right, kernel, target = match.groups()
    rank = len(shape) + 1
    elided = rank - len(source)
    if elided < 0 or (elided and not (left or right)):
        raise settings.error(
            f"the equation {equation!r:.60} does not fit the input shape {shape}"
        )
    # An ellipsis stands for axes without a name of their own: give each a digit.
    names = "".join(chr(0x100 + index) for index in range(elided))
    source = names + source if left else source + names
    if target.count("...") != (1 if left or right else 0):
        raise settings.error(
            f"the equation {equation!r:.60} must have '...' on both sides or none"
        )
    target = target.replace("...", names)
    if "." in target or any(len(set(t)) != len(t) for t in (source, kernel, target)):
        raise settings.error(f"'equation' repeats an axis, got {equation!r:.60}")
    sizes: dict[str, int | None] = dict(zip(source[1:], shape, strict=True))
    written = _output_sizes(settings)
    named = [name for name in target[1:] if name not in names]
    if left and elided:
        named = [name for name in target if name not in names]
    if len(named) != len(written) or target[:1] != source[:1]:
        raise settings.error(
            f"'output_shape' must have {len(named)} numbers for the equation "
            f"{equation!r:.60}, got {len(written)}"
        )
    for name, size in zip(named, written, strict=True):
        if size is not None and sizes.get(name) not in {None, size}:
            raise settings.error(
                f"'output_shape' says {size} for axis {name!r}, "
                f"and the input has {sizes[name]}"
            )
        sizes[name] = size if size is not None else sizes.get(name)
    missing = [n for n in (*kernel, *target[1:]) if n not in sizes]
    if missing or source[0] in kernel:
        raise settings.error(f"axis of the kernel without a size in {equation!r:.60}")
    return source, kernel, target, sizes, tuple(sizes[n] for n in target[1:])


def _einsum_dense(call: Call) -> Counted:
    settings = call.settings
    _refuse_adapters(settings)
    shape = only_input(call)
    source, kernel, target, sizes, output = _einsum_labels(call, shape)
    groups = product([sizes[n] for n in kernel if n in source and n in target])
    inner = product([sizes[n] for n in kernel if n not in target])
    columns = product([sizes[n] for n in kernel if n not in source])
    positions = product([sizes[n] for n in source[1:] if n not in kernel])
    bias_axes = settings.text("bias_axes", "")
    if any(name not in target[1:] for name in bias_axes):
        raise settings.error(
            f"'bias_axes' must name axes of the output, got {bias_axes!r:.60}"
        )
    bias = product([sizes[name] for name in bias_axes]) if bias_axes else 0
    weights = [Weight(size=groups * inner * columns)]
    if bias:
        weights.append(Weight(size=bias))
    written = product(output)
    return Counted(
        outputs=(output,),
        weights=tuple(weights),
        operations=(
            matmul(
                positions=positions,
                inner=inner,
                columns=columns,
                groups=groups,
                bias=bias,
                read=product(shape),
                written=written,
            ),
            *activation(settings.raw("activation"), written),
        ),
    )


def _embedding(call: Call) -> Counted:
    settings = call.settings
    _refuse_adapters(settings)
    shape = only_input(call)
    width = settings.integer("output_dim")
    size = settings.integer("input_dim") * width
    elements = product(shape) * width
    # The gradient of the table is dense in every backend, so its whole size counts.
    lookup = Operation(kind="gather", read=elements, written=elements, weights=size)
    return Counted(
        outputs=((*shape, width),),
        weights=(Weight(size=size),),
        operations=(lookup,),
    )


def _reversible_embedding(call: Call) -> Counted:
    """Count a table of words, or with ``reverse=True`` a comparison with each."""
    settings = call.settings
    rows, width = settings.integer("input_dim"), settings.integer("output_dim")
    table = Weight(size=rows * width)
    tied = settings.flag("tie_weights", True)
    weights = (table,) if tied else (table, table)
    if call.arguments.get("reverse", False) is not True:
        return replace(_embedding(call), weights=weights)
    shape = only_input(call, smallest_rank=1)
    if shape[-1] != width:
        raise settings.error(
            f"compares vectors of {width} features, got the shape {shape}"
        )
    work = matmul(positions=product(shape[:-1]), inner=width, columns=rows)
    return Counted(outputs=((*shape[:-1], rows),), weights=weights, operations=(work,))


RULES: dict[str, Rule] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "ReversibleEmbedding": _reversible_embedding,
}
