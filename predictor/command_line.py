"""How a command line turns errors into one sentence and an exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from predictor.errors import InputFileError, PredictorError, UsageError

INTERRUPTED = 130
INTERNAL_ERROR = 1

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write there instead of stdout.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
FormOption = Annotated[str, typer.Option("--format", help="table, json or csv.")]
RowsArgument = Annotated[
    list[Path], typer.Argument(help="Measurement files (*.jsonl).")
]


def print_result(text: str) -> None:
    """Write a result to stdout; a reader that stops reading is no error.

    Parameters
    ----------
    text : str
        Complete, with line breaks.

    Raises
    ------
    InputFileError
        If it cannot be written, such as to a full disk.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        raise InputFileError(f"stdout: cannot be written ({error})") from error


def write_result(text: str, output: Path | None) -> None:
    """Write a result to a file, or to stdout.

    Parameters
    ----------
    text : str
        Complete, with line breaks.
    output : Path or None
        The file; None for stdout.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    if output is None:
        print_result(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error})") from error


def say(context: typer.Context, text: str) -> None:
    """Write a sentence to stderr under ``--verbose``.

    Parameters
    ----------
    context : typer.Context
        The command's; its object has the global options.
    text : str
        One line, without its line break.
    """
    if context.obj["verbose"]:
        print_notice(text)


def print_notice(text: str) -> None:
    """Write a sentence to stderr; where nobody reads it, that is no error.

    Parameters
    ----------
    text : str
        One line, without its line break.
    """
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr)


def run(app: Any, program: str, arguments: list[str]) -> int:
    """Run a typer application.

    Parameters
    ----------
    app : typer.Typer
        The application.
    program : str
        Its name, for messages.
    arguments : list of str
        The command line without the program's name.

    Returns
    -------
    status : int
        As promised in the README; results are on stdout, all else on stderr.
    """
    _open_closed_streams()
    if os.environ.get("NO_COLOR"):
        _show_help_plainly(arguments)
    try:
        return _run(app, program, arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # nobody reads any more, and the status must not tell
                _discard(stream)


def _run(app: Any, program: str, arguments: list[str]) -> int:
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal cannot show is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(args=arguments, prog_name=program, standalone_mode=False)
    except PredictorError as error:
        if debug:
            raise
        print_notice(f"{program}: error: {error}")
        return error.exit_status
    except typer.Abort:
        status = INTERRUPTED
    except Exception as error:
        shown = getattr(error, "format_message", None)
        if shown is not None:  # typer's own: wrong usage
            print_notice(f"{program}: error: {shown()}")
            return int(getattr(error, "exit_code", 2))
        if debug:
            raise
        print_notice(
            f"{program}: internal error: {type(error).__name__}: {error} "
            "(run again with --debug for the traceback, and report it)"
        )
        return INTERNAL_ERROR
    if status == INTERRUPTED:  # typer's answer to Ctrl-C
        print_notice(f"{program}: interrupted")
    return status if isinstance(status, int) else 0


def _discard(stream: TextIO) -> None:
    # What is left in the buffer must go somewhere when the process ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _show_help_plainly(arguments: Sequence[str]) -> None:
    # Without colours rich still writes bold and dim.
    if not arguments or {"-h", "--help"} & set(arguments):
        from typer import rich_utils

        rich_utils.COLOR_SYSTEM = None


def _open_closed_streams() -> None:
    # The next file opened would get the number of a closed stream, and then whatever
    # libraries print; and so in every process started from here.
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115 (open to the end)
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


def require_one_of(value: str, allowed: Sequence[str], option: str) -> None:
    """Refuse a value that an option does not take.

    Parameters
    ----------
    value : str
        What was given.
    allowed : sequence of str
        What the option takes.
    option : str
        Its name, for the message.

    Raises
    ------
    UsageError
        If the value is none of those.

    Examples
    --------
    >>> require_one_of("xml", ("table", "json"), "--format")
    Traceback (most recent call last):
    predictor.errors.UsageError: --format must be one of table, json; got 'xml'
    """
    if value not in allowed:
        raise UsageError(f"{option} must be one of {', '.join(allowed)}; got {value!r}")
