"""``predictor learning-curve``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from predictor.cli_options import StartOption
from predictor.command_line import (
    FormOption,
    OutputOption,
    RowsArgument,
    SeedOption,
    require_one_of,
    say,
    write_result,
)


def command(
    context: typer.Context,
    rows: RowsArgument,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Rows to test on; may be given several times."),
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="Numbers of rows to fit.")
    ] = "10,20,50,100,300",
    repeats: Annotated[int, typer.Option(help="Draws of each size.")] = 3,
    start: StartOption = None,
    form: FormOption = "table",
    output: OutputOption = None,
    seed: SeedOption = 0,
) -> None:
    """Show how good a fit is on so many rows of whole networks.

    Without --test a quarter of the networks is held out.

    Example: predictor learning-curve data/mine/runs.jsonl --test data/mine/zoo.jsonl
    """
    from predictor.artefact import load_model
    from predictor.dataset import read_measurements
    from predictor.errors import UsageError
    from predictor.learning_curve import learning_curve
    from predictor.report.learning_curve_table import render_curve
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    chosen_form: Form = form  # type: ignore[assignment]
    try:
        numbers = [int(size) for size in sizes.split(",")]
    except ValueError as error:
        raise UsageError(
            f"--sizes must be whole numbers with commas between, got {sizes!r}"
        ) from error
    measurements = read_measurements([str(path) for path in rows])
    curve = learning_curve(
        measurements,
        test=read_measurements([str(path) for path in test]) if test else None,
        sizes=numbers,
        repeats=repeats,
        base=load_model(start) if start else None,
        seed=seed,
        say=partial(say, context),
    )
    write_result(render_curve(curve, chosen_form), output)
