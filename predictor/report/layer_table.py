"""A network layer by layer: shapes, parameters, work and traffic."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.counting import LayerCount, NetworkCount
from predictor.readers import NetworkFile
from predictor.report.quantities import COUNT, readable
from predictor.report.tabular import Form, csv_text, document_text, table_lines
from predictor.report.terminal import printable, terminal_width, wrapped

SCHEMA_VERSION = 1
ELEMENT_BYTES = 4
"""Of float32, which bytes are given in."""

COLUMNS = (
    *("name", "kind", "calls", "output_shapes"),
    *("params", "trainable_params", "macs", "bytes"),
)
_USUAL_WIDTH = 80
_LONGEST_NAME, _LONGEST_KIND, _LONGEST_SHAPE = 20, 18, 13
_LEGEND = (
    "MACs and bytes: inference of one sample, in float32. A MAC is one product and "
    "one addition: FLOPs are twice the MACs. Shapes are without the batch axis."
)


def render_layers(file: NetworkFile, counts: NetworkCount, form: Form) -> str:
    """Write what a network is made of.

    Parameters
    ----------
    file : NetworkFile
        The network and its format.
    counts : NetworkCount
        Its counts.
    form : {"table", "json", "csv"}
        How.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "csv":
        return csv_text(COLUMNS, [_row(layer) for layer in counts.layers])
    if form == "json":
        return document_text(layer_document(file, counts))
    longest = _LONGEST_NAME + max(0, terminal_width() - _USUAL_WIDTH)
    rows = [
        (
            printable(layer.name, longest),
            printable(layer.kind, _LONGEST_KIND),
            printable(_shape_text(layer), _LONGEST_SHAPE),
            _short(layer.params),
            _short(layer.macs),
            readable(layer.traffic * ELEMENT_BYTES, COUNT),
        )
        for layer in counts.layers
    ]
    total = sum(layer.traffic for layer in counts.layers) * ELEMENT_BYTES
    sums = (_short(counts.params), _short(counts.macs), readable(total, COUNT))
    titles = ("layer", "kind", "output", "params", "MACs", "bytes")
    lines = [
        *wrapped(
            f"{printable(file.architecture.name, 40)}: {len(counts.layers)} layers, "
            f"{counts.macs:,} MACs"
        ),
        *wrapped(
            f"{counts.params:,} parameters ({counts.trainable_params:,} trainable)"
        ),
        "",
        *table_lines(titles, [*rows, ("all", "", "", *sums)], left=(0, 1, 2)),
        "",
    ]
    for note in (*(f"assumed: {one}" for one in file.assumptions), _LEGEND):
        lines += wrapped(printable(note))
    return "\n".join(lines) + "\n"


def layer_document(file: NetworkFile, counts: NetworkCount) -> dict[str, object]:
    """Return the versioned document that ``--format json`` prints.

    Parameters
    ----------
    file : NetworkFile
        The network and its format.
    counts : NetworkCount
        Its counts.

    Returns
    -------
    document : dict
        Schema version 1.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "network": {
            "name": file.architecture.name,
            "format": file.format,
            "sha256": file.sha256,
            "params": counts.params,
            "trainable_params": counts.trainable_params,
            "macs": counts.macs,
            "flops": 2 * counts.macs,
        },
        "assumptions": list(file.assumptions),
        "layers": [
            _row(layer) | {"output_shapes": _shapes(layer)} for layer in counts.layers
        ],
    }


def _row(layer: LayerCount) -> dict[str, object]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "calls": layer.calls,
        "output_shapes": _shape_text(layer),
        "params": layer.params,
        "trainable_params": layer.trainable_params,
        "macs": layer.macs,
        "bytes": layer.traffic * ELEMENT_BYTES,
    }


def _shapes(layer: LayerCount) -> list[list[int | None]]:
    return [list(shape) for shape in layer.output_shapes]


def _shape_text(layer: LayerCount) -> str:
    shapes = [_one_shape(shape) for shape in layer.output_shapes]
    return ", ".join(shapes)


def _one_shape(shape: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape) or "1"


def _short(number: int) -> str:
    return readable(number, COUNT) if number else "-"
