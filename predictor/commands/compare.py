"""``predictor compare``."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer

from predictor.cli_options import (
    AnswerOptions,
    JobOptions,
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
    files: Annotated[list[Path], typer.Argument(help="Networks; the first is 1.")],
    job: JobOptions,
    reading: ReadingOptions,
    place: PlaceOptions,
    answered_by: AnswerOptions,
    changes: TryOption = None,
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """Show networks side by side, and how sure it is that one takes less.

    With --try each network is taken with each value, so workloads compare too.

    Example: predictor compare small.json large.json --try batch-size=8,64
    """
    from predictor.comparison import compare
    from predictor.levers import Question, parsed_changes
    from predictor.report.comparison_table import render_comparison
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    arguments = {
        **reading.arguments(),
        **place.arguments(),
        **answered_by.arguments(),
    }
    questions = [
        Question(network=file, workload=job.workload(), arguments=arguments)
        for file in files
    ]
    tried = parsed_changes(changes or ())
    estimates = [
        one.ask()
        for question in questions
        for one in ([change.applied(question) for change in tried] or [question])
    ]
    labels = [
        f"{one.network.architecture.name} {change}".strip()
        for one, change in zip(estimates, cycle(tried or [""]), strict=False)
    ]
    say(context, f"model read from {estimates[0].chosen.folder}")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_comparison(compare(estimates, labels), chosen_form), output)
