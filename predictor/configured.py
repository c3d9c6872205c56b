"""A command whose options can be set in files, and that says where each comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from predictor.cli_options import CONFIGURABLE
from predictor.command_line import print_result
from predictor.configuration import Setting, read_settings
from predictor.errors import UsageError
from predictor.option_groups import environment_name

SHOW = "--show-config"


class ConfiguredCommand(TyperCommand):
    """A command with options from flags, environment, project, user, in that order."""

    def __init__(self, name: str | None, **given: Any) -> None:
        super().__init__(name, **given)
        if self._configurable():
            self.params.append(
                TyperOption(
                    param_decls=[SHOW],
                    is_flag=True,
                    expose_value=False,
                    help="Show where each option's value comes from, and do no more.",
                )
            )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; what they leave out, the files may say."""
        if ctx.resilient_parsing or not self._configurable():
            return super().parse_args(ctx, args)
        settings = read_settings(Path.cwd(), CONFIGURABLE)
        ctx.default_map = {name: one.value for name, one in settings.items()}
        shown = SHOW in args
        if shown:
            for param in self.params:
                param.required = False
        try:
            rest = super().parse_args(ctx, args)
        except Exception as error:
            name = getattr(getattr(error, "param", None), "name", None)
            origin = name and _origin(ctx, name, settings)
            if origin and origin not in ("flag", "default"):
                raise UsageError(f"{origin}: {error.format_message()}") from error  # type: ignore[attr-defined]
            raise
        if shown:
            print_result(self._provenance(ctx, settings))
            raise typer.Exit
        return rest

    def _configurable(self) -> list[str]:
        return [one.name for one in self.params if one.name in CONFIGURABLE]

    def _provenance(self, ctx: Any, settings: dict[str, Setting]) -> str:
        from predictor.report.tabular import table_lines

        rows = []
        for name in self._configurable():
            value = ctx.params[name]
            shown = "-" if value is None or value == () else str(value)
            rows.append([name.replace("_", "-"), shown, _origin(ctx, name, settings)])
        lines = table_lines(["option", "value", "from"], rows, left=(0, 1, 2))
        return "\n".join(lines) + "\n"


def _origin(ctx: Any, name: str, settings: dict[str, Setting]) -> str:
    source = ctx.get_parameter_source(name)
    kind = "" if source is None else source.name
    if kind == "ENVIRONMENT":
        return environment_name(name)
    if kind == "DEFAULT_MAP":
        return settings[name].origin
    return "default" if kind == "DEFAULT" else "flag"
