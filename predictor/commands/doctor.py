"""``predictor doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from predictor.command_line import OutputOption, require_one_of, write_result


def command(
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    output: OutputOption = None,
) -> None:
    """Say what this machine can read, measure and answer, and how to get the rest.

    It is a report: whatever it finds, the exit status is 0.

    Example: predictor doctor
    """
    import json

    from predictor.doctor import examine
    from predictor.report.doctor_table import render_report

    require_one_of(form, ("table", "json"), "--format")
    report = examine()
    text = render_report(report)
    if form == "json":
        text = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
    write_result(text, output)
