"""What is printed stays as somebody last looked at it: `pytest --rewrite-golden`."""

import json
import re

import pytest

import dataset_builder.cli
import predictor.cli
from predictor import __version__
from predictor.artefact import load_model
from predictor.doctor import Check, Fix, Report
from predictor.doctor.software import Package, check_backends, check_package
from predictor.report.formats import FORMATS
from predictor.report.tabular import FORMS
from tests.dataset_builder.synthetic_sets import good_set
from tests.predictor.invocations import (
    MODEL,
    measured,
    network,
    printed,
    swept,
    transformer,
)
from tests.predictor.networks import layer, sequential

SUFFIXES = {"table": "txt", "markdown": "md", "model-card": "card.md"}
STRANGE = "=1+1 [bold]|<b>`x`</b>\x1b[31m"
TWO_FORMS = ("table", "json")


def strange(folder):
    """Describe a network whose names are up to no good."""
    path = folder / "strange.json"
    layers = [
        layer("Dense", f"{STRANGE}{n} " + "long " * 20 * n, units=9) for n in (0, 1)
    ]
    path.write_text(json.dumps(sequential((7,), *layers, name=STRANGE)))
    return str(path)


def report():
    """Return what a machine would be told that lacks this and that."""
    denied = Check(
        name="rapl",
        state="missing",
        finding="package-0, dram: cannot be read (Permission denied); only root may",
        fixes=(
            Fix(purpose="for good", command="echo 'a rule' |\n  sudo tee /etc/rule"),
            Fix(purpose="ask who looks after this machine"),
        ),
        facts={"zones": []},
    )
    absent = Package(name="torch", version=None, allowed=">=2.6", fits=False)
    old = Package(name="keras", version="2.15", allowed=">=3.15", fits=False)
    return Report(
        version="0.1.0",
        checks=(denied, check_backends([absent]), check_package(old)),
    )


JOB = ["--samples", "60000", "--epochs", "10", "--price", "0.3"]
ANSWERED = ["--model", MODEL]
OURS, BUILDERS = predictor.cli.main, dataset_builder.cli.main

COMPARED = ["compare", network("lenet5"), network("mlp_wide")]

CASES = {
    "estimate": (
        FORMATS,
        OURS,
        lambda folder: ["estimate", network("lenet5"), *JOB, *ANSWERED],
    ),
    "estimate-outside-the-range": (
        ("table",),
        OURS,
        lambda folder: ["estimate", network("resnet50"), *ANSWERED],
    ),
    "estimate-of-strange-names": (
        FORMATS,
        OURS,
        lambda folder: ["estimate", strange(folder), *ANSWERED],
    ),
    "compare": (
        FORMS,
        OURS,
        lambda folder: [*COMPARED, *ANSWERED],
    ),
    "compare-where-metrics-are-wrong": (
        ("table", "csv"),
        OURS,
        lambda folder: [*COMPARED, network("mobilenet_v2"), *ANSWERED],
    ),
    "what-if": (
        FORMS,
        OURS,
        lambda folder: ["what-if", network("lenet5"), *JOB, *ANSWERED],
    ),
    "inspect": (FORMS, OURS, lambda folder: ["inspect", network("lenet5")]),
    "inspect-of-assumptions": (
        FORMS,
        OURS,
        lambda folder: ["inspect", transformer(folder)],
    ),
    "inspect-of-strange-names": (
        FORMS,
        OURS,
        lambda folder: ["inspect", strange(folder)],
    ),
    "evaluate": (
        TWO_FORMS,
        OURS,
        lambda folder: ["evaluate", measured(folder, 6), *ANSWERED],
    ),
    "metrics": (
        FORMS,
        OURS,
        lambda folder: ["metrics", measured(folder, 12), "--pairs", "1", *ANSWERED],
    ),
    "learning-curve": (
        FORMS,
        OURS,
        lambda folder: [
            *("learning-curve", measured(folder, 6)),
            *("--sizes", "2,4,99", "--repeats", "2"),
        ],
    ),
    "doctor": (TWO_FORMS, OURS, lambda folder: ["doctor"]),
    "dataset-builder-check": (
        TWO_FORMS,
        BUILDERS,
        lambda folder: ["check", str(good_set(folder / "set").directory)],
    ),
    "dataset-builder-pace": (
        TWO_FORMS,
        BUILDERS,
        lambda folder: ["pace", swept(folder), "--minutes", "0.5", "--minutes", "9"],
    ),
}
"""Formats, program and arguments of every answer that is kept."""

RUNS = [(name, form) for name, (forms, *_) in CASES.items() for form in forms]


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """Take away what differs from machine to machine, and the seconds of a fit."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("predictor.models.this_hardware", lambda: "a test's machine")
    monkeypatch.setattr("predictor.models.user_models_folder", lambda: tmp_path)
    monkeypatch.setattr("predictor.doctor.examine", report)
    for where in ("predictor.learning_curve", "dataset_builder.pace"):
        monkeypatch.setattr(f"{where}.fit_model", lambda rows, **_: load_model(MODEL))
    return tmp_path


_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])")


def rounded(text):
    """Return a text whose numbers have six digits: the last differ by machine."""
    return _NUMBER.sub(lambda found: f"{float(found[0]):.6g}", text)


@pytest.mark.parametrize(("name", "form"), RUNS)
def test_an_answer_is_printed_as_it_was(golden, made_up, name, form):
    _, program, arguments = CASES[name]

    text = printed(program, *arguments(made_up), "--format", form)

    text = text.replace(str(made_up), "FOLDER")
    text = text.replace(f"watt-ahead {__version__}", "watt-ahead VERSION")
    if form in ("json", "csv"):
        text = rounded(text)
    golden.check(f"{name}.{SUFFIXES.get(form, form)}", text)


def test_every_file_is_looked_at(golden):
    wanted = {f"{name}.{SUFFIXES.get(form, form)}" for name, form in RUNS}

    assert {path.name for path in golden.folder.iterdir()} == wanted


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1.00000001 2", "1 2"),
        ('{"a": 0.333333333, "b": "v1.2.3"}', '{"a": 0.333333, "b": "v1.2.3"}'),
        ("1.23456789e-05,9", "1.23457e-05,9"),
    ],
)
def test_only_the_last_digits_are_left_out(text, same):
    assert rounded(text) == same
