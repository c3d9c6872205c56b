"""Faults 10 and 11: another process computes; a clock is set or stands still."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from dataset_builder.meters.readings import cpu_time_s
from dataset_builder.sweep import ATTEMPTS
from dataset_builder.trial.conditions import FOREIGN_SHARE, take_snapshot
from dataset_builder.trial.protocol import WINDOWS, run_trial
from predictor.dataset import read_measurements
from predictor.errors import DatasetError
from tests.faults.sessions import Place
from tests.faults.trial import BusyJob, LoadModelMeter

BUSY_PROCESSES = math.ceil(2 * FOREIGN_SHARE * (os.cpu_count() or 1))
"""One, on machines of up to ten cores; one is below the limit of far larger ones."""


@pytest.fixture
def place(tmp_path):
    with Place(tmp_path / "place") as made:
        yield made
        assert made.left_after(5.0) == []


@pytest.fixture
def foreign_load():
    """Other processes compute while this holds."""
    command = [sys.executable, "-c", "while True: pass"]
    started = []

    def start():
        started.extend(subprocess.Popen(command) for _ in range(BUSY_PROCESSES))

    yield start
    for process in started:
        process.kill()
        process.wait()


def fitted(path):
    try:
        return {item.row["id"] for item in read_measurements([path])}
    except DatasetError:  # not one valid row
        return set()


@pytest.mark.slow
def test_with_a_foreign_busy_core_all_windows_are_marked_and_none_is_fitted(
    place, foreign_load
):
    pytest.importorskip("jax")
    quiet = place.sweep("--runs", "1", busy=True)
    before = place.journal().rows
    foreign_load()
    loaded = place.sweep("--runs", "1", busy=True)

    contaminated = [row for row in place.journal().rows if row not in before]
    assert (quiet.status, loaded.status) == (0, 0)
    assert [row["attempt"] for row in contaminated[-ATTEMPTS:]] == [1, 2, 3]
    for row in contaminated:
        assert not row["valid"]
        assert "foreign load" in row["invalid_reason"]
        assert all("foreign load" in window["reason"] for window in row["windows"])
    assert not {row["id"] for row in contaminated} & fitted(place.data() / "runs.jsonl")
    assert "INVALID: 3 of 3 windows invalid: foreign load" in loaded.err


@pytest.mark.slow
def test_with_a_foreign_busy_core_real_windows_are_told_from_undisturbed_ones(
    foreign_load,
):
    foreign_load()
    result = run_trial(BusyJob(), LoadModelMeter(), window_s=0.1, warmup_limit_s=0.3)

    reasons = [window.reason for window in result.windows]
    assert all("foreign load" in str(reason) for reason in reasons)
    assert result.invalid_reason is not None


def faked(changes):
    """Take real snapshots in which a clock is changed from some call on."""
    calls = 0

    def snapshot():
        nonlocal calls
        calls += 1
        found = replace(take_snapshot(cpu_time_s()), busy_s=None)
        changed = {
            name: getattr(found, name) + by_s
            for name, (call, by_s) in changes.items()
            if call <= calls
        }
        return replace(found, **changed)

    return snapshot


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wall_s": (6, -3600.0)}, "the clock was set"),
        ({"wall_s": (6, 3600.0)}, "the clock was set"),
        ({"boot_s": (6, 30.0), "wall_s": (6, 30.0)}, "the machine was suspended"),
    ],
)
def test_a_window_in_which_a_clock_is_changed_is_repeated(changes, reason):
    # Snapshots 1 and 2 frame the cold call, 3 and 4 the first window, and so on.
    result = run_trial(
        BusyJob(),
        LoadModelMeter(),
        window_s=0.05,
        warmup_limit_s=0.3,
        snapshot=faked(changes),
    )

    reasons = [window.reason for window in result.windows]
    assert reasons[1] == reason
    assert [one for one in reasons if one is None] == [None] * (len(reasons) - 1)
    assert len(reasons) > WINDOWS
    assert result.invalid_reason is None
    for window in result.windows:
        assert 0 < window.reading.duration_s < 5.0
        assert window.reading.energy_j > 0
