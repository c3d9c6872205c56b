"""Errors become one sentence and an exit status."""

import pytest
import typer

from predictor import errors
from predictor.command_line import run


def app_that_raises(error):
    app = typer.Typer()

    @app.command()
    def fail(debug: bool = False) -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UsageError("wrong"), 2),
        (errors.WorkloadError("wrong"), 2),
        (errors.OverBudgetError("too much"), 3),
        (errors.InputFileError("unreadable"), 4),
        (errors.ArchitectureError("odd"), 4),
        (errors.UnsupportedLayerError("Teleport", "t", ("Dense",)), 4),
        (errors.DatasetError("odd row"), 4),
        (errors.ModelFileError("damaged"), 4),
        (errors.FeatureMismatchError(("a",), ("b",)), 4),
        (errors.MissingExtraError("missing"), 4),
        (errors.OutOfDomainError("beyond"), 5),
        (errors.MeasurementError("no meter"), 6),
        (KeyboardInterrupt(), 130),
        (RuntimeError("a bug"), 1),
    ],
)
def test_each_error_has_its_status_and_one_line(capsys, error, status):
    assert run(app_that_raises(error), "predictor", []) == status

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("predictor: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("error", [errors.InputFileError("x"), RuntimeError("x")])
def test_debug_shows_the_traceback(error):
    with pytest.raises(type(error)):
        run(app_that_raises(error), "predictor", ["--debug"])


def test_success_is_0():
    app = typer.Typer()
    app.command()(lambda: None)

    assert run(app, "predictor", []) == 0


def test_domain_errors_are_also_the_builtin_a_reader_expects():
    assert issubclass(errors.ArchitectureError, ValueError)
    assert issubclass(errors.UsageError, ValueError)
    assert issubclass(errors.MeasurementError, RuntimeError)
    assert issubclass(errors.MissingExtraError, ImportError)
