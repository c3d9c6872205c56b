"""``predictor evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from predictor.command_line import (
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
    split: Annotated[
        str, typer.Option(help="group, family, extrapolate or published.")
    ] = "group",
    model: Annotated[
        Path | None, typer.Option(help="Judge this fitted model instead of fitting.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Write every prediction there, as CSV.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    output: OutputOption = None,
    seed: SeedOption = 0,
) -> None:
    """Show how wrong every regressor and baseline is on rows it did not see.

    Example: predictor evaluate data/mine/zoo.jsonl --model models/mine
    """
    import json

    from predictor.dataset import read_measurements
    from predictor.evaluation import evaluate, evaluate_model
    from predictor.report.errors_table import predictions_csv, render_errors
    from predictor.splits import SPLITS, Split

    require_one_of(split, SPLITS, "--split")
    require_one_of(form, ("table", "json"), "--format")
    measurements = read_measurements([str(path) for path in rows])
    say(context, f"{len(measurements)} rows read")
    if model is not None:
        from predictor.artefact import load_model

        evaluation = evaluate_model(load_model(model), measurements)
    else:
        chosen_split: Split = split  # type: ignore[assignment]
        evaluation = evaluate(measurements, split=chosen_split, seed=seed)
    if predictions is not None:
        write_result(predictions_csv(evaluation, measurements), predictions)
    text = render_errors(evaluation)
    if form == "json":
        text = json.dumps(evaluation.to_dict(), indent=2, allow_nan=False) + "\n"
    write_result(text, output)
