"""Rows are checked on reading."""

import gzip
import json

import pytest

from predictor.dataset import read_measurements, row_checksum
from predictor.errors import DatasetError, InputFileError
from predictor.metrics import noise_floor
from predictor.workload import Workload
from tests.predictor import device

WORK = Workload(batch_size=8, samples=80, epochs=2)


def good(**fields):
    return device.row(device.mlp(4, 3), WORK, group="a", family="dense", **fields)


def test_a_row_becomes_a_measurement(tmp_path):
    row = good()
    path = device.write_rows(tmp_path / "runs.jsonl", [row])

    (item,) = read_measurements([path])

    assert item.workload == WORK
    assert item.network.params == 15
    assert item.platform.energy_source == "measured"
    assert item.step("energy_j") * 20 + row["cold_energy_j"] == pytest.approx(
        row["energy_j"]
    )


def test_packed_files_and_stored_networks_are_read(tmp_path):
    from predictor.readers import read_network

    description = device.mlp(4, 3)
    digest = read_network(description).sha256
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / f"{digest}.json").write_text(json.dumps(description))
    row = good(network_sha256=digest)
    del row["network"]
    path = tmp_path / "runs.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row).encode()))

    (item,) = read_measurements([path])

    assert item.network.params == 15


def test_rows_marked_invalid_are_left_out(tmp_path):
    path = device.write_rows(tmp_path / "r.jsonl", [good(), good(valid=False)])

    assert len(read_measurements([path])) == 1
    assert len(read_measurements([path], keep_invalid=True)) == 2


def test_of_rows_with_one_id_the_last_counts(tmp_path):
    rows = [good(id="a"), good(id="b"), good(id="a", valid=False), good(id="b")]
    rows[-1]["energy_j"] *= 2
    path = device.write_rows(tmp_path / "r.jsonl", rows)

    (item,) = read_measurements([path])

    assert item.energy_j == rows[-1]["energy_j"]


def test_a_row_that_was_altered_is_refused_by_its_line(tmp_path):
    row = good()
    intact = row | {"checksum": row_checksum(row)}
    altered = intact | {"energy_j": 2 * row["energy_j"]}
    path = device.write_rows(tmp_path / "r.jsonl", [intact, altered])

    with pytest.raises(DatasetError, match="line 2: the row was altered"):
        read_measurements([path])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("energy_j", 0),
        ("energy_j", -1.0),
        ("energy_j", float("nan")),
        ("energy_j", float("inf")),
        ("energy_j", "12"),
        ("energy_j", True),
        ("energy_j", None),
        ("duration_s", 0),
        ("cold_energy_j", 1e30),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("mode", "dreaming"),
        ("source", "guess"),
        ("schema", "measurement/9"),
        ("group", ""),
        ("optimizer", "magic"),
        ("network", {"class_name": "Sequential"}),
        ("network", 5),
        ("network_sha256", "../../etc/passwd"),
    ],
)
def test_a_bad_field_is_named_with_its_line(tmp_path, field, value):
    row = good()
    if field == "network_sha256":
        del row["network"]
    path = device.write_rows(tmp_path / "runs.jsonl", [good(), {**row, field: value}])

    with pytest.raises(DatasetError, match="line 2"):
        read_measurements([path])


def test_a_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(good()) + "\n{broken\n")

    with pytest.raises(DatasetError, match="line 2"):
        read_measurements([path])


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputFileError, match="no such file"):
        read_measurements([tmp_path / "none.jsonl"])


def test_the_same_configuration_twice_gives_the_noise_floor(tmp_path):
    first = good()
    second = {**first, "energy_j": first["energy_j"] * 1.1}
    items = read_measurements(
        [device.write_rows(tmp_path / "r.jsonl", [first, second])]
    )

    assert noise_floor(items[:1]) is None
    one, other = (item.step("energy_j") for item in items)
    assert noise_floor(items) == pytest.approx(2 * (other - one) / (other + one))
