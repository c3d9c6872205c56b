"""Exit statuses and streams of the command line."""

import csv
import json
import os
import subprocess
import sys

import pytest

from predictor import __version__
from predictor.cli import main
from tests.predictor import device


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def estimate(capsys, network_file, model_folder):
    def answer(*arguments, file=network_file):
        return run(capsys, "estimate", file, "--model", model_folder, *arguments)

    return answer


def test_an_estimate_is_on_stdout_and_nothing_on_stderr(estimate):
    status, out, err = estimate()

    assert status == 0
    assert "energy" in out
    assert err == ""


def test_json_on_stdout_parses_at_any_verbosity(capsys, network_file, model_folder):
    command = ("-v", "estimate", network_file, "--model", model_folder)
    status, out, err = run(capsys, *command, "--format", "json")

    assert status == 0
    assert json.loads(out)["schema_version"] == 1
    assert "model read from" in err


def test_csv_parses(estimate):
    _, out, _ = estimate("--format", "csv", "--price", "0.3")

    rows = list(csv.DictReader(out.splitlines()))
    assert {row["quantity"] for row in rows} >= {"energy_j", "cost", "duration_s"}
    assert all(
        float(row["lower"]) <= float(row["estimate"]) <= float(row["upper"])
        for row in rows
    )


def test_a_table_fits_eighty_columns(estimate, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    _, out, _ = estimate()

    assert max(map(len, out.splitlines())) <= 80


def test_the_answer_goes_to_a_file_when_asked(estimate, tmp_path):
    status, out, _ = estimate("--format", "json", "-o", tmp_path / "answer.json")

    assert (status, out) == (0, "")
    assert json.loads((tmp_path / "answer.json").read_text())["energy_j"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--epochs", "two"),
        ("--batch-size", "-1"),
        ("--mode", "dreaming"),
        ("--optimizer", "magic"),
        ("--dtype", "float4"),
        ("--pue", "0.5"),
        ("--confidence", "1.5"),
        ("--region", "ATLANTIS"),
        ("--carbon-intensity", "-3"),
        ("--price", "nan"),
        ("--format", "pdf"),
        ("--budget-on", "hope"),
        ("--max-kwh", "-1"),
        ("--max-cost", "1"),
        ("--colour", "red"),
    ],
)
def test_wrong_usage_exits_2_with_one_sentence(estimate, arguments):
    status, out, err = estimate(*arguments)

    assert status == 2
    assert out == ""
    assert "error:" in err
    assert "Traceback" not in err


def test_a_missing_argument_is_wrong_usage(capsys):
    assert run(capsys, "estimate")[0] == 2
    assert run(capsys, "dance")[0] == 2


@pytest.mark.parametrize(
    ("option", "limit"),
    [("--max-kwh", "0"), ("--max-gco2e", "0"), ("--max-hours", "0")],
)
def test_over_budget_exits_3_and_still_answers(estimate, option, limit):
    status, out, err = estimate(option, limit)

    assert status == 3
    assert "energy" in out
    assert "exceeds the budget" in err


def test_within_budget_exits_0(estimate):
    assert estimate("--max-kwh", "1e9", "--price", "1", "--max-cost", "1e9")[0] == 0


def test_the_upper_bound_can_break_a_budget_that_the_estimate_keeps(estimate):
    document = json.loads(estimate("--format", "json")[1])["energy_kwh"]
    limit = (document["estimate"] + document["upper"]) / 2

    assert estimate("--max-kwh", limit)[0] == 0
    assert estimate("--max-kwh", limit, "--budget-on", "upper")[0] == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.json", b""),
        ("broken.json", b'{"class_name": "Sequential", "config"'),
        ("other.json", b'{"hello": "world"}'),
        ("list.json", b"[]"),
        ("binary.json", bytes(range(256))),
        ("broken.keras", b"PK\x03\x04 nothing"),
        ("nan.json", b'{"class_name": NaN}'),
    ],
)
def test_an_unreadable_network_exits_4(estimate, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)

    status, out, err = estimate(file=path)

    assert status == 4
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_missing_file_and_a_folder_exit_4(estimate, tmp_path):
    assert estimate(file=tmp_path / "none.json")[0] == 4
    assert estimate(file=tmp_path)[0] == 4


def test_an_unsupported_layer_exits_4_and_is_named(estimate, tmp_path):
    network = device.mlp(4, 3)
    network["config"]["layers"].append(
        {"class_name": "Teleport", "config": {"name": "t"}}
    )
    path = tmp_path / "net.json"
    path.write_text(json.dumps(network))

    status, _, err = estimate(file=path)

    assert status == 4
    assert "Teleport" in err


def test_a_missing_model_exits_4(capsys, network_file, tmp_path):
    status, _, err = run(capsys, "estimate", network_file, "--model", tmp_path / "none")

    assert status == 4
    assert "predictor fit" in err


def test_strict_exits_5_outside_the_fitted_range(estimate, tmp_path):
    path = tmp_path / "huge.json"
    path.write_text(json.dumps(device.mlp(50_000, 40_000, 40_000)))

    assert estimate(file=path)[0] == 0
    assert estimate("--strict", file=path)[0] == 5


def test_fit_writes_a_model_that_estimates(capsys, tmp_path, network_file):
    made = device.write_rows(tmp_path / "runs.jsonl", device.rows(12))

    status, out, _ = run(capsys, "fit", made, "-o", tmp_path / "m")

    assert status == 0
    assert "median error" in out
    assert run(capsys, "estimate", network_file, "--model", tmp_path / "m")[0] == 0


def test_fit_keeps_platforms_apart(capsys, tmp_path):
    made = device.rows(18)
    other = [{**row, "dtype": "bfloat16"} for row in made[:30]]
    few = [{**row, "backend": "torch"} for row in made[:3]]
    path = device.write_rows(tmp_path / "runs.jsonl", made + other + few)

    status, _, err = run(capsys, "fit", path, "-o", tmp_path / "m")

    assert status == 0
    assert {folder.name for folder in tmp_path.glob("m*")} == {
        "m",
        "m-jax-bfloat16-wall",
    }
    assert "left out: 3 rows" in err


@pytest.mark.parametrize("kept", [0, 3])
def test_too_few_rows_exit_4(capsys, tmp_path, kept):
    path = device.write_rows(tmp_path / "runs.jsonl", device.rows(4)[:kept])

    assert run(capsys, "fit", path, "-o", tmp_path / "m")[0] == 4
    assert not (tmp_path / "m").exists()


def test_a_constant_target_is_refused(capsys, tmp_path):
    made = [
        {**row, "energy_j": 5.0, "cold_energy_j": None, "batch_size": 8, "samples": 8}
        for row in device.rows(10)
    ]
    path = device.write_rows(tmp_path / "runs.jsonl", made)

    status, _, err = run(capsys, "fit", path, "-o", tmp_path / "m")

    assert status == 4
    assert "constant" in err


def test_evaluate_prints_every_regressor(capsys, rows_file, model_folder, tmp_path):
    csv_file = tmp_path / "predictions.csv"
    command = ("evaluate", rows_file, "--model", model_folder, "--format", "json")

    status, out, _ = run(capsys, *command, "--predictions", csv_file)

    assert status == 0
    document = json.loads(out)
    names = {result["regressor"] for result in document["results"]}
    assert names >= {"chosen", "hybrid", "physical", "boosting", "neuralpower"}
    assert names >= {"mean", "flops", "params", "macs+params", "tdp_time"}
    assert {result["target"] for result in document["results"]} == {
        "energy_j",
        "duration_s",
    }
    lines = list(csv.DictReader(csv_file.read_text().splitlines()))
    assert len(lines) == sum(result["n"] for result in document["results"])


def test_evaluate_as_a_table(capsys, rows_file, model_folder):
    status, out, _ = run(capsys, "evaluate", rows_file, "--model", model_folder)

    assert status == 0
    assert "chosen" in out
    assert "MAPE" in out


def test_a_bad_row_exits_4_and_is_named(capsys, tmp_path):
    path = device.write_rows(
        tmp_path / "r.jsonl", [{**device.rows(1)[0], "energy_j": 0}]
    )

    status, _, err = run(capsys, "evaluate", path)

    assert status == 4
    assert "line 1" in err
    assert "energy_j" in err


def test_version_and_help(capsys):
    assert run(capsys, "--version")[:2] == (0, f"predictor {__version__}\n")
    for command in ("estimate", "fit", "evaluate", "metrics", "learning-curve"):
        status, out, _ = run(capsys, command, "--help")

        assert status == 0
        assert "Example" in out


HEAVY = {"codecarbon", "joblib", "keras", "pandas", "scipy", "sklearn", "torch", "jax"}


def test_an_estimate_imports_no_framework_and_opens_no_socket(
    network_file, model_folder
):
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('socket opened')\n"
        "socket.socket = refuse\n"
        "from predictor.cli import main\n"
        f"status = main(['estimate', {str(network_file)!r}, '--model', "
        f"{str(model_folder)!r}])\n"
        "print({name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
        "sys.exit(status)"
    )

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert not HEAVY & {name.strip("{}', ") for name in process.stderr.split()}


@pytest.mark.parametrize("module", ["predictor", "predictor.cli", "predictor.errors"])
def test_importing_is_cheap(module):
    code = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"

    process = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert not (HEAVY | {"numpy"}) & set(process.stdout.split())


def test_a_name_the_terminal_cannot_show_is_no_error(tmp_path, model_folder):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(device.mlp(4, 3, name="Größe")), encoding="utf-8")

    process = subprocess.run(
        [
            *(sys.executable, "-m", "predictor", "estimate", str(path)),
            *("--model", str(model_folder)),
        ],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert process.returncode == 0
    assert "Gr\\xf6" in process.stdout


def test_a_closed_pipe_is_no_error(network_file, model_folder):
    reader, writer = os.pipe()
    os.close(reader)

    process = subprocess.run(
        [
            *(sys.executable, "-m", "predictor", "estimate", str(network_file)),
            *("--model", str(model_folder), "--format", "json"),
        ],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert process.returncode == 0
    assert process.stderr == ""


def test_a_folder_is_refused_in_one_plain_sentence(estimate, tmp_path):
    _, _, err = estimate(file=tmp_path)

    assert err.count("cannot read") == 1
    assert "not a regular file" in err
