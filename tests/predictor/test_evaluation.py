"""The error table is made on rows that were not fitted."""

import pytest

from predictor.dataset import read_measurements
from predictor.evaluation import CHOSEN, evaluate
from predictor.regressors import BASELINES, CANDIDATES
from predictor.regressors.baselines import BASELINE_COLUMNS
from predictor.regressors.blend import BLEND
from tests.predictor import device


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    made = device.rows(8)
    other = [{**row, "backend": "torch"} for row in made]
    path = tmp_path_factory.mktemp("evaluation") / "runs.jsonl"
    rows = read_measurements([device.write_rows(path, made + other)])
    return evaluate(rows, split="family")  # two families: two folds


def test_every_row_is_predicted_once_by_each_regressor(evaluation):
    for name in (CHOSEN, BLEND, *CANDIDATES, *BASELINES):
        for target in ("energy_j", "duration_s"):
            rows = [
                item.row
                for item in evaluation.predictions
                if (item.regressor, item.target) == (name, target)
            ]

            assert sorted(rows) == list(range(evaluation.rows))


def test_platforms_are_fitted_apart_and_pooled(evaluation):
    counts = {
        result["platform"]: result["n"]
        for result in evaluation.results()
        if (result["regressor"], result["target"]) == (CHOSEN, "energy_j")
    }

    assert len(counts) == 3
    assert counts["all"] == sum(n for name, n in counts.items() if name != "all")


def test_the_choice_is_one_of_the_candidates_in_each_fold(evaluation):
    by_row = {}
    for item in evaluation.predictions:
        by_row.setdefault((item.row, item.target), {})[item.regressor] = item.predicted

    for predicted in by_row.values():
        assert predicted[CHOSEN] in [predicted[name] for name in (BLEND, *CANDIDATES)]


def test_the_document_is_complete(evaluation):
    document = evaluation.to_dict()

    assert list(document) == [
        "schema_version",
        "split",
        "noise_floor",
        "rows",
        "results",
    ]
    for result in document["results"]:
        assert set(result) >= {
            *("regressor", "target", "mape", "median_ape", "within_20", "worst_ape"),
            *("spearman", "r2", "coverage", "n"),
        }


def test_a_model_that_knows_the_device_beats_every_simple_metric(evaluation):
    errors = {
        result["regressor"]: result["median_ape"]
        for result in evaluation.results()
        if (result["platform"], result["target"]) == ("all", "energy_j")
    }

    assert errors[CHOSEN] < min(errors[name] for name in BASELINE_COLUMNS)
