"""The command line: parses, calls one function, prints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from predictor import __version__
from predictor.command_line import INTERRUPTED, print_result, run

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
            "synthetic, no repeats, for a short sweep of a new machine."
        ),
    ] = "default",
    backend: Annotated[str, typer.Option(help="jax, torch or tensorflow.")] = "jax",
    device: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of the design and its order.")] = 1,
    shard: Annotated[
        str, typer.Option(help="i/n: only the i-th of every n configurations.")
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
) -> None:
    """Measure networks one after another; started again, it goes on.

    Example: dataset_builder sweep --out data/mine --minutes 30
    """
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
        verbose=context.obj["verbose"],
    )
    # A scheduler's SIGTERM ends a sweep as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    summary = run_sweep(options, say=_sayer(context.obj["quiet"]))
    share = summary.window_s / summary.duration_s if summary.duration_s else 0.0
    print_result(
        f"{out}: {summary.measured} rows measured ({summary.valid} valid), "
        f"{summary.failed} failed, {summary.skipped} done before; "
        f"{summary.duration_s / 60:.1f} min, {100 * share:.0f} % of it in windows; "
        f"{summary.energy_j:.0f} J\n"
    )
    if summary.interrupted:
        sys.stderr.write("interrupted; the same command goes on from here\n")
        raise typer.Exit(INTERRUPTED)


@app.command("check")
def _check(
    directory: Annotated[Path, typer.Argument(help="A data set.")],
) -> None:
    """Say with numbers whether a data set is good; status 1 if it is not.

    Example: dataset_builder check data/mine
    """
    from dataset_builder.checking import check_directory

    report = check_directory(directory)
    lines = [*report.lines, *(f"problem: {problem}" for problem in report.problems)]
    if not report.problems:
        lines.append("good")
    print_result("\n".join(lines) + "\n")
    if report.problems:
        raise typer.Exit(1)


def _sayer(quiet: bool) -> Callable[[str], None]:
    def say(text: str) -> None:
        if not quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    return say


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
