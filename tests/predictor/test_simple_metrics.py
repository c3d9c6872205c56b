"""Simple metrics are judged on the same rows as the model, and by the same rules."""

import csv
import json
import math
import re
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.cli import main
from predictor.dataset import read_measurements, step_table
from predictor.errors import DatasetError, UsageError
from predictor.evaluation import CHOSEN, TDP_TIME, Evaluation, Prediction
from predictor.fitting import targets_of
from predictor.regressors.baselines import fit_baseline
from predictor.report.metrics_figure import metrics_figure
from predictor.report.simple_metrics_table import CSV_COLUMNS, render_study
from predictor.simple_metrics import SIMPLE_METRICS, judge_metrics
from predictor.simple_metrics.pairs import LARGEST_SAMPLE, pairs_within, rank_pairs
from predictor.splits import split_rows
from predictor.workload import Workload
from tests.predictor import device

WIDTHS = [2**power for power in range(3, 12)]


def exact(measurements, *, noise_floor=None, regressors=(CHOSEN, TDP_TIME)):
    """Return an evaluation whose every prediction is the truth."""
    return Evaluation(
        split="model",
        noise_floor=noise_floor,
        rows=len(measurements),
        predictions=tuple(
            Prediction(
                row=row,
                platform=item.platform.label,
                regressor=name,
                target="energy_j",
                predicted=item.step("energy_j"),
                actual=item.step("energy_j"),
                half_width=math.nan,
            )
            for row, item in enumerate(measurements)
            for name in regressors
        ),
    )


def by_metric(study, mode):
    return {one.metric: one for one in study.results if one.mode == mode}


@pytest.fixture(scope="module")
def study(measurements):
    return judge_metrics(measurements, exact(measurements), seed=3)


@pytest.fixture
def upside_down(tmp_path):
    """Networks of two layers; the wider one takes less energy."""
    work = Workload(mode="inference", batch_size=8, samples=8)
    made = [
        device.row(
            device.mlp(16, width, 4),
            work,
            group=f"net{width}",
            family="dense",
            name=f"[bold]width {width}",
            energy_j=4096.0 / width,
            cold_energy_j=None,
            duration_s=None,
            cold_duration_s=None,
        )
        for width in WIDTHS
    ]
    return read_measurements([device.write_rows(tmp_path / "rows.jsonl", made)])


def test_a_model_that_is_right_is_right_in_every_respect(study):
    for mode in ("training", "inference", "all"):
        result = by_metric(study, mode)[CHOSEN]

        assert result.spearman == pytest.approx(1.0)
        assert result.spearman_in_families == pytest.approx(1.0)
        assert (result.wrong_pairs, result.worst_pairs) == (0.0, ())
        assert (result.worst_ape, result.within_20) == (0.0, 1.0)


def test_every_metric_is_judged_on_the_same_rows_and_pairs(study):
    for mode, rows in (("training", 40), ("inference", 40), ("all", 80)):
        results = by_metric(study, mode)

        assert set(results) == {*SIMPLE_METRICS, TDP_TIME, CHOSEN}
        assert {one.n for one in results.values()} == {rows}
        assert len({one.pairs for one in results.values()}) == 1


def test_only_the_measured_time_is_known_afterwards(study):
    assert {one.metric for one in study.results if not one.ex_ante} == {TDP_TIME}


@pytest.mark.parametrize(("metric", "baseline"), [("macs", "flops"), ("params",) * 2])
def test_lines_are_the_baselines_of_evaluate(measurements, study, metric, baseline):
    table, truth = step_table(measurements), targets_of(measurements, "energy_j")
    predicted = np.empty(len(truth))
    for train, test in split_rows(measurements, "group", seed=3):
        line = fit_baseline(baseline, table.take(train), truth[train])
        predicted[test] = line.predict(table.take(test))

    result = by_metric(study, "all")[metric]

    assert result.mape == pytest.approx(np.mean(np.abs(predicted / truth - 1.0)))


def test_a_metric_that_points_the_wrong_way_is_wrong_in_every_pair(upside_down):
    study = judge_metrics(upside_down, exact(upside_down), shown_pairs=2)
    results = by_metric(study, "inference")
    worst = results["macs"].worst_pairs

    assert results["macs"].spearman == pytest.approx(-1.0)
    assert results["macs"].wrong_pairs == 1.0
    assert results["macs"].pairs == math.comb(len(WIDTHS), 2)
    assert [pair.ratio for pair in worst] == pytest.approx([256.0, 128.0])
    assert worst[0].favoured.name == "[bold]width 8"
    assert worst[0].favoured.actual == pytest.approx(4096.0 / 8 / 8)
    assert worst[0].favoured.said < worst[0].slighted.said


def test_two_networks_are_listed_once_however_often_measured(tmp_path):
    made = device.rows(12)
    again = [{**row, "energy_j": 1.01 * row["energy_j"]} for row in made]
    path = device.write_rows(tmp_path / "rows.jsonl", made + again)
    measurements = read_measurements([path])

    study = judge_metrics(measurements, exact(measurements), shown_pairs=99)

    pairs = by_metric(study, "all")["layers"].worst_pairs
    networks = [frozenset((one.favoured.name, one.slighted.name)) for one in pairs]
    assert networks
    assert len(set(networks)) == len(networks)
    assert [one.ratio for one in pairs] == sorted(
        (p.ratio for p in pairs), reverse=True
    )


def test_equal_values_rank_nothing(upside_down):
    result = by_metric(judge_metrics(upside_down, exact(upside_down)), "inference")

    assert result["layers"].wrong_pairs == 0.5
    assert result["layers"].worst_pairs == ()
    assert math.isnan(result["layers"].spearman)


def test_pairs_within_the_noise_do_not_count(upside_down):
    evaluation = exact(upside_down, noise_floor=1.0)

    study = judge_metrics(upside_down, evaluation)

    assert study.pair_threshold == 2.0  # so that a factor of two is no difference
    pairs = math.comb(len(WIDTHS), 2) - (len(WIDTHS) - 1)
    assert by_metric(study, "inference")["macs"].pairs == pairs


def test_few_of_one_batch_size_are_compared_by_sample(tmp_path):
    made = device.rows(10)
    alike = [{**row, "batch_size": 8, "samples": 400} for row in made]
    for rows, paired_by in ((made, "sample"), (alike, "batch_size")):
        path = device.write_rows(tmp_path / f"{paired_by}.jsonl", rows)
        measurements = read_measurements([path])

        study = judge_metrics(measurements, exact(measurements))

        assert {one.paired_by for one in study.results} == {paired_by}


def test_platforms_are_judged_apart(measurements, tmp_path):
    made = device.rows(6)
    other = [{**row, "backend": "torch"} for row in made]
    path = device.write_rows(tmp_path / "rows.jsonl", made + other)
    rows = read_measurements([path])

    study = judge_metrics(rows, exact(rows))

    both = {one.platform: one.n for one in study.results if one.mode == "all"}
    assert list(both.values()) == [12, 12]


def test_without_a_prediction_there_is_nothing_to_compare(measurements):
    with pytest.raises(DatasetError, match="no row has a prediction of duration_s"):
        judge_metrics(measurements, exact(measurements), target="duration_s")


def test_fewer_than_no_pairs_is_wrong_usage(measurements):
    with pytest.raises(UsageError, match="at least 0"):
        judge_metrics(measurements, exact(measurements), shown_pairs=-1)


def test_the_document_is_json_with_null_for_what_is_not_known(upside_down):
    evaluation = exact(upside_down, regressors=(CHOSEN,))

    study = judge_metrics(upside_down, evaluation, shown_pairs=1)

    document = json.loads(render_study(study, "json"))
    assert document["schema_version"] == 1
    results = {one["metric"]: one for one in document["results"]}
    assert set(results) == {*SIMPLE_METRICS, CHOSEN}
    assert results["layers"]["spearman"] is None
    assert results["macs"]["worst_pairs"][0]["ratio"] == pytest.approx(256.0)


def test_the_table_is_narrow_and_shows_names_as_they_are(upside_down):
    text = render_study(judge_metrics(upside_down, exact(upside_down)), "table")

    assert all(len(line) <= 110 for line in text.splitlines())
    assert "ranked the wrong way round by macs" in text
    assert "ranked the wrong way round by chosen" not in text
    assert "[bold]width 8" in text


def test_the_csv_has_a_line_for_each_result(study):
    rows = list(csv.DictReader(render_study(study, "csv").splitlines()))

    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == len(study.results)


@given(
    rows=st.lists(st.tuples(st.sampled_from([1, 8, 64]), st.sampled_from("abcd"))),
    seed=st.integers(0, 9),
)
def test_pairs_are_all_of_one_block_and_two_groups(rows, seed):
    blocks, groups = [row[0] for row in rows], [row[1] for row in rows]

    found = pairs_within(blocks, groups, seed=seed)

    expected = {
        (first, second)
        for first, second in combinations(range(len(rows)), 2)
        if blocks[first] == blocks[second] and groups[first] != groups[second]
    }
    assert sorted(tuple(sorted(pair)) for pair in found.tolist()) == sorted(expected)


def test_of_very_many_pairs_some_are_drawn_none_twice():
    blocks, groups = [0] * 900, [str(row) for row in range(900)]

    found = pairs_within(blocks, groups, seed=1)

    assert len(found) == LARGEST_SAMPLE < math.comb(900, 2)
    assert len(np.unique(np.sort(found, axis=1), axis=0)) == LARGEST_SAMPLE
    assert np.array_equal(found, pairs_within(blocks, groups, seed=1))


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0.1, 9)), min_size=2))
def test_the_opposite_metric_is_wrong_where_the_metric_is_right(rows):
    said, actual = np.array(rows).T
    pairs = pairs_within([0] * len(rows), [str(n) for n in range(len(rows))], seed=0)

    one = rank_pairs(pairs, said, actual, threshold=0.1)
    other = rank_pairs(pairs, -said, actual, threshold=0.1)

    assert one.pairs == other.pairs
    if one.pairs:
        assert one.wrong_share + other.wrong_share == pytest.approx(1.0)
    ratios = actual[one.wrong[:, 0]] / actual[one.wrong[:, 1]]
    assert (ratios > 1.1 - 1e-9).all()
    assert (np.diff(ratios) < 1e-9).all()


def test_the_command_compares_with_a_fitted_model(capsys, rows_file, model_folder):
    command = ["metrics", str(rows_file), "--model", str(model_folder)]

    status = main([*command, "--target", "duration_s", "--format", "json"])

    document = json.loads(capsys.readouterr().out)
    assert (status, document["model_split"]) == (0, "model")
    mape = {one["metric"]: one["mape"] for one in document["results"]}
    assert TDP_TIME not in mape  # it is the time
    assert mape[CHOSEN] < min(mape[name] for name in SIMPLE_METRICS)


@pytest.mark.slow
def test_the_command_fits_by_the_split_without_a_model(capsys, tmp_path):
    path = device.write_rows(tmp_path / "rows.jsonl", device.rows(6))

    status = main(["metrics", str(path), "--split", "family"])

    out = capsys.readouterr().out
    assert status == 0
    assert "model: family; lines: family; rows: 12" in out
    assert "tdp_time" in out


@pytest.mark.parametrize(
    "option",
    [
        ("--target", "joy"),
        ("--split", "half"),
        ("--format", "html"),
        ("--pairs", "-1"),
    ],
)
def test_wrong_usage_exits_2(capsys, rows_file, option):
    assert main(["metrics", str(rows_file), *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_picture_shows_every_row_and_is_the_same_every_time(measurements):
    evaluation = exact(measurements)

    svg = metrics_figure(measurements, evaluation, target="energy_j")

    assert svg == metrics_figure(measurements, evaluation, target="energy_j")
    assert "what FLOPs say" in svg
    marks = re.findall(r'<g id="PathCollection_\d+">(.*?)\n   </g>\n', svg, re.DOTALL)
    assert (
        sum(mark.count("<use ") for mark in marks) == 2 * len(measurements) + 2
    )  # legend


def test_the_command_draws(rows_file, model_folder, tmp_path):
    command = ["metrics", str(rows_file), "--model", str(model_folder)]

    assert main([*command, "--figure", str(tmp_path / "zoo.svg")]) == 0
    assert (tmp_path / "zoo.svg").read_text().startswith("<?xml")


def test_a_missing_package_is_named(rows_file, model_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    command = ["metrics", str(rows_file), "--model", str(model_folder)]

    assert main([*command, "--figure", str(tmp_path / "zoo.svg")]) == 4
    assert not (tmp_path / "zoo.svg").exists()
