"""A learning curve is made of ordinary fits on whole architectures."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.cli import main
from predictor.dataset import read_measurements
from predictor.errors import DatasetError, UsageError
from predictor.evaluation import CHOSEN, evaluate_model
from predictor.fitting import fit_model
from predictor.learning_curve import learning_curve, trial_duration_s
from predictor.report.learning_curve_table import CSV_COLUMNS, render_curve
from predictor.splits import draw_rows
from tests.predictor import device

TRIAL_S = 90.0


def swept(n, *, seed=0):
    """Return rows without a cold part, which would be half of the fitting."""
    return [
        row | {"cold_energy_j": None, "cold_duration_s": None, "trial_s": TRIAL_S}
        for row in device.rows(n, seed=seed)
    ]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("curve") / "runs.jsonl"
    return read_measurements([device.write_rows(path, swept(14))])


@pytest.fixture(scope="module")
def curve(rows):
    return learning_curve(rows[:20], test=rows, sizes=(60, 2, 5), repeats=1)


def groups(measurements):
    return {item.group for item in measurements}


@given(size=st.integers(1, 80), repeat=st.integers(0, 3), seed=st.integers(0, 9))
def test_whole_architectures_are_drawn_and_no_more_than_needed(
    measurements, size, repeat, seed
):
    drawn = draw_rows(measurements, size, repeat=repeat, seed=seed)

    assert len(drawn) in (size, size + 1)  # two rows each
    assert drawn == [m for m in measurements if m.group in groups(drawn)]
    fewer = draw_rows(measurements, max(1, size // 2), repeat=repeat, seed=seed)
    assert groups(fewer) <= groups(drawn)


def test_the_first_draw_is_the_beginning_of_the_file(measurements):
    assert draw_rows(measurements, 9, repeat=0, seed=5) == measurements[:10]


def test_other_draws_are_other_architectures(measurements):
    draws = [
        frozenset(groups(draw_rows(measurements, 20, repeat=repeat, seed=0)))
        for repeat in range(4)
    ]

    assert len(set(draws)) == 4


def test_a_quarter_of_the_architectures_is_held_out_by_default(rows):
    curve = learning_curve(rows, sizes=(2,), repeats=1)

    assert curve.tested_architectures == 4  # of 14
    assert curve.architectures + curve.tested_architectures == 14
    assert curve.rows + curve.tested_rows == len(rows)


def test_architectures_that_could_be_fitted_are_not_tested(curve, rows):
    assert (curve.rows, curve.tested_rows) == (20, 8)
    with pytest.raises(DatasetError, match="other networks"):
        learning_curve(rows, test=rows)


def test_points_come_by_size_and_repeat(rows):
    points = learning_curve(rows[:20], test=rows, sizes=(60, 2), repeats=2).points

    places = [(point.size, point.repeat) for point in points]
    assert places == [(2, 0), (2, 1), (60, 0), (60, 1)]
    assert [point.rows for point in points] == [2, 2, 20, 20]


def test_what_cannot_be_fitted_says_why(curve):
    small, fitted, large = curve.points

    assert "needs at least" in small.reason
    assert large.reason == "only 20 rows to draw from"
    assert fitted.reason is None
    assert large.errors == small.errors == {}


def test_measuring_time_is_that_of_the_rows(curve):
    assert [point.measuring_s for point in curve.points] == [
        point.rows * TRIAL_S for point in curve.points
    ]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"started_at": "2026-01-01T12:00:00+00:00"},
        {"started_at": "noon", "ended_at": "later"},
        {"started_at": "2026-01-01T12:00:00+00:00", "ended_at": "2026-01-01T12:00:09"},
    ],
)
def test_a_row_that_does_not_say_has_no_time(row):
    assert trial_duration_s(row) is None


@pytest.mark.slow
def test_errors_are_those_of_fit_and_evaluate(curve, rows):
    point = curve.points[1]

    model = fit_model(rows[:6], name="any")

    assert point.chosen == {name: one.chosen for name, one in model.steps.items()}
    expected = evaluate_model(model, rows[20:]).errors()
    for target in ("energy_j", "duration_s"):
        assert point.errors[target] == expected[curve.platform, target, CHOSEN]


def test_rows_of_another_platform_test_nothing(rows, tmp_path):
    other = [row | {"backend": "torch"} for row in swept(3, seed=9)]
    path = device.write_rows(tmp_path / "other.jsonl", other)

    with pytest.raises(DatasetError, match="no row to test on is of made-up device"):
        learning_curve(rows, test=read_measurements([path]))


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"sizes": (0,)}, {"repeats": 0}])
def test_wrong_numbers_are_wrong_usage(rows, wrong):
    with pytest.raises(UsageError, match="must be"):
        learning_curve(rows, **wrong)


def test_the_document_is_json(curve):
    document = json.loads(render_curve(curve, "json"))

    assert document["schema_version"] == 1
    assert [point["rows"] for point in document["points"]] == [2, 6, 20]
    errors = document["points"][1]["errors"]
    assert set(errors) == {"energy_j", "duration_s"}
    assert set(errors["energy_j"]) >= {"median_ape", "mape", "within_20", "worst_ape"}
    assert 0 <= errors["energy_j"]["coverage"] <= 1


def test_the_table_has_a_line_for_each_size_that_was_fitted(curve):
    text = render_curve(curve, "table")

    line = next(line for line in text.splitlines() if line.startswith("5 "))
    assert line.split()[:4] == ["5", "6", "3", "9.0"]
    assert "60 rows: only 20 rows to draw from" in text


def test_the_csv_has_a_line_for_each_fit_and_target(curve):
    rows = list(csv.DictReader(render_curve(curve, "csv").splitlines()))

    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["target"] for row in rows] == [*("", "energy_j", "duration_s", "")]
    assert all(row["reason"] for row in rows if not row["target"])


def test_the_command_tests_on_other_rows(capsys, tmp_path):
    runs = device.write_rows(tmp_path / "runs.jsonl", swept(5))
    zoo = device.write_rows(
        tmp_path / "zoo.jsonl",
        [row | {"group": f"real {row['group']}"} for row in swept(2, seed=9)],
    )
    command = ["learning-curve", str(runs), "--test", str(zoo), "--sizes", "2, 99"]

    status = main(["-v", *command, "--format", "json"])

    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert status == 0
    assert (document["rows"], document["tested_rows"]) == (10, 4)
    assert "fitting 99 rows, repeat 2" in captured.err


@pytest.mark.parametrize(
    "option", [("--sizes", "10,few"), ("--repeats", "0"), ("--format", "html")]
)
def test_wrong_usage_exits_2(capsys, rows_file, option):
    assert main(["learning-curve", str(rows_file), *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_few_rows_err_less_from_a_model_that_knows_more(rows):
    there = fit_model(rows, name="there")

    alone, started = (
        learning_curve(rows[:8], test=rows, sizes=(6,), repeats=1, base=base)
        for base in (None, there)
    )

    errors = [
        curve.points[0].errors["energy_j"].median_ape for curve in (alone, started)
    ]
    assert errors[1] < errors[0]
