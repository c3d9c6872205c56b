"""Measure synthetic and real networks on this machine, and check the result."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from predictor import __version__
from predictor.errors import PredictorError, UsageError

INTERRUPTED = 130

app = typer.Typer(
    name="dataset_builder",
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_state = {"debug": False, "quiet": False}


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"dataset_builder {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress on stderr.")
    ] = False,
) -> None:
    del version
    _state.update(debug=debug, quiet=quiet)


@app.command()
def sweep(
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
        bool, typer.Option("--retry-failed", help="Try failed configurations again.")
    ] = False,
    require_counter: Annotated[
        bool,
        typer.Option("--require-counter", help="Refuse where energy is only modelled."),
    ] = False,
) -> None:
    """Measure networks one after another; started again, it goes on.

    Example: dataset_builder sweep --out data/mine --minutes 30
    """
    from dataset_builder import sweep as sweeping

    options = sweeping.SweepOptions(
        directory=out,
        plan=plan,  # type: ignore[arg-type]  (checked by run_sweep)
        minutes=minutes,
        runs=runs,
        backend=backend,  # type: ignore[arg-type]
        device=_device(device),
        seed=seed,
        shard=_shard(shard),
        force_resume=force_resume,
        retry_failed=retry_failed,
        require_counter=require_counter,
    )
    say = (lambda text: None) if _state["quiet"] else sweeping.say_on_stderr
    summary = sweeping.run_sweep(options, say=say)
    share = summary.window_s / summary.duration_s if summary.duration_s else 0.0
    print(
        f"{out}: {summary.measured} rows measured ({summary.valid} valid), "
        f"{summary.failed} failed, {summary.skipped} done before; "
        f"{summary.duration_s / 60:.1f} min, {100 * share:.0f} % of it in windows; "
        f"{summary.energy_j:.0f} J"
    )
    if summary.interrupted:
        sys.stderr.write("interrupted; the same command goes on from here\n")
        raise typer.Exit(INTERRUPTED)


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="A data set.")],
) -> None:
    """Say with numbers whether a data set is good; status 1 if it is not.

    Example: dataset_builder check data/mine
    """
    from dataset_builder.checking import check_directory

    report = check_directory(directory)
    for line in report.lines:
        print(line)
    for problem in report.problems:
        print(f"problem: {problem}")
    if report.problems:
        raise typer.Exit(1)
    print("good")


def _device(name: str) -> Any:
    if name not in ("cpu", "gpu"):
        raise UsageError(f"--device must be cpu or gpu, got {name!r}")
    return name


def _shard(text: str) -> tuple[int, int]:
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
        As the table of exit statuses says: 0, 1, 2, 4, 6 or 130.

    Examples
    --------
    >>> main(["--version"])
    dataset_builder ...
    0
    """
    try:
        answer = app(
            args=None if argv is None else list(argv),
            prog_name="dataset_builder",
            standalone_mode=False,
        )
    except PredictorError as error:
        if _state["debug"]:
            traceback.print_exc()
        sys.stderr.write(f"dataset_builder: error: {error}\n")
        return error.exit_status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    return answer if isinstance(answer, int) else 0
