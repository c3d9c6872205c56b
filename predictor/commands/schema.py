"""``predictor schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from predictor.command_line import OutputOption, write_result


def command(
    name: Annotated[
        str | None, typer.Argument(help="A command; without it all are listed.")
    ] = None,
    output: OutputOption = None,
) -> None:
    """Print the JSON Schema of what a command prints as JSON.

    Example: predictor schema estimate
    """
    from predictor.report.tabular import table_lines
    from predictor.schemas import load_schema, schema_names, schema_text

    if name is not None:
        write_result(schema_text(name), output)
        return
    rows = [[one, load_schema(one)["description"]] for one in schema_names()]
    lines = table_lines(["name", "what it describes"], rows, left=(0, 1))
    write_result("\n".join(lines) + "\n", output)
