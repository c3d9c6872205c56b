"""The commands that study measurements: what metrics and numbers of rows are worth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from predictor.cli_options import StartOption
from predictor.command_line import (
    OutputOption,
    SeedOption,
    require_one_of,
    say,
    write_result,
)

app = typer.Typer()

_ROWS = Annotated[list[Path], typer.Argument(help="Measurement files (*.jsonl).")]
_FORM = Annotated[str, typer.Option("--format", help="table, json or csv.")]


@app.command("metrics")
def _metrics(
    context: typer.Context,
    rows: _ROWS,
    model: Annotated[
        Path | None, typer.Option(help="Compare with this fitted model.")
    ] = None,
    target: Annotated[str, typer.Option(help="energy_j or duration_s.")] = "energy_j",
    split: Annotated[
        str, typer.Option(help="group, family, extrapolate or published.")
    ] = "group",
    pairs: Annotated[
        int, typer.Option(min=0, help="Worst pairs to list for each metric.")
    ] = 5,
    form: _FORM = "table",
    output: OutputOption = None,
    seed: SeedOption = 0,
) -> None:
    """Show where MACs, parameters and other simple metrics mislead.

    Example: predictor metrics data/mine/zoo.jsonl --model models/mine
    """
    from predictor.dataset import TARGETS, Target, read_measurements
    from predictor.evaluation import evaluate, evaluate_model
    from predictor.report.simple_metrics_table import render_study
    from predictor.report.tabular import FORMS, Form
    from predictor.simple_metrics import judge_metrics
    from predictor.splits import SPLITS, Split

    require_one_of(target, TARGETS, "--target")
    require_one_of(split, SPLITS, "--split")
    require_one_of(form, FORMS, "--format")
    chosen_target: Target = target  # type: ignore[assignment]
    chosen_split: Split = split  # type: ignore[assignment]
    chosen_form: Form = form  # type: ignore[assignment]
    measurements = read_measurements([str(path) for path in rows])
    say(context, f"{len(measurements)} rows read")
    if model is not None:
        from predictor.artefact import load_model

        evaluation = evaluate_model(load_model(model), measurements)
    else:
        evaluation = evaluate(measurements, split=chosen_split, seed=seed)
    study = judge_metrics(
        measurements,
        evaluation,
        target=chosen_target,
        split=chosen_split,
        shown_pairs=pairs,
        seed=seed,
    )
    write_result(render_study(study, chosen_form), output)


@app.command("learning-curve")
def _learning_curve(
    context: typer.Context,
    rows: _ROWS,
    test: Annotated[
        list[Path] | None,
        typer.Option(help="Rows to test on; may be given several times."),
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="Numbers of rows to fit.")
    ] = "10,20,50,100,300",
    repeats: Annotated[int, typer.Option(help="Draws of each size.")] = 3,
    start: StartOption = None,
    form: _FORM = "table",
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
