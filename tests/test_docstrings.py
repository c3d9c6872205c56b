"""Every public name has a docstring that numpydoc accepts."""

import importlib
import inspect
import pkgutil
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import validate

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
CHECKS = set(
    tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["numpydoc_validation"][
        "checks"
    ]
)
MODULES = [
    found.name
    for package in map(importlib.import_module, ("predictor", "dataset_builder"))
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if "._" not in found.name
]


# What a command and its options are is said by their help.
SAID_BY_HELP = ("predictor.commands.", "predictor.cli_options", "predictor.configured")


def public_names(module):
    """Yield the dotted names of what a module defines for others."""
    if module.__name__.startswith(SAID_BY_HELP):
        return
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isfunction(value):
            yield f"{module.__name__}.{name}"
        elif inspect.isclass(value):
            if not getattr(value, "_is_protocol", False):  # nobody calls a protocol
                yield f"{module.__name__}.{name}"
            for member, inside in vars(value).items():
                documented = inspect.isroutine(inside) or isinstance(inside, property)
                if documented and not member.startswith("_"):
                    yield f"{module.__name__}.{name}.{member}"


@pytest.mark.parametrize("module_name", ["predictor", "dataset_builder", *MODULES])
def test_docstrings_describe_what_is_there(module_name):
    module = importlib.import_module(module_name)

    complaints = [
        f"{name}: {code} {message}"
        for name in public_names(module)
        for code, message in validate(name)["errors"]
        if code in CHECKS
    ]

    assert module.__doc__
    assert complaints == []
