"""``predictor compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli_options import (
    AnswerOptions,
    JobOptions,
    PlaceOptions,
    ReadingOptions,
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
    files: Annotated[
        list[Path], typer.Argument(help="Two networks or more; the first is 1.")
    ],
    job: JobOptions,
    reading: ReadingOptions,
    place: PlaceOptions,
    answered_by: AnswerOptions,
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """Show networks side by side, and how sure it is that one takes less.

    Example: predictor compare small.json large.json --samples 50000 --epochs 10
    """
    from predictor.comparison import compare
    from predictor.estimation import estimate
    from predictor.report.comparison_table import render_comparison
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    estimates = [
        estimate(
            file,
            workload=job.workload(),
            **reading.arguments(),
            **place.arguments(),
            **answered_by.arguments(),
        )
        for file in files
    ]
    say(context, f"model read from {estimates[0].chosen.folder}")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_comparison(compare(estimates), chosen_form), output)
