"""The command behind the README's table of published sets, on made-up ones."""

import gzip

import pytest

from tests.benchmarks import external
from tests.predictor import device


@pytest.mark.slow
def test_the_benchmark_judges_what_is_in_a_directory(tmp_path, capsys):
    made = device.write_rows(tmp_path / "made.jsonl", device.rows(10)).read_bytes()
    for name in external.PEN:
        (tmp_path / name).write_bytes(gzip.compress(made))

    status = external.main([str(tmp_path), "--only", "PEN"])
    captured = capsys.readouterr()

    assert status == 0
    assert "PEN without recurrent nets, by network" in captured.out
    assert "asked 12.00%" in captured.err


def test_without_the_sets_there_is_nothing_to_judge(tmp_path, capsys):
    assert external.main([str(tmp_path / "absent")]) == 0
    assert "nothing to judge" in capsys.readouterr().err
