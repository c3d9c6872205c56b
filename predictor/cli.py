"""The command line: finds the command and runs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from predictor import __version__
from predictor.command_line import run
from predictor.commands import COMMANDS

_SETTINGS = {"help_option_names": ["-h", "--help"]}


class _Commands(TyperGroup):
    """Commands whose modules are imported when they run, not for the list of them."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; where all are listed, its sentence alone."""
        if cmd_name not in COMMANDS:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return _command(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """List the commands."""
        self._listing = True
        super().format_help(ctx, formatter)


def _command(name: str) -> Any:
    from predictor.configured import ConfiguredCommand
    from predictor.option_groups import expanded

    module = import_module(f"predictor.commands.{name.replace('-', '_')}")
    alone = typer.Typer(add_completion=False, context_settings=_SETTINGS)
    alone.command(name, cls=ConfiguredCommand)(expanded(module.command))
    return typer.main.get_command(alone)


app = typer.Typer(
    name="predictor",
    cls=_Commands,
    help="Predict the energy, time and carbon of a neural network before it runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
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
