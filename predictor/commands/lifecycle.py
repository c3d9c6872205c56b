"""``predictor lifecycle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from predictor.cli_options import AnswerOptions, PlaceOptions
from predictor.command_line import (
    FormOption,
    OutputOption,
    require_one_of,
    say,
    write_result,
)


def command(
    context: typer.Context,
    description: Annotated[
        Path, typer.Argument(help="Life cycles in TOML, or in JSON (*.json).")
    ],
    place: PlaceOptions,
    answered_by: AnswerOptions,
    idle_power: Annotated[
        float | None, typer.Option(help="Power of the idle machine in W.")
    ] = None,
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """Add up search, training and use over a network's life, and compare variants.

    Flags and environment variables go before what the description says.
    Configuration files fill in what it leaves open.

    Example: predictor lifecycle data/lifecycles/transfer.toml --region DEU
    """
    from predictor.lifecycle.assessment import assess
    from predictor.lifecycle.description import Answering, Place
    from predictor.lifecycle.parsing import read_description
    from predictor.report.lifecycle_table import render_lifecycle
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    chosen_form: Form = form  # type: ignore[assignment]

    def said(*sources: str) -> tuple[Place, Answering]:
        """Return what these sources say."""

        def heard(name: str, value: Any) -> Any:
            source = context.get_parameter_source(name)
            return value if source is not None and source.name in sources else None

        model = heard("model", answered_by.model)
        return (
            Place(
                region=heard("region", place.region),
                carbon_intensity_g_per_kwh=heard(
                    "carbon_intensity", place.carbon_intensity
                ),
                pue=heard("pue", place.pue),
                price_per_kwh=heard("price", place.price),
            ),
            Answering(
                model=None if model is None else str(model),
                hardware=heard("hardware", answered_by.hardware),
                confidence_level=heard("confidence", answered_by.confidence),
                idle_power_w=heard("idle_power", idle_power),
            ),
        )

    asked = (
        read_description(description)
        .overridden(*said("COMMANDLINE", "ENVIRONMENT"))
        .completed(*said("DEFAULT_MAP"))
    )
    assessment = assess(asked, strict=answered_by.strict)
    if assessment.chosen is not None:
        say(context, f"model read from {assessment.chosen.folder}")
    write_result(render_lifecycle(assessment, chosen_form), output)
