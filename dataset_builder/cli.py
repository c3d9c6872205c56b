"""The command line: parses, calls one function, prints."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from predictor import __version__
from predictor.command_line import (
    INTERRUPTED,
    print_notice,
    print_result,
    require_one_of,
    run,
)
from predictor.errors import MeasurementError

if TYPE_CHECKING:
    from dataset_builder.checking.report import CheckReport
    from dataset_builder.pace import PaceReport

FORMATS = ("table", "json")

app = typer.Typer(
    name="dataset_builder",
    help="Measure neural networks on this machine, and check the measurements.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"dataset_builder {__version__}")
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
        bool, typer.Option("-q", "--quiet", help="No progress on stderr.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show what failed trials printed.")
    ] = False,
) -> None:
    del version
    context.obj = {"debug": debug, "quiet": quiet, "verbose": verbose}


@app.command("sweep")
def _sweep(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Directory of the data set.")],
    minutes: Annotated[
        float | None, typer.Option(help="Begin no trial after this time.")
    ] = None,
    runs: Annotated[int | None, typer.Option(help="Measure this many.")] = None,
    plan: Annotated[
        str,
        typer.Option(
            help="default: synthetic networks; zoo: real networks; calibrate: "
            "synthetic ones chosen by the rows so far, for a new machine, until the "
            "interval stops shrinking; again: what was measured once more in another "
            "order, for the noise floor."
        ),
    ] = "default",
    backend: Annotated[str, typer.Option(help="jax, torch or tensorflow.")] = "jax",
    device: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of the design and its order.")] = 1,
    shard: Annotated[
        str,
        typer.Option(help="i/n: only the i-th of every n; not with calibrate."),
    ] = "1/1",
    force_resume: Annotated[
        bool,
        typer.Option(
            "--force-resume", help="Go on although machine, versions or plan differ."
        ),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed and invalid ones again.")
    ] = False,
    require_counter: Annotated[
        bool,
        typer.Option("--require-counter", help="Refuse where energy is only modelled."),
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(help="Let the workers of this Dask scheduler measure."),
    ] = None,
) -> None:
    """Measure networks one after another; started again, it goes on.

    Example: dataset_builder sweep --out data/mine --minutes 30
    """
    from dataset_builder.progress import make_progress
    from dataset_builder.settings import Backend, Device
    from dataset_builder.sweep import PlanName, SweepOptions, run_sweep

    options = SweepOptions(
        directory=out,
        plan=cast(PlanName, plan),  # names are checked by run_sweep
        minutes=minutes,
        runs=runs,
        backend=cast(Backend, backend),
        device=cast(Device, device),
        seed=seed,
        shard=_shard(shard),
        force_resume=force_resume,
        retry_failed=retry_failed,
        require_counter=require_counter,
        cluster=cluster,
        verbose=context.obj["verbose"],
    )
    # A scheduler's SIGTERM ends a sweep as Ctrl-C does, and so does a closed terminal.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, signal.default_int_handler)
    with make_progress(context.obj["quiet"], runs, minutes) as progress:
        summary = run_sweep(options, progress=progress)
    if summary.interrupted:  # there is nothing left that Ctrl-C could stop
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    share = summary.window_s / summary.duration_s if summary.duration_s else 0.0
    print_result(
        f"{out}: {summary.measured} rows measured ({summary.valid} valid), "
        f"{summary.failed} failed, {summary.skipped} done before; "
        f"{summary.duration_s / 60:.1f} min, {100 * share:.0f} % of it in windows; "
        f"{summary.energy_j:.0f} J\n"
    )
    if summary.calibration is not None:
        print_result(summary.calibration.to_text())
    if summary.interrupted:
        print_notice("interrupted; the same command goes on from here")
        raise typer.Exit(INTERRUPTED)
    if summary.failed and not summary.measured:
        raise MeasurementError(
            f"{out}: none of {summary.failed} trials yielded a row; failures.jsonl "
            "there says why, and --retry-failed tries them again"
        )


@app.command("check")
def _check(
    directory: Annotated[Path, typer.Argument(help="A data set.")],
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """Say with numbers whether a data set is good; status 1 if it is not.

    Example: dataset_builder check data/mine
    """
    require_one_of(form, FORMATS, "--format")
    from dataset_builder.checking.check import check_directory

    report = check_directory(directory)
    _print_report(report, form)
    if report.problems:
        raise typer.Exit(1)


@app.command("pace")
def _pace(
    directory: Annotated[
        Path, typer.Argument(help="A data set with runs.jsonl and zoo.jsonl.")
    ],
    minutes: Annotated[
        list[float] | None,
        typer.Option(help="Judge after this time; may be given several times."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """Say how fast a sweep was, and how good a model it had made by when.

    Example: dataset_builder pace data/mine
    """
    require_one_of(form, FORMATS, "--format")
    from dataset_builder.pace import MINUTES, pace

    _print_report(pace(directory, minutes or MINUTES, say=_note), form)


@app.command("merge")
def _merge(
    target: Annotated[Path, typer.Argument(help="Data set to make.")],
    sources: Annotated[list[Path], typer.Argument(help="Data sets of its parts.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Merge although they differ or are damaged."),
    ] = False,
) -> None:
    """Make one data set of the shards that several jobs or hosts have measured.

    Example: dataset_builder merge data/mine data/shard-*
    """
    from dataset_builder.store.merging import merge_datasets

    summary = merge_datasets(target, sources, force=force)
    for note in summary.notes:
        _note(note)
    rows = ", ".join(f"{name} {count}" for name, count in summary.rows.items())
    print_result(
        f"{target}: {summary.sources} data sets of {summary.hosts} hosts; rows of "
        f"{rows}; {summary.shared} in more than one; {summary.networks} networks\n"
    )


def _print_report(report: CheckReport | PaceReport, form: str) -> None:
    if form == "json":
        print_result(json.dumps(report.to_dict(), indent=2) + "\n")
    else:
        print_result(report.to_text())


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")


def _shard(text: str) -> tuple[int, int]:
    from predictor.errors import UsageError

    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal()):
        raise UsageError(f"--shard must be i/n, such as 1/4; got {text!r}")
    return int(part), int(parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    status : int
        0 on success, 1 if a check finds problems, 2 for wrong usage, 4 for unreadable
        files or a missing extra, 6 if nothing can be measured, 130 if interrupted.

    Examples
    --------
    >>> main(["--version"])
    dataset_builder ...
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    return run(app, "dataset_builder", arguments)
