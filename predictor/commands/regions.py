"""``predictor regions``."""

from __future__ import annotations

from typing import Annotated

import typer

from predictor.command_line import (
    FormOption,
    OutputOption,
    require_one_of,
    write_result,
)


def command(
    text: Annotated[
        str, typer.Argument(help="Part of a code, a name or a kind; all without it.")
    ] = "",
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """List places whose carbon intensity is known, with year and source.

    Example: predictor regions quebec
    """
    from predictor.carbon import find_regions
    from predictor.report.regions_table import render_regions
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_regions(find_regions(text), chosen_form), output)
