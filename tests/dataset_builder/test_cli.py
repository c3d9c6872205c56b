"""The command line ends with the status that its outcome has."""

import importlib.util

import pytest

from dataset_builder.cli import main


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "-h"], ["--version"]])
def test_help_and_version_end_well(arguments, capsys):
    assert main(arguments) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["sweep"],
        ["sweep", "--out", "x", "--plan", "unknown"],
        ["sweep", "--out", "x", "--shard", "3"],
        ["sweep", "--out", "x", "--shard", "4/3"],
        ["sweep", "--out", "x", "--minutes", "0"],
        ["sweep", "--out", "x", "--backend", "theano"],
        ["sweep", "--out", "x", "--device", "tpu"],
        ["measure"],
    ],
)
def test_wrong_usage_is_status_2_and_one_line(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main(arguments) == 2
    assert "error" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_backend_that_is_not_installed_is_status_4_with_its_cure(
    capsys, tmp_path, monkeypatch
):
    if importlib.util.find_spec("tensorflow"):
        pytest.skip("tensorflow is installed")

    status = main(["sweep", "--out", str(tmp_path / "x"), "--backend", "tensorflow"])

    assert status == 4
    assert "pip install tensorflow" in capsys.readouterr().err


def test_a_directory_that_cannot_be_made_is_status_4(capsys, tmp_path):
    pytest.importorskip("jax")
    (tmp_path / "file").write_text("")

    assert main(["sweep", "--out", str(tmp_path / "file" / "x")]) == 4
    assert "cannot be made" in capsys.readouterr().err


def test_checking_nothing_is_status_4(capsys, tmp_path):
    assert main(["check", str(tmp_path)]) == 4
    assert "no" in capsys.readouterr().err


def test_checking_a_bad_data_set_is_status_1(capsys, tmp_path):
    (tmp_path / "runs.jsonl").write_text("{}\n")

    assert main(["check", str(tmp_path)]) == 1
    assert "not good" in capsys.readouterr().out
