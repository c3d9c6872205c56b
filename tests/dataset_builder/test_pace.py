"""The pace of a sweep says what a fit is worth after some minutes."""

import json

import pytest

from dataset_builder.pace import pace
from predictor.dataset import read_measurements
from predictor.errors import DatasetError, InputFileError
from predictor.evaluation import evaluate_model
from predictor.fitting import fit_model
from tests.dataset_builder.synthetic_sets import SyntheticSet
from tests.predictor import device

TRIAL_S = 9.8  # with the gap behind it, a row every ten seconds


def write(made, rows, name):
    for number, row in enumerate(rows):
        made.append(
            name,
            row
            | made.timed(TRIAL_S)
            | {
                "id": f"{name}{number}",
                "windows": [{"duration_s": 2.0, "valid": True}],
                "cold_valid": False,  # half as much to fit
            },
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = SyntheticSet(tmp_path_factory.mktemp("pace"))
    write(made, device.rows(18), "runs.jsonl")
    made.pause(5000.0)
    write(made, device.rows(4, seed=9), "zoo.jsonl")
    return made


@pytest.fixture(scope="module")
def fits():
    """The rows and the model of every fit of `report`."""
    return []


@pytest.fixture(scope="module")
def report(made, fits):
    def fit(rows, **options):
        fits.append((rows, fit_model(rows, **options)))
        return fits[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataset_builder.pace.fit_model", fit)
        return pace(made.directory, (0.5, None, 30.0))


def test_time_windows_and_rows_are_counted_without_pauses(report):
    assert report.rows == 36
    assert report.swept_s == pytest.approx(36 * 10.0 - 0.2)
    assert report.window_share == pytest.approx(2.0 / 10.0, rel=1e-2)
    assert report.rows_per_hour == pytest.approx(360.0, rel=1e-2)
    assert report.judged_rows == 8


def test_rows_count_from_the_end_of_their_trial(report):
    early, whole, _ = report.points

    assert early.rows == 3
    assert early.reason == "too few rows"
    assert whole.rows == 36


def test_more_minutes_than_were_swept_are_no_fit(report):
    late = report.points[2]

    assert late.reason == "swept for 6.0 min only"
    assert late.errors == {}


def test_the_errors_are_those_of_fit_and_evaluate(made, report, fits):
    runs, zoo = (
        read_measurements([made.directory / name])
        for name in ("runs.jsonl", "zoo.jsonl")
    )
    rows, model = fits[-1]
    assert [item.row for item in rows] == [item.row for item in runs]
    expected = {
        (result["target"], result["regressor"]): result
        for result in evaluate_model(model, zoo).results()
    }

    whole = report.points[1]

    for target in ("energy_j", "duration_s"):
        assert whole.chosen[target] == model.steps[target].chosen
        for name in ("chosen", "flops", "params"):
            found, wanted = whole.errors[target][name], expected[target, name]
            assert found.median_ape == pytest.approx(wanted["median_ape"])
            assert found.coverage == wanted["coverage"]


def test_text_is_narrow_and_the_document_is_json(report):
    assert all(len(line) <= 80 for line in report.to_text().splitlines())
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert document["schema_version"] == 1
    assert [point["minutes"] for point in document["points"]] == [0.5, None, 30.0]
    assert set(document["points"][1]["errors"]["energy_j"]) == {
        "chosen",
        "flops",
        "params",
    }


def test_the_platform_with_most_rows_is_fitted(tmp_path):
    made = SyntheticSet(tmp_path)
    strange = [row | {"dtype": "bfloat16"} for row in device.rows(1)]
    write(made, strange + device.rows(2), "runs.jsonl")
    write(made, device.rows(1), "zoo.jsonl")

    assert pace(tmp_path, (None,)).points[0].rows == 4


def test_a_set_without_real_networks_says_how_to_measure_them(tmp_path):
    write(SyntheticSet(tmp_path), device.rows(1), "runs.jsonl")

    with pytest.raises(InputFileError, match="--plan zoo"):
        pace(tmp_path)


def test_rows_without_a_time_have_no_pace(tmp_path):
    made = SyntheticSet(tmp_path)
    for name in ("runs.jsonl", "zoo.jsonl"):
        for number, row in enumerate(device.rows(1)):
            made.append(name, row | {"id": str(number)})

    with pytest.raises(DatasetError, match="does not say when"):
        pace(tmp_path)
