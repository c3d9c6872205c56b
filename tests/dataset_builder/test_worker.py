"""A real sweep of real networks, killed and resumed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataset_builder.store.journal import read_journal
from dataset_builder.trial.worker import failure_kind
from predictor.dataset import read_measurements

pytest.importorskip("codecarbon")
pytest.importorskip("jax")


def command(directory, *options):
    return [
        sys.executable,
        "-m",
        "dataset_builder",
        "sweep",
        "--out",
        str(directory),
        "--plan",
        "calibrate",
        *options,
    ]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A data set whose sweep was killed after its first row and started again."""
    base = tmp_path_factory.mktemp("sweep")
    directory = base / "data"
    hostile = base / ".codecarbon.config"
    hostile.write_text("[codecarbon]\nforce_cpu_power = 90000\npue = 7\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.getcwd(),
        "WATT_AHEAD_LOCK": str(base / "lock"),
    }
    first = subprocess.Popen(
        command(directory, "--runs", "9"),
        cwd=base,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while not read_journal(directory / "runs.jsonl").rows:
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1.0)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = read_journal(directory / "runs.jsonl").rows
    second = subprocess.run(
        command(directory, "--runs", "1"),
        check=True,
        cwd=base,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    return directory, before, second


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_no_row_is_lost_or_there_twice(swept):
    directory, before, second = swept

    rows = read_journal(directory / "runs.jsonl").rows
    attempts = [(row["id"], row["attempt"]) for row in rows]
    assert rows[: len(before)] == before
    assert len(attempts) == len(set(attempts))
    assert len(rows) > len(before)  # a new one, or on a busy machine a new attempt
    assert "done before" in second.stdout


@pytest.mark.slow
def test_anchors_and_idle_power_are_measured_beside_the_rows(swept):
    directory = swept[0]

    anchors = read_journal(directory / "anchors.jsonl").rows
    idle = read_journal(directory / "idle.jsonl").rows
    assert len(anchors) >= 3  # at the start of both sweeps, and at the second's end
    assert {row["name"] for row in anchors} == {"anchor"}
    assert all(row["idle_power_w"] > 0 for row in idle)
    for row in read_journal(directory / "runs.jsonl").rows:
        assert row["idle_power_w"] in {None, *(item["idle_power_w"] for item in idle)}
        assert 0 <= row["metering_share"] < 0.1


@pytest.mark.slow
def test_nothing_of_a_sweep_stays_alive(swept):
    lock = str(swept[0].parent / "lock").encode()

    left = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if lock in (process / "environ").read_bytes():
                left.append(process.name)
    assert left == []


@pytest.mark.slow
def test_rows_are_readable_and_whole(swept):
    directory = swept[0]

    read_measurements([directory / "runs.jsonl"], keep_invalid=True)
    for row in read_journal(directory / "runs.jsonl").rows:
        parts = row["cpu_energy_j"] + row["ram_energy_j"] + (row["gpu_energy_j"] or 0)
        steps = row["samples"] * row["epochs"] // row["batch_size"]
        windows = row["windows"]
        assert row["energy_j"] == pytest.approx(parts, rel=1e-6)
        assert row["energy_j"] == pytest.approx(
            row["steady_energy_j"] + row["cold_energy_j"], rel=1e-6
        )
        assert row["duration_s"] == pytest.approx(
            row["steady_duration_s"] + row["cold_duration_s"], rel=1e-6
        )
        assert row["steps_measured"] == steps
        assert row["cold_energy_j"] > 0
        assert len(windows) >= 3
        assert row["source"] in ("modelled", "rapl", "nvml", "nvml+rapl")


@pytest.mark.slow
def test_a_hostile_configuration_in_the_working_directory_has_no_effect(swept):
    directory = swept[0]

    for row in read_journal(directory / "runs.jsonl").rows:
        assert row["energy_j"] / row["duration_s"] < 2000


@pytest.mark.slow
def test_the_manifest_tells_the_machine_and_its_versions(swept):
    manifest = json.loads((swept[0] / "manifest.json").read_text())

    assert manifest["environment"]["packages"].keys() >= {"jax", "keras", "codecarbon"}
    assert manifest["environment"]["threads"] >= 1
    assert manifest["plans"]["runs"]["plan"] == "calibrate"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
)
def test_out_of_memory_is_told_apart_on_every_backend(error):
    assert failure_kind(error) == "oom"
    assert failure_kind(ValueError("shape")) == "ValueError"
