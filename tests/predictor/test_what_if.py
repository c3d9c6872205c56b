"""Levers: each changes one thing, and what it saves is said with how sure that is."""

import csv
import json
from dataclasses import replace

import pytest

from predictor.cli import main
from predictor.comparison import compare
from predictor.errors import UsageError
from predictor.levers import LEVERS, Change, Question, parsed_changes
from predictor.savings import what_if
from predictor.workload import Workload
from tests.predictor import device

NETWORK = device.mlp(64, 128, 64, 10)


@pytest.fixture
def question(model_folder):
    return Question(
        network=NETWORK,
        workload=Workload(samples=32_000, epochs=4),
        arguments={"model": model_folder, "region": "DEU", "price_per_kwh": 0.3},
    )


@pytest.mark.parametrize(
    ("lever", "value"),
    [
        ("batch-size", 64),
        ("epochs", 2),
        ("samples", 100),
        ("mode", "inference"),
        ("optimizer", "adam"),
        ("dtype", "bfloat16"),
        ("region", "FRA"),
        ("carbon-intensity", 20.0),
        ("pue", 1.5),
        ("price", 0.1),
    ],
)
def test_a_lever_changes_its_thing_alone(question, lever, value):
    before = question.ask().to_dict()
    after = Change(lever=lever, value=value).applied(question).ask().to_dict()

    parts = {
        "carbon": ("region", "carbon-intensity", "pue"),
        "workload": ("batch-size", "epochs", "samples", "mode", "optimizer", "dtype"),
    }
    for part, levers in parts.items():
        assert (after[part] != before[part]) == (lever in levers)
    assert after["network"] == before["network"]
    assert after["model"] == before["model"]


def test_a_region_goes_before_a_carbon_intensity_that_was_given(question):
    given = Change(lever="carbon-intensity", value=5.0).applied(question)
    moved = Change(lever="region", value="FRA").applied(given)

    assert moved.ask().carbon.region == "FRA"


def test_the_largest_saving_comes_first(question):
    found = what_if(question, parsed_changes(["epochs=1,2,8", "region=FRA,POL"]))
    savings = [one.saving for one in found.outcomes]

    assert savings == sorted(savings, reverse=True)
    assert found.outcomes[0].change.lever == "region"
    assert found.outcomes[-1].change == Change(lever="epochs", value=8)
    assert -1 < savings[-1] < -0.8  # twice the epochs, and the cold part once


def test_a_place_saves_emissions_and_no_energy(question):
    (outcome,) = what_if(question, parsed_changes(["region=FRA"])).outcomes

    assert outcome.saving > 0.5
    assert outcome.energy_ratio.energy.estimate == 1.0


@pytest.mark.parametrize("aim", ["energy", "time", "cost"])
def test_what_is_aimed_at_decides_the_saving(question, aim):
    (outcome,) = what_if(question, parsed_changes(["epochs=2"]), aim=aim).outcomes

    assert outcome.saving == pytest.approx(0.5, abs=0.05)


def test_the_usual_levers_are_tried_where_none_is_named(question):
    found = what_if(question)

    levers = {one.change.lever for one in found.outcomes}
    usual = {"batch-size", "epochs", "samples", "dtype", "region", "hardware", "frozen"}
    assert usual <= levers


def test_a_frozen_base_saves_some_of_the_training_and_nothing_of_inference(question):
    frozen = parsed_changes(["frozen=base"])
    (trained,) = what_if(question, frozen).outcomes
    inference = replace(question, workload=Workload(mode="inference"))
    (run,) = what_if(inference, frozen).outcomes

    assert 0 < trained.saving < 1
    assert "parameters are trained" in str(trained.answer.assumptions)
    assert run.saving == 0


def test_a_dtype_that_was_never_measured_is_outside_the_fitted_range(question):
    (outcome,) = what_if(question, parsed_changes(["dtype=bfloat16"])).outcomes

    assert not outcome.answer.verdict.in_domain
    ratio = outcome.energy_ratio.energy
    assert ratio.lower < 1 < ratio.upper


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour=red", "no lever"),
        ("epochs", "no lever"),
        ("epochs=two", "a whole number, got 'two'"),
        ("epochs=1,", "a whole number, got ''"),
        ("pue=low", "a number, got 'low'"),
        ("region=", "a name, got ''"),
        ("epochs=" + "1," * 200 + "1", "at most 100"),
    ],
)
def test_what_is_no_lever_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        parsed_changes([text])


def test_every_lever_can_be_written(question):
    for name, lever in LEVERS.items():
        value = {int: "2", float: "1.5"}.get(lever.kind, "sgd")
        (change,) = parsed_changes([f"{name.replace('-', '_')}={value}"])
        assert str(change) == f"{name}={value}"


@pytest.fixture
def run(capsys, network_file, model_folder):
    def called(*options):
        command = ["what-if", str(network_file), "--model", str(model_folder)]
        status = main([*command, *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return called


def test_the_table_shows_every_change_and_how_to_read_it(run):
    status, out, err = run("--region", "DEU")

    assert (status, err) == (0, "")
    assert "region=FRA" in out
    assert "read: saves, how much less emissions" in out


def test_the_document_and_the_csv_hold_every_change(run):
    tried = ("--try", "epochs=2,3", "--try", "dtype=float16")
    _, out, _ = run(*tried, "--format", "json")
    document = json.loads(out)
    _, out, _ = run(*tried, "--format", "csv")
    rows = list(csv.DictReader(out.splitlines()))

    assert document["schema_version"] == 1
    assert [str(one["value"]) for one in document["changes"]] == [
        row["value"] for row in rows
    ]
    assert document["base"]["workload"]["epochs"] == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--try", "epochs=0"),
        ("--try", "region=ATLANTIS"),
        ("--try", "nonsense"),
        ("--by", "hope"),
        ("--by", "cost"),
        ("--format", "html"),
    ],
)
def test_wrong_usage_is_one_sentence(run, options):
    status, out, err = run(*options)

    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_a_lever_to_an_unknown_model_is_an_input_error(run):
    status, out, err = run("--try", "hardware=abacus")

    assert (status, out) == (4, "")
    assert "no fitted model for hardware 'abacus'" in err


def test_workloads_stand_side_by_side(capsys, network_file, model_folder):
    model = ["--model", str(model_folder)]
    tried = ["--try", "batch-size=8,64", "--format", "csv"]
    assert main(["compare", str(network_file), *model, *tried]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))

    assert [row["name"].split()[-1] for row in rows] == [
        "batch-size=8",
        "batch-size=64",
    ]
    assert float(rows[1]["energy_ratio"]) != 1


def test_a_notebook_shows_tables_and_nothing_is_printed(question, capsys):
    found = what_if(question, parsed_changes(["epochs=2,3"]))
    both = compare([one.answer for one in found.outcomes])

    assert list(found.to_frame()["value"]) == [2, 3]
    assert list(both.to_frame()["probability_less"]) == [0.5, 0.0]
    assert all("<table" in shown._repr_html_() for shown in (found, both, found.base))
    assert capsys.readouterr().out == ""
