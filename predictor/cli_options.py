"""Options that several commands share, in groups."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from predictor.errors import UsageError
from predictor.workload import Workload

NetworkArgument = Annotated[
    Path,
    typer.Argument(help="Keras JSON or .keras, ONNX, or Hugging Face config.json."),
]
TryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--try", help="A lever and its values: batch-size=16,64; may be repeated."
    ),
]
StartOption = Annotated[
    Path | None,
    typer.Option("--from", help="Folder of another platform's model to start from."),
]


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What is done with a network."""

    mode: Annotated[str, typer.Option(help="training or inference.")] = "training"
    batch_size: Annotated[int, typer.Option(help="Samples per step.")] = 32
    samples: Annotated[int, typer.Option(help="Samples in one epoch.")] = 1000
    epochs: Annotated[int, typer.Option(help="Passes over the samples.")] = 1
    optimizer: Annotated[str, typer.Option(help="Such as sgd or adam.")] = "sgd"
    dtype: Annotated[str, typer.Option(help="dtype of the computation.")] = "float32"

    def workload(self) -> Workload:
        """Return what is done."""
        return Workload(
            mode=self.mode,  # type: ignore[arg-type]
            batch_size=self.batch_size,
            samples=self.samples,
            epochs=self.epochs,
            optimizer=self.optimizer,
            dtype=self.dtype,
        )


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What a description of a network leaves open."""

    input_shape: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as 224,224,3, where the network leaves it open; once per input.",
        ),
    ] = None
    sequence_length: Annotated[
        int | None, typer.Option(help="Positions of a transformer's sequence.")
    ] = None
    decode: Annotated[
        bool, typer.Option(help="A sample is one new token of a decoder.")
    ] = False
    on_unknown: Annotated[
        str,
        typer.Option(help="A layer without a counting rule: error or approximate."),
    ] = "error"

    def arguments(self) -> dict[str, Any]:
        """Return them as arguments of `predictor.estimate`."""
        return {
            "input_shapes": parsed_shapes(self.input_shape),
            "sequence_length": self.sequence_length,
            "decode": self.decode,
            "on_unknown": self.on_unknown,
        }


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where electricity comes from, and what it costs."""

    region: Annotated[
        str | None, typer.Option(help="Country as ISO3, such as DEU.")
    ] = None
    carbon_intensity: Annotated[
        float | None, typer.Option(help="gCO2e per kWh instead of the region's.")
    ] = None
    pue: Annotated[float, typer.Option(help="Power usage effectiveness.")] = 1.0
    price: Annotated[float | None, typer.Option(help="Price of a kWh.")] = None

    def arguments(self) -> dict[str, Any]:
        """Return them as arguments of `predictor.estimate`."""
        return {
            "region": self.region,
            "carbon_intensity_g_per_kwh": self.carbon_intensity,
            "pue": self.pue,
            "price_per_kwh": self.price,
        }


@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """Which fitted model answers, and how sure it is to be."""

    model: Annotated[Path | None, typer.Option(help="Folder of a fitted model.")] = None
    hardware: Annotated[
        str | None, typer.Option(help="Name of a known fitted model.")
    ] = None
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.9
    strict: Annotated[bool, typer.Option(help="Exit 5 outside the fitted range.")] = (
        False
    )

    def arguments(self) -> dict[str, Any]:
        """Return them as arguments of `predictor.estimate`."""
        return {
            "model": self.model,
            "hardware": self.hardware,
            "confidence_level": self.confidence,
            "strict": self.strict,
        }


@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """Limits of what may be taken."""

    max_kwh: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None
    max_gco2e: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None
    max_hours: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None
    max_cost: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None
    budget_on: Annotated[
        str, typer.Option(help="Hold budgets against estimate or upper.")
    ] = "estimate"

    def budgets(self) -> Any:
        """Return the limits, checked."""
        from predictor.budgets import Budgets

        return Budgets(
            energy_kwh=self.max_kwh,
            emissions_gco2e=self.max_gco2e,
            duration_h=self.max_hours,
            cost=self.max_cost,
            on=self.budget_on,
        )


@dataclass(frozen=True, kw_only=True)
class ChangeOptions:
    """Which changed networks are compared, and how much more they may take."""

    networks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Files of the repository that are networks, such as nets/*.json; "
            "* also stands for /. By default all .json, .keras and .onnx that are.",
        ),
    ] = None
    max_increase: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT",
            help="Exit 3 where a network takes more energy by this, such as 20%.",
        ),
    ] = None
    threshold: Annotated[
        str, typer.Option(metavar="PERCENT", help="A smaller change counts as none.")
    ] = "1%"
    skip_unchanged: Annotated[
        bool, typer.Option(help="Make no comment where nothing changed.")
    ] = False

    def limits(self, budgets: Any) -> Any:
        """Return how much networks may take, checked."""
        from predictor.pull_request.limits import ChangeLimits, parsed_percentage

        most = self.max_increase
        return ChangeLimits(
            max_increase=None
            if most is None
            else parsed_percentage(most, "--max-increase"),
            threshold=parsed_percentage(self.threshold, "--threshold"),
            budgets=budgets,
        )


GROUPS = (
    *(JobOptions, ReadingOptions, PlaceOptions, AnswerOptions, BudgetOptions),
    ChangeOptions,
)
CONFIGURABLE = frozenset(field.name for group in GROUPS for field in fields(group))
"""Options that files and the environment can set."""


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
