"""The command line: parses, calls one function, prints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from predictor import __version__
from predictor.cli_options import (
    BatchOption,
    CarbonOption,
    ConfidenceOption,
    DecodeOption,
    DtypeOption,
    EpochsOption,
    HardwareOption,
    LengthOption,
    ModelOption,
    ModeOption,
    NetworkArgument,
    OptimizerOption,
    PriceOption,
    PueOption,
    RegionOption,
    SamplesOption,
    ShapeOption,
    StartOption,
    StrictOption,
    UnknownOption,
    parsed_shapes,
)
from predictor.cli_studies import app as studies
from predictor.command_line import (
    OutputOption,
    SeedOption,
    print_result,
    require_one_of,
    run,
    say,
    write_result,
)

app = typer.Typer(
    name="predictor",
    help="Predict the energy, time and carbon of a neural network before it runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"predictor {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show it."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Leave out warnings on stderr.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say on stderr what is done.")
    ] = False,
) -> None:
    context.obj = {"debug": debug, "quiet": quiet, "verbose": verbose and not quiet}


@app.command("estimate")
def _estimate(
    context: typer.Context,
    file: NetworkArgument,
    mode: ModeOption = "training",
    batch_size: BatchOption = 32,
    samples: SamplesOption = 1000,
    epochs: EpochsOption = 1,
    optimizer: OptimizerOption = "sgd",
    dtype: DtypeOption = "float32",
    input_shape: ShapeOption = None,
    sequence_length: LengthOption = None,
    decode: DecodeOption = False,
    on_unknown: UnknownOption = "error",
    region: RegionOption = None,
    carbon_intensity: CarbonOption = None,
    pue: PueOption = 1.0,
    price: PriceOption = None,
    model: ModelOption = None,
    hardware: HardwareOption = None,
    confidence: ConfidenceOption = 0.9,
    strict: StrictOption = False,
    max_kwh: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None,
    max_gco2e: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None,
    max_hours: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None,
    max_cost: Annotated[float | None, typer.Option(help="Exit 3 above it.")] = None,
    budget_on: Annotated[
        str, typer.Option(help="Hold budgets against estimate or upper.")
    ] = "estimate",
    form: Annotated[
        str, typer.Option("--format", help="table, json, csv, markdown or html.")
    ] = "table",
    output: OutputOption = None,
) -> None:
    """Estimate energy, time, power, emissions and cost of one workload.

    Example: predictor estimate model.json --epochs 10 --samples 50000 --region DEU
    """
    from predictor.budgets import Budgets
    from predictor.errors import OverBudgetError
    from predictor.estimation import estimate
    from predictor.report.formats import FORMATS, Format, render
    from predictor.workload import Mode, Workload

    require_one_of(form, FORMATS, "--format")
    budgets = Budgets(
        energy_kwh=max_kwh,
        emissions_gco2e=max_gco2e,
        duration_h=max_hours,
        cost=max_cost,
        on=budget_on,
    )
    chosen_mode: Mode = mode  # type: ignore[assignment]
    workload = Workload(
        mode=chosen_mode,
        batch_size=batch_size,
        samples=samples,
        epochs=epochs,
        optimizer=optimizer,
        dtype=dtype,
    )
    answer = estimate(
        file,
        workload=workload,
        input_shapes=parsed_shapes(input_shape),
        sequence_length=sequence_length,
        decode=decode,
        on_unknown=on_unknown,  # type: ignore[arg-type]
        model=model,
        hardware=hardware,
        region=region,
        carbon_intensity_g_per_kwh=carbon_intensity,
        pue=pue,
        price_per_kwh=price,
        confidence_level=confidence,
        strict=strict,
    )
    say(context, f"model read from {answer.chosen.folder}")
    exceeded = budgets.exceeded_by(answer)
    chosen_form: Format = form  # type: ignore[assignment]
    write_result(render(answer, chosen_form), output)
    if exceeded:
        raise OverBudgetError("; ".join(exceeded))


@app.command("inspect")
def _inspect(
    context: typer.Context,
    file: NetworkArgument,
    input_shape: ShapeOption = None,
    sequence_length: LengthOption = None,
    decode: DecodeOption = False,
    on_unknown: UnknownOption = "error",
    form: Annotated[str, typer.Option("--format", help="table, json or csv.")] = (
        "table"
    ),
    output: OutputOption = None,
) -> None:
    """List the layers of a network: shapes, parameters, MACs and bytes.

    Example: predictor inspect model.json
    """
    from predictor.counting import count_network
    from predictor.readers import Request, read_network
    from predictor.report.layer_table import render_layers
    from predictor.report.tabular import FORMS, Form

    require_one_of(form, FORMS, "--format")
    request = Request(
        input_shapes=tuple(parsed_shapes(input_shape)),
        sequence_length=sequence_length,
        decode=decode,
    )
    network = read_network(file, request)
    counts = count_network(
        network.architecture,
        request.input_shapes,
        on_unknown=on_unknown,  # type: ignore[arg-type]
    )
    say(context, f"{network.format}, sha256 {network.sha256}")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_layers(network, counts, chosen_form), output)


@app.command("compare")
def _compare(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Two networks or more; the first is 1.")
    ],
    mode: ModeOption = "training",
    batch_size: BatchOption = 32,
    samples: SamplesOption = 1000,
    epochs: EpochsOption = 1,
    optimizer: OptimizerOption = "sgd",
    dtype: DtypeOption = "float32",
    input_shape: ShapeOption = None,
    sequence_length: LengthOption = None,
    decode: DecodeOption = False,
    on_unknown: UnknownOption = "error",
    region: RegionOption = None,
    carbon_intensity: CarbonOption = None,
    pue: PueOption = 1.0,
    price: PriceOption = None,
    model: ModelOption = None,
    hardware: HardwareOption = None,
    confidence: ConfidenceOption = 0.9,
    strict: StrictOption = False,
    form: Annotated[str, typer.Option("--format", help="table, json or csv.")] = (
        "table"
    ),
    output: OutputOption = None,
) -> None:
    """Show networks side by side, and how sure it is that one takes less.

    Example: predictor compare small.json large.json --samples 50000 --epochs 10
    """
    from predictor.comparison import compare
    from predictor.estimation import estimate
    from predictor.report.comparison_table import render_comparison
    from predictor.report.tabular import FORMS, Form
    from predictor.workload import Mode, Workload

    require_one_of(form, FORMS, "--format")
    chosen_mode: Mode = mode  # type: ignore[assignment]
    workload = Workload(
        mode=chosen_mode,
        batch_size=batch_size,
        samples=samples,
        epochs=epochs,
        optimizer=optimizer,
        dtype=dtype,
    )
    estimates = [
        estimate(
            file,
            workload=workload,
            input_shapes=parsed_shapes(input_shape),
            sequence_length=sequence_length,
            decode=decode,
            on_unknown=on_unknown,  # type: ignore[arg-type]
            model=model,
            hardware=hardware,
            region=region,
            carbon_intensity_g_per_kwh=carbon_intensity,
            pue=pue,
            price_per_kwh=price,
            confidence_level=confidence,
            strict=strict,
        )
        for file in files
    ]
    say(context, f"model read from {estimates[0].chosen.folder}")
    chosen_form: Form = form  # type: ignore[assignment]
    write_result(render_comparison(compare(estimates), chosen_form), output)


@app.command("fit")
def _fit(
    context: typer.Context,
    rows: Annotated[list[Path], typer.Argument(help="Measurement files (*.jsonl).")],
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
            print(
                f"left out: {len(part)} rows of {platform.label}; "
                f"{FEWEST_ROWS_BESIDE} are needed beside another platform",
                file=sys.stderr,
            )
            continue
        name = f"{output.name}-{platform.slug}" if number else output.name
        folder = output.with_name(name)
        model = fit_model(part, name=name, seed=seed, base=base)
        save_model(model, folder, example=step_table(part[:1]))
        print_result(render_fit(model, folder))


@app.command("evaluate")
def _evaluate(
    context: typer.Context,
    rows: Annotated[list[Path], typer.Argument(help="Measurement files (*.jsonl).")],
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


@app.command("doctor")
def _doctor(
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


app.add_typer(studies)  # without a name: its commands stand beside the others


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    status : int
        0 on success; 1 internal error; 2 wrong usage; 3 over budget; 4 input
        unreadable or unsupported; 5 outside the fitted range; 6 cannot measure;
        130 interrupted.
    """
    return run(app, "predictor", sys.argv[1:] if argv is None else list(argv))
