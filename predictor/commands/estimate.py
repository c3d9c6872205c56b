"""``predictor estimate``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from predictor.cli_options import (
    AnswerOptions,
    BudgetOptions,
    JobOptions,
    NetworkArgument,
    PlaceOptions,
    ReadingOptions,
)
from predictor.command_line import OutputOption, require_one_of, say, write_result


def command(
    context: typer.Context,
    file: NetworkArgument,
    job: JobOptions,
    reading: ReadingOptions,
    place: PlaceOptions,
    answered_by: AnswerOptions,
    limits: BudgetOptions,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="table, json, csv, markdown, html or model-card."
        ),
    ] = "table",
    output: OutputOption = None,
) -> None:
    """Estimate energy, time, power, emissions and cost of one workload.

    Example: predictor estimate model.json --epochs 10 --samples 50000 --region DEU
    """
    from predictor.errors import OverBudgetError
    from predictor.estimation import estimate
    from predictor.report.formats import FORMATS, Format, render
    from predictor.report.terminal import colour_wanted

    require_one_of(form, FORMATS, "--format")
    budgets = limits.budgets()
    answer = estimate(
        file,
        workload=job.workload(),
        **reading.arguments(),
        **place.arguments(),
        **answered_by.arguments(),
    )
    say(context, f"model read from {answer.chosen.folder}")
    exceeded = budgets.exceeded_by(answer)
    chosen_form: Format = form  # type: ignore[assignment]
    colour = output is None and colour_wanted(sys.stdout)
    write_result(render(answer, chosen_form, colour=colour), output)
    if exceeded:
        raise OverBudgetError("; ".join(exceeded))
