"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from predictor.errors import UsageError

ModeOption = Annotated[str, typer.Option(help="training or inference.")]
BatchOption = Annotated[int, typer.Option(help="Samples per step.")]
SamplesOption = Annotated[int, typer.Option(help="Samples in one epoch.")]
EpochsOption = Annotated[int, typer.Option(help="Passes over the samples.")]
OptimizerOption = Annotated[str, typer.Option(help="Such as sgd or adam.")]
DtypeOption = Annotated[str, typer.Option(help="dtype of the computation.")]
RegionOption = Annotated[str | None, typer.Option(help="Country as ISO3, such as DEU.")]
CarbonOption = Annotated[
    float | None, typer.Option(help="gCO2e per kWh instead of the region's.")
]
PueOption = Annotated[float, typer.Option(help="Power usage effectiveness.")]
PriceOption = Annotated[float | None, typer.Option(help="Price of a kWh.")]
NetworkArgument = Annotated[
    Path,
    typer.Argument(help="Keras JSON or .keras, ONNX, or Hugging Face config.json."),
]
ShapeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input-shape",
        help="Such as 224,224,3, where the network leaves it open; once per input.",
    ),
]
LengthOption = Annotated[
    int | None,
    typer.Option("--sequence-length", help="Positions of a transformer's sequence."),
]
DecodeOption = Annotated[
    bool,
    typer.Option("--decode", help="A sample is one new token of a decoder."),
]
UnknownOption = Annotated[
    str,
    typer.Option(
        "--on-unknown", help="A layer without a counting rule: error or approximate."
    ),
]
ModelOption = Annotated[Path | None, typer.Option(help="Folder of a fitted model.")]
StartOption = Annotated[
    Path | None,
    typer.Option("--from", help="Folder of another platform's model to start from."),
]
HardwareOption = Annotated[
    str | None, typer.Option(help="Name of a known fitted model.")
]
ConfidenceOption = Annotated[float, typer.Option(help="Level of the intervals.")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 5 outside the fitted range.")
]


def parsed_shapes(texts: list[str] | None) -> list[tuple[int, ...]]:
    """Read shapes as users write them.

    Parameters
    ----------
    texts : list of str or None
        Such as ``"224,224,3"``.

    Returns
    -------
    shapes : list of tuple of int
        Sizes of at least 1.

    Raises
    ------
    UsageError
        If a text is no such list.

    Examples
    --------
    >>> parsed_shapes(["224,224,3"])
    [(224, 224, 3)]
    """
    shapes = []
    for text in texts or ():
        sizes = [part.strip() for part in text.split(",")]
        if not all(size.isdecimal() and 0 < len(size) < 19 for size in sizes):
            raise UsageError(
                f"--input-shape must be sizes such as 224,224,3, got {text!r:.60}"
            )
        shapes.append(tuple(map(int, sizes)))
    return shapes
