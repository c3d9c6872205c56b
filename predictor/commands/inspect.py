"""``predictor inspect``."""

from __future__ import annotations

import typer

from predictor.cli_options import NetworkArgument, ReadingOptions
from predictor.command_line import (
    FormOption,
    OutputOption,
    require_one_of,
    say,
    write_result,
)


def command(
    context: typer.Context,
    file: NetworkArgument,
    reading: ReadingOptions,
    form: FormOption = "table",
    output: OutputOption = None,
) -> None:
    """List the layers of a network: shapes, parameters, MACs and bytes.

    Example: predictor inspect model.json
    """
    from predictor.cli_options import parsed_shapes
    from predictor.freezing import counted_network
    from predictor.readers import Request
    from predictor.report.layer_table import render_layers
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    request = Request(
        input_shapes=tuple(parsed_shapes(reading.input_shape)),
        sequence_length=reading.sequence_length,
        decode=reading.decode,
    )
    arguments = reading.arguments()
    network, counts = counted_network(
        file, request, on_unknown=arguments["on_unknown"], frozen=arguments["frozen"]
    )
    say(context, f"{network.format}, sha256 {network.sha256}")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_layers(network, counts, chosen_form), output)
