"""Networks side by side: ratios, how sure they are, and metrics that mislead."""

import csv
import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.cli import main
from predictor.comparison import compare, energy_ratio
from predictor.errors import UsageError
from predictor.estimation import estimate
from predictor.intervals import (
    Quantity,
    log_half_width,
    pair_residuals,
    probability_below_one,
)
from predictor.workload import Workload
from tests.predictor import device


@pytest.fixture
def answers(model_folder):
    def of(*networks, **workload):
        return [
            estimate(network, workload=Workload(**workload), model=model_folder)
            for network in networks
        ]

    return of


def test_a_network_beside_itself_takes_once_its_energy(answers):
    one, same = answers(device.mlp(64, 64), device.mlp(64, 64))
    ratio = energy_ratio(one, same)

    assert ratio.energy == Quantity(estimate=1.0, lower=1.0, upper=1.0)
    assert ratio.probability_less == 0.5


def test_twice_the_epochs_take_surely_more_and_twice_at_most(answers):
    (one,) = answers(device.mlp(64, 64), samples=32_000)
    (twice,) = answers(device.mlp(64, 64), samples=32_000, epochs=2)
    ratio = energy_ratio(twice, one)

    assert ratio.probability_less == 0.0
    assert 1 < ratio.energy.lower <= ratio.energy.estimate <= ratio.energy.upper < 2
    assert ratio.energy.estimate == pytest.approx(
        twice.energy_j.estimate / one.energy_j.estimate
    )


def test_another_batch_size_is_another_step_with_an_error_of_its_own(answers):
    (one,) = answers(device.mlp(64, 64), batch_size=8)
    (other,) = answers(device.mlp(64, 64), batch_size=64)
    ratio = energy_ratio(other, one).energy

    assert ratio.upper / ratio.lower > 1.01


def test_on_two_kinds_of_hardware_errors_are_independent(answers):
    network = device.mlp(64, 128)
    (here,) = answers(network)
    elsewhere = replace(here, chosen=replace(here.chosen, digest="another"))
    ratio = energy_ratio(here, elsewhere)
    own = here.energy_j.upper / here.energy_j.estimate

    assert ratio.energy.estimate == 1.0
    assert own < ratio.energy.upper == pytest.approx(1 / ratio.energy.lower)
    assert ratio.probability_less == pytest.approx(0.5, abs=0.01)


def test_the_ratio_turns_round_when_the_networks_do(answers):
    one, other = answers(device.mlp(64, 64), device.mlp(64, 512, 512))
    there, back = energy_ratio(one, other), energy_ratio(other, one)

    assert there.energy.estimate == pytest.approx(1 / back.energy.estimate)
    assert there.energy.lower == pytest.approx(1 / back.energy.upper)
    assert there.probability_less == pytest.approx(1 - back.probability_less)
    assert there.probability_less > 0.9


def test_ratios_of_unseen_networks_lie_in_their_intervals(answers):
    networks = [
        *(device.mlp(width, width, width // 2) for width in (48, 96, 200, 400)),
        *(device.cnn(side, width) for side in (8, 16, 32) for width in (10, 40)),
    ]
    estimates = answers(*networks, mode="inference", samples=32_000_000)
    job = Workload(mode="inference")
    truth = [device.step_energy_j(device.count(network), job) for network in networks]
    inside = []
    for one, other in itertools.combinations(range(len(networks)), 2):
        found = energy_ratio(estimates[one], estimates[other]).energy
        inside.append(found.lower <= truth[one] / truth[other] <= found.upper)

    assert np.mean(inside) > 0.8


def test_metrics_that_rank_the_wrong_way_round_are_named(answers):
    # Many thin layers: few MACs and parameters, and many launches.
    thin, wide = device.mlp(8, *[8] * 60), device.mlp(256, 256, 256)
    comparison = compare(answers(wide, thin, batch_size=1))

    found = {one.metric: one for one in comparison.contradictions}
    assert set(found) == {"macs", "params"}
    assert (found["macs"].more, found["macs"].less) == (1, 0)
    assert found["macs"].said < 1 < found["macs"].ratio


def test_a_comparison_needs_two_networks(answers):
    with pytest.raises(UsageError, match="two networks, got 1"):
        compare(answers(device.mlp(8, 8)))


@given(
    st.lists(st.floats(-2, 2), min_size=2, max_size=60),
    st.floats(1.01, 50),
    st.floats(1, 2),
)
def test_a_larger_ratio_is_never_more_likely_to_be_below_one(errors, ratio, widen):
    residuals = pair_residuals(
        np.array(errors), np.zeros(len(errors)), [str(n) for n in range(len(errors))]
    )
    near, far = (
        probability_below_one(value, residuals, widen=widen)
        for value in (ratio, 2 * ratio)
    )
    assert 0 < far <= near <= 0.5
    assert probability_below_one(1 / ratio, residuals, widen=widen) == 1 - near


def test_errors_of_quotients_are_those_of_pairs_of_other_networks_of_one_kind():
    errors = np.array([0.0, 1.0, 10.0, 30.0, 100.0, 100.5])
    kinds = np.array([0, 0, 1, 1, 2, 2])
    groups = ["a", "b", "c", "d", "e", "e"]

    assert set(pair_residuals(errors, kinds, groups)) <= {1.0, 20.0}


def test_errors_of_quotients_have_the_spread_of_differences():
    errors = np.random.default_rng(1).normal(0, 0.1, 400)
    residuals = pair_residuals(errors, np.zeros(400), [str(n) for n in range(400)])

    assert len(residuals) == 1000
    assert log_half_width(residuals, 0.9) == pytest.approx(
        1.645 * math.sqrt(2) * 0.1, rel=0.1
    )


@pytest.fixture
def networks(tmp_path):
    paths = []
    for name, network in (
        ("wide", device.mlp(256, 256, 256, name="wide")),
        ("thin", device.mlp(8, *[8] * 60, name="=thin_network_of_many_layers")),
    ):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(network))
    return paths


@pytest.fixture
def run(capsys, networks, model_folder):
    def compared(*options, files=networks):
        files = [str(file) for file in files]
        model = ["--model", str(model_folder)]
        status = main(["compare", *files, *model, "--batch-size", "1", *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return compared


def test_the_table_fits_and_says_what_misleads(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = run()

    assert (status, err) == (0, "")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "times the first" in out
    assert "by MACs, =thin_network_o~ looks" in out.replace("\n", " ")


def test_the_document_holds_every_estimate_and_contradiction(run):
    _, out, _ = run("--format", "json")
    document = json.loads(out)

    names = [one["network"]["name"] for one in document["estimates"]]
    assert document["schema_version"] == 1
    assert names == ["wide", "=thin_network_of_many_layers"]
    assert {one["metric"] for one in document["contradictions"]} == {"macs", "params"}


def test_a_name_in_the_csv_is_no_formula(run):
    _, out, _ = run("--format", "csv")

    rows = list(csv.DictReader(out.splitlines()))
    assert [row["name"] for row in rows] == ["wide", "'=thin_network_of_many_layers"]
    assert float(rows[1]["energy_ratio"]) > 1


@pytest.mark.parametrize(
    ("options", "status"), [(["--format", "xml"], 2), (["--epochs", "0"], 2)]
)
def test_wrong_usage_of_compare_is_one_sentence(run, options, status):
    found, out, err = run(*options)

    assert (found, out) == (status, "")
    assert err.count("\n") == 1


def test_one_network_alone_is_wrong_usage(run, networks):
    status, _, err = run(files=networks[:1])

    assert status == 2
    assert "two networks" in err
