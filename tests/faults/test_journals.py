"""Faults 3, 4 and 16: files of rows that are cut, flipped or long."""

import json
import random
import subprocess
import sys

import pytest

from dataset_builder.cli import main
from dataset_builder.store.journal import Journal, row_checksum
from tests.dataset_builder.synthetic_sets import good_set
from tests.faults.damage import cut_everywhere, flip_everywhere
from tests.faults.sessions import ROOT


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def made(tmp_path):
    return good_set(tmp_path / "set", configurations=4)


def short_lines(tmp_path):
    """Return lines of rows with all kinds of values, short enough to try every byte."""
    journal = Journal(tmp_path / "short.jsonl")
    for number in range(4):
        journal.append(
            {"id": f"{number}", "name": "Größe", "energy_j": 1.5e-7, "windows": [None]}
        )
    return lines_of(journal.path)


def test_a_file_cut_at_any_byte_of_its_last_lines_loses_no_intact_row(tmp_path):
    found = cut_everywhere(short_lines(tmp_path), tmp_path / "runs.jsonl")

    assert found.violations == []
    assert found.injections > 150


def test_a_flipped_bit_in_any_byte_costs_its_own_row_only(made, tmp_path):
    lines = lines_of(made.directory / "runs.jsonl")[:3]

    found = flip_everywhere(lines, tmp_path / "runs.jsonl")

    assert found.violations == []
    assert found.injections > 500


@pytest.mark.parametrize("seed", range(3))
def test_a_check_of_a_file_with_a_flipped_byte_names_its_line_with_status_1(
    made, seed, capsys
):
    path = made.directory / "runs.jsonl"
    lines = lines_of(path)
    source = random.Random(seed)
    number = source.randrange(1, len(lines) - 1)
    row = json.loads(lines[number])
    row["energy_j"] = row["energy_j"] * 1.01
    assert row["checksum"] != row_checksum(row)
    lines[number] = json.dumps(row, separators=(",", ":")).encode() + b"\n"
    path.write_bytes(b"".join(lines))

    assert main(["check", str(made.directory)]) == 1

    out = capsys.readouterr().out
    assert f"1 damaged line ({number + 1})" in " ".join(out.split())


def read_many(count):
    command = [sys.executable, "-m", "tests.faults.many_rows", str(count)]
    found = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, timeout=120
    )
    return json.loads(found.stdout)


@pytest.mark.slow
def test_reading_is_linear_and_bounded_in_the_number_of_rows():
    few, many = read_many(2_000), read_many(10_000)

    for quantity in ("journal_s", "measurements_s"):
        assert many[quantity] / few[quantity] < 8
        assert many[quantity] < 2.0
    assert many["measurements"] == 10_000
    assert many["all_mib"] < 200
