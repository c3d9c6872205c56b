"""The noise floor says how much one configuration differs between two processes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.store.noise import noise_floor
from predictor import metrics
from predictor.dataset import read_measurements
from tests.dataset_builder.synthetic_sets import SyntheticSet

differences = st.lists(st.floats(0.0, 0.5), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def measurement(tmp_path_factory):
    made = SyntheticSet(tmp_path_factory.mktemp("noise"))
    made.trial(4, step_s=0.01)
    return read_measurements([made.directory / "runs.jsonl"])[0]


def scaled(measurement, name, factor):
    """Return the measurement of another network that takes `factor` times as much."""
    quantities = ("energy_j", "duration_s", "cold_energy_j", "cold_duration_s")
    changes = {key: getattr(measurement, key) * factor for key in quantities}
    return replace(measurement, group=name, **changes)


def pairs(measurement, values, *, step=1.0):
    """Return one configuration for each value, measured twice that far apart."""
    return [
        scaled(measurement, f"net{number}", step * factor)
        for number, value in enumerate(values)
        for factor in (1.0 - value / 2, 1.0 + value / 2)
    ]


@given(values=differences)
def test_it_is_the_number_that_evaluate_prints(measurement, values):
    rows = pairs(measurement, values)

    found = noise_floor(rows).all_steps["energy_j"]

    assert found.median == metrics.noise_floor(rows)
    assert found.pairs == len(values)
    assert found.largest == pytest.approx(max(values))
    assert found.median <= found.ninth_decile * (1 + 1e-9) <= found.largest * (1 + 1e-6)


@given(values=differences, factor=st.floats(0.01, 100.0))
def test_it_depends_neither_on_size_nor_on_order(measurement, values, factor):
    rows = pairs(measurement, values)
    other = pairs(measurement, values, step=factor)[::-1]

    one, two = (noise_floor(part).all_steps["duration_s"] for part in (rows, other))
    assert two.median == pytest.approx(one.median)
    assert two.largest == pytest.approx(one.largest)


def test_short_steps_and_long_ones_are_told_apart(measurement):
    short = pairs(measurement, [0.3], step=0.01)
    long = [replace(item, group="long") for item in pairs(measurement, [0.1])]

    found = noise_floor(short + long)

    assert found.short_steps["energy_j"].median == pytest.approx(0.3)
    assert found.long_steps["energy_j"].median == pytest.approx(0.1)
    assert found.all_steps["energy_j"].pairs == 2


def test_what_is_there_once_has_no_floor(measurement):
    found = noise_floor([measurement])

    assert found.all_steps == {}
    assert not found.known


def test_a_third_process_is_compared_with_the_second(measurement):
    rows = [scaled(measurement, "one", factor) for factor in (1.0, 1.1, 1.1)]

    found = noise_floor(rows)

    assert found.duplicated == 1
    assert found.all_steps["energy_j"].pairs == 2
    assert found.all_steps["energy_j"].median == pytest.approx(0.1 / 1.05 / 2)


def test_other_work_or_another_platform_is_no_repeat(measurement):
    work = replace(measurement.workload, batch_size=64)
    place = replace(measurement.platform, hardware="Chip B")
    rows = [
        measurement,
        replace(measurement, workload=work),
        replace(measurement, platform=place),
    ]

    assert noise_floor(rows).duplicated == 0


@pytest.mark.parametrize(
    ("configurations", "duplicated", "known"),
    [(100, 9, False), (100, 10, True), (400, 19, False), (400, 20, True), (5, 5, True)],
)
def test_ten_and_a_twentieth_must_be_there_twice(
    measurement, configurations, duplicated, known
):
    rows = [scaled(measurement, f"net{n}", 1.0) for n in range(configurations)]
    rows += rows[:duplicated]

    assert noise_floor(rows).known is known
