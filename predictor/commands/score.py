"""``predictor score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from predictor.command_line import (
    FormOption,
    OutputOption,
    require_one_of,
    say,
    write_result,
)


def command(
    context: typer.Context,
    records: Annotated[
        list[Path],
        typer.Argument(help="Records of forecasts (*.jsonl), CodeCarbon's *.csv."),
    ],
    estimate: Annotated[
        list[Path] | None,
        typer.Option(
            help="What `estimate --format json` wrote, to judge by a CSV; repeatable."
        ),
    ] = None,
    meter: Annotated[
        str,
        typer.Option(help="What is behind the energy in a CSV, such as nvml+rapl."),
    ] = "modelled",
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """Say how good forecasts were: errors, coverage, bias and drift.

    Example: predictor score forecasts.jsonl emissions.csv
    """
    from predictor.dataset import SOURCES
    from predictor.errors import DatasetError
    from predictor.report.score_table import render_scores
    from predictor.report.tabular import FORMS, Form
    from predictor.scoring import (
        gather,
        judge_runs,
        read_emissions,
        read_estimate,
        read_records,
    )

    require_one_of(form, FORMS, "--format")
    require_one_of(meter, SOURCES, "--meter")
    chosen_form: Form = form  # type: ignore[assignment]
    tables = [path for path in records if path.suffix.lower() == ".csv"]
    read = [read_records(path) for path in records if path not in tables]
    gathered = gather(
        [run for one in read for run in one.runs],
        [run for path in tables for run in read_emissions(path)],
        [read_estimate(path) for path in estimate or ()],
        meter=meter,
    )
    left_out = dict(gathered.left_out)
    for one in read:
        for reason, count in one.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    if not gathered.runs:
        reasons = "; ".join(f"{count} x {why}" for why, count in left_out.items())
        raise DatasetError(
            f"no run to judge in {', '.join(map(str, records))} "
            f"({reasons or 'they are empty'}); give records of predictor.forecast, or "
            "a CSV and --estimate"
        )
    say(context, f"{len(gathered.runs)} runs read")
    scores = judge_runs(gathered.runs)
    text = render_scores(
        scores, chosen_form, runs=len(gathered.runs), left_out=left_out
    )
    write_result(text, output)
