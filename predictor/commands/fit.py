"""``predictor fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from predictor.cli_options import StartOption
from predictor.command_line import (
    RowsArgument,
    SeedOption,
    print_notice,
    print_result,
    say,
)


def command(
    context: typer.Context,
    rows: RowsArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the fitted model.")
    ],
    start: StartOption = None,
    seed: SeedOption = 0,
) -> None:
    """Fit all regressors on measurements, choose the best and write the model.

    Example: predictor fit data/mine/runs.jsonl -o models/mine
    """
    from predictor.artefact import load_model, save_model
    from predictor.dataset import read_measurements, step_table
    from predictor.fitting import FEWEST_ROWS_BESIDE, by_platform, fit_model
    from predictor.report.fit_summary import render_fit

    measurements = read_measurements([str(path) for path in rows])
    say(context, f"{len(measurements)} rows read; fitting")
    base = None if start is None else load_model(start)
    # The platform with most rows gets the name; the others stand beside it.
    parts = sorted(by_platform(measurements).values(), key=len, reverse=True)
    for number, part in enumerate(parts):
        platform = part[0].platform
        if number and len(part) < FEWEST_ROWS_BESIDE:
            print_notice(
                f"left out: {len(part)} rows of {platform.label}; "
                f"{FEWEST_ROWS_BESIDE} are needed beside another platform"
            )
            continue
        name = f"{output.name}-{platform.slug}" if number else output.name
        folder = output.with_name(name)
        model = fit_model(part, name=name, seed=seed, base=base)
        save_model(model, folder, example=step_table(part[:1]))
        print_result(render_fit(model, folder))
