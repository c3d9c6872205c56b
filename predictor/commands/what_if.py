"""``predictor what-if``."""

from __future__ import annotations

from typing import Annotated

import typer

from predictor.cli_options import (
    AnswerOptions,
    JobOptions,
    NetworkArgument,
    PlaceOptions,
    ReadingOptions,
    TryOption,
)
from predictor.command_line import (
    FormOption,
    OutputOption,
    require_one_of,
    say,
    write_result,
)


def command(
    context: typer.Context,
    file: NetworkArgument,
    job: JobOptions,
    reading: ReadingOptions,
    place: PlaceOptions,
    answered_by: AnswerOptions,
    changes: TryOption = None,
    aim: Annotated[
        str, typer.Option("--by", help="Sort by emissions, energy, time or cost saved.")
    ] = "emissions",
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """Show what changing one thing would save: batch, precision, place, hardware.

    Without --try the usual levers are tried.

    Example: predictor what-if model.json --epochs 10 --try batch-size=16,64,256
    """
    from predictor.levers import Question, parsed_changes
    from predictor.report.tabular import FORMS, Form
    from predictor.report.what_if_table import render_what_if
    from predictor.savings import AIMS, Aim, what_if

    require_one_of(form, FORMS, "--format")
    require_one_of(aim, AIMS, "--by")
    question = Question(
        network=file,
        workload=job.workload(),
        arguments={
            **reading.arguments(),
            **place.arguments(),
            **answered_by.arguments(),
        },
    )
    chosen_aim: Aim = aim  # type: ignore[assignment]
    found = what_if(question, parsed_changes(changes or ()), aim=chosen_aim)
    say(context, f"model read from {found.base.chosen.folder}")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_what_if(found, chosen_form), output)
