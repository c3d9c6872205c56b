"""A check argues with numbers, and its verdict follows from them."""

import pytest

from dataset_builder.checking import check_directory, noise_floor
from dataset_builder.configuration import Configuration
from dataset_builder.journal import Journal
from dataset_builder.manifest import make_manifest, store_network, write_manifest
from dataset_builder.settings import TrialLimits
from dataset_builder.worker import TrialOrder
from predictor.errors import InputFileError
from tests.dataset_builder.builders import measured_row, tiny_configuration

PLACE = {
    "hardware": "Chip A",
    "backend": "jax",
    "platform": "cpu/jax/float32",
    "source_dataset": "mine",
}


def order(item: Configuration):
    return TrialOrder(
        item=item,
        identity=item.identity("cpu"),
        fields=PLACE,
        device="cpu",
        limits=TrialLimits(),
        directory=".",
        log="log",
    )


@pytest.fixture
def directory(tmp_path):
    """A data set of ten good rows."""
    plan = {"plan": "default", "seed": 1, "shard": [1, 1]}
    write_manifest(tmp_path, make_manifest(None, {}, rows="runs", plan=plan))
    journal = Journal(tmp_path / "runs.jsonl")
    for units in range(1, 11):
        item = tiny_configuration(units)
        store_network(tmp_path, item.network)
        journal.append(measured_row(order(item)))
    return tmp_path


def add(directory, count=1, **changes):
    journal = Journal(directory / "runs.jsonl")
    for number in range(count):
        item = tiny_configuration(5, batch_size=100 + number)
        journal.append(measured_row(order(item)) | changes)


def problems(directory):
    return " ".join(check_directory(directory).problems)


def test_good_rows_have_no_problem(directory):
    report = check_directory(directory)

    assert report.problems == ()
    assert "10 rows, 10 valid (100.0 %)" in report.lines[0]


def test_an_empty_directory_is_an_error_that_says_how_to_measure(tmp_path):
    with pytest.raises(InputFileError, match="dataset_builder sweep"):
        check_directory(tmp_path)


def test_too_many_invalid_rows_are_a_problem_with_its_cause(directory):
    reason = "3 of 3 windows invalid: foreign load 31.2 % of the machine"
    add(directory, 3, valid=False, invalid_reason=reason)

    assert "76.9 % of the rows are valid" in problems(directory)
    assert "foreign load" in problems(directory)


def test_many_unstable_rows_are_a_problem(directory):
    add(directory, 5, relative_spread=0.3)

    assert "5 of 15 rows are unstable" in problems(directory)


def test_a_configuration_there_twice_is_a_problem(directory):
    add(directory)
    add(directory)

    assert "twice" in problems(directory)


def test_damaged_and_torn_lines_are_problems(directory):
    path = directory / "runs.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"repeat":0', b'"repeat":1', 1) + b"{")

    assert "1 damaged lines (1)" in problems(directory)
    assert "unfinished" in problems(directory)


def test_a_missing_manifest_is_a_problem(directory):
    (directory / "manifest.json").unlink()

    assert "manifest.json is missing" in problems(directory)


def test_a_row_that_no_fit_can_read_is_a_problem(directory):
    add(directory, energy_j=-1.0)

    assert "cannot be read for a fit" in problems(directory)


def test_duplicates_give_a_noise_floor_and_a_large_one_is_a_problem(directory):
    add(directory, id="again", repeat=1, steady_energy_j=20.0)
    add(directory, id="first", steady_energy_j=40.0)

    report = check_directory(directory)
    assert any("66.67 %" in line for line in report.lines)
    assert "differs by 67 % in energy" in " ".join(report.problems)


def test_the_noise_floor_ignores_invalid_rows_and_other_batch_sizes():
    row = {"group": "a", "mode": "training", "steps_measured": 1}
    rows = [
        row | {"batch_size": 1, "steady_energy_j": 1.0},
        row | {"batch_size": 2, "steady_energy_j": 9.0},
        row | {"batch_size": 1, "steady_energy_j": 9.0, "valid": False},
    ]

    assert noise_floor(rows, "steady_energy_j") is None
