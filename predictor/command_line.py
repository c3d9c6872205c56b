"""How a command line turns errors into one sentence and an exit status."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import typer

from predictor.errors import PredictorError

INTERRUPTED = 130
INTERNAL_ERROR = 1


def print_result(text: str) -> None:
    """Write a result to stdout; a reader that stops reading is no error.

    Parameters
    ----------
    text : str
        Complete, with line breaks.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer must go somewhere when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        print(f"{program}: error: {error}", file=sys.stderr)
        return error.exit_status
    except typer.Abort:
        status = INTERRUPTED
    except Exception as error:
        shown = getattr(error, "format_message", None)
        if shown is not None:  # typer's own: wrong usage
            print(f"{program}: error: {shown()}", file=sys.stderr)
            return int(getattr(error, "exit_code", 2))
        if debug:
            raise
        print(
            f"{program}: internal error: {type(error).__name__}: {error} "
            "(run again with --debug for the traceback, and report it)",
            file=sys.stderr,
        )
        return INTERNAL_ERROR
    if status == INTERRUPTED:  # typer's answer to Ctrl-C
        print(f"{program}: interrupted", file=sys.stderr)
    return status if isinstance(status, int) else 0
