"""Data sets of one platform that were measured at different levels."""

import json

import pytest

from predictor.dataset import read_measurements
from predictor.fitting import fit_model
from predictor.levels import FEWEST_COMMON, level_factors, levelled
from predictor.report.fit_summary import render_fit
from tests.predictor import device


def slower(row, factor, **fields):
    """Return a row as it would be on a day when everything takes longer."""
    scaled = {
        name: row[name] * factor
        for name in ("energy_j", "duration_s", "cold_energy_j", "cold_duration_s")
    }
    return row | scaled | {"source_dataset": "busy day"} | fields


@pytest.fixture
def days(tmp_path):
    """Read a quiet day and a busy one; ``shared`` of its networks are the same."""

    def of(factor, shared):
        quiet = device.rows(FEWEST_COMMON, noise=0.01)
        other = device.rows(FEWEST_COMMON, seed=1, noise=0.01)
        busy = [slower(row, factor) for row in quiet[:shared]]
        busy += [slower(row, factor, group=f"new {row['group']}") for row in other]
        paths = []
        for name, rows in (("quiet", quiet), ("busy", busy)):
            paths.append(str(device.write_rows(tmp_path / f"{name}.jsonl", rows)))
        return read_measurements(paths)

    return of


def test_a_busy_day_comes_to_the_level_of_the_first(days):
    measurements = days(1.3, FEWEST_COMMON)
    levels = level_factors(measurements)
    (found,) = levels.values()
    quiet, busy = measurements[0], measurements[2 * FEWEST_COMMON]
    brought = levelled(measurements, levels)

    assert found["busy day"]["energy_j"] == pytest.approx(1.3)
    assert found["busy day"]["duration_s"] == pytest.approx(1.3)
    assert brought[0] == quiet
    assert brought[2 * FEWEST_COMMON].energy_j == pytest.approx(busy.energy_j / 1.3)
    assert brought[2 * FEWEST_COMMON].row == busy.row


def test_days_that_share_too_little_stay_as_they_are(days):
    measurements = days(1.3, FEWEST_COMMON - 1)

    assert levelled(measurements, level_factors(measurements)) == measurements


def test_a_fit_says_what_it_divided_by(days, tmp_path):
    model = fit_model(days(2.0, FEWEST_COMMON), name="both")
    text = render_fit(model, tmp_path)

    assert model.levels["busy day"]["energy_j"] == pytest.approx(2.0)
    assert "rows of busy day divided by energy_j 2.000" in text
    assert json.dumps(model.levels)
