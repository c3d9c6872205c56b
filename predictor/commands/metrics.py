"""``predictor metrics``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    figure: Annotated[
        Path | None, typer.Option(help="Draw energy against MACs there, as SVG.")
    ] = None,
    form: FormOption = "table",
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
    if figure is not None:
        from predictor.report.metrics_figure import metrics_figure

        picture = metrics_figure(measurements, evaluation, target=chosen_target)
        write_result(picture, figure)
    study = judge_metrics(
        measurements,
        evaluation,
        target=chosen_target,
        split=chosen_split,
        shown_pairs=pairs,
        seed=seed,
    )
    write_result(render_study(study, chosen_form), output)
