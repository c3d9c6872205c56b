"""Commands that take options in groups: dataclasses whose fields are options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_type_hints

from typer.models import OptionInfo

ENVIRONMENT_PREFIX = "PREDICTOR_"


def environment_name(name: str) -> str:
    """Return the environment variable of an option in a group.

    Parameters
    ----------
    name : str
        Field of the group.

    Returns
    -------
    variable : str
        Its name.

    Examples
    --------
    >>> environment_name("batch_size")
    'PREDICTOR_BATCH_SIZE'
    """
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its option groups as parameters of its own.

    Parameters
    ----------
    command : callable
        Parameters whose annotation is a dataclass are groups of options; each field
        has a default and is ``Annotated`` with a `typer.Option`.

    Returns
    -------
    expanded : callable
        For typer: takes the fields, and calls `command` with the groups. A field can
        also be set by its `environment_name`.
    """
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(
            parameter.annotation
        ):
            groups[parameter.name] = parameter.annotation
            parameters += _options(parameter.annotation)
        else:
            keyword = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters.append(keyword)

    def called(**given: Any) -> None:
        grouped = {
            name: group(
                **{field.name: given.pop(field.name) for field in fields(group)}
            )
            for name, group in groups.items()
        }
        command(**given, **grouped)

    called.__doc__ = command.__doc__
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def _options(group: type) -> Iterable[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        annotation = hints[field.name]
        kind, option = get_args(annotation)
        assert isinstance(option, OptionInfo)  # a field of a group is an option
        option = copy(option)
        option.envvar, option.show_envvar = environment_name(field.name), False
        option.rich_help_panel = (group.__doc__ or "").rstrip(".")
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[kind, option],
        )
