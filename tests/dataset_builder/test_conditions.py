"""Disturbances of a window are noticed."""

from dataclasses import replace

import pytest

from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from dataset_builder.trial.conditions import (
    Reference,
    disturbance,
    occupied,
    take_snapshot,
)
from dataset_builder.trial.device_state import GpuWatch
from tests.dataset_builder.builders import snapshot

STAT = """cpu  1000 0 500 90000 100 20 30 40 0 0
cpu0 500 0 250 45000 50 10 15 20 0 0
cpu1 500 0 250 45000 50 10 15 20 0 0
intr 1
"""
START = snapshot(100.0)


def test_the_systems_counters_are_read_in_seconds(tmp_path):
    (tmp_path / "stat").write_text(STAT)

    found = take_snapshot(1.0, proc=tmp_path)

    assert found.cores == 2
    assert found.busy_s == pytest.approx(15.5)
    assert found.steal_s == pytest.approx(0.4)


def test_a_system_without_counters_gives_no_load(tmp_path):
    found = take_snapshot(1.0, proc=tmp_path)

    assert found.busy_s is None
    assert disturbance(found, replace(found, monotonic_s=found.monotonic_s)) is None


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (snapshot(101.0, busy_s=2.0, own_s=2.0), None),
        (snapshot(101.0, busy_s=1.09, own_s=1.0), None),
        (snapshot(101.0, busy_s=1.2, own_s=1.0), "foreign load"),
        (snapshot(101.0, busy_s=2.0, own_s=1.0), "foreign load"),
        (snapshot(101.0, busy_s=1.0, own_s=1.0, steal_s=0.015), None),
        (snapshot(101.0, busy_s=1.0, own_s=1.0, steal_s=0.1), "stolen time"),
        (snapshot(101.0, boot_s=131.0), "suspended"),
        (snapshot(101.0, wall_s=3701.0), "clock was set"),
        (snapshot(101.0, wall_s=-3499.0), "clock was set"),
    ],
)
def test_what_disturbs_a_window_is_named(end, reason):
    found = disturbance(START, end)

    assert (found is None) if reason is None else (reason in found)


def quiet_end(**changes):
    """Return the end of a second in which nothing disturbed."""
    return replace(snapshot(101.0, busy_s=1.0, own_s=1.0), **changes)


def with_gpu(end=False, **changes):
    """Return an edge of that second, with a GPU in some state."""
    (state,) = GpuWatch(FakeNvml(gpus=[FakeGpu()])).read()
    edge = quiet_end() if end else START
    return replace(edge, gpus=(replace(state, **changes),))


def test_a_processor_slowed_down_for_heat_is_named():
    hot = replace(START, throttles=7)

    assert disturbance(hot, quiet_end(throttles=7)) is None
    assert "heat 2 times" in disturbance(hot, quiet_end(throttles=9))


@pytest.mark.parametrize(
    ("at_start", "at_end", "reason"),
    [
        ({}, {}, None),
        ({"throttle": "heat"}, {}, "GPU 0 was slowed down: heat"),
        ({}, {"throttle": "power brake"}, "GPU 0 was slowed down: power brake"),
        ({"throttled_ns": 5}, {"throttled_ns": 5}, None),
        ({"throttled_ns": 5}, {"throttled_ns": 10**9 + 5}, "for heat 1 s"),
        ({}, {"foreign_processes": 1}, "1 other processes on GPU 0"),
        ({"foreign_processes": 2}, {}, "2 other processes on GPU 0"),
        ({"utilisation": 0.9}, {"utilisation": 1.0}, None),
        ({}, {"power_capped": True}, None),
    ],
)
def test_what_disturbs_a_gpu_is_named(at_start, at_end, reason):
    found = disturbance(with_gpu(**at_start), with_gpu(end=True, **at_end))

    assert (found is None) if reason is None else (reason in found)


def test_a_gpu_that_someone_uses_before_the_start_is_occupied():
    assert occupied(START) is None
    assert occupied(with_gpu()) is None
    assert "3 % busy before the start" in occupied(with_gpu(utilisation=0.03))
    assert "other processes" in occupied(with_gpu(foreign_processes=1))


USUAL = Reference(
    cpu_clock_mhz=3000.0,
    gpu_clock_mhz=1980.0,
    cpu_temperature_c=(50.0, 60.0),
    gpu_temperature_c=(30.0, 45.0),
)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ({}, {"cpu_clock_mhz": 2900.0}, None),
        ({}, {"cpu_clock_mhz": 2800.0}, "clock of the processor 93.3 %"),
        ({"cpu_temperature_c": 45.5}, {}, None),
        ({"cpu_temperature_c": 64.5}, {"cpu_temperature_c": 90.0}, None),
        ({"cpu_temperature_c": 66.0}, {}, "the processor at 66 C at the start"),
        ({"cpu_temperature_c": 44.0}, {}, "the processor at 44 C at the start"),
    ],
)
def test_a_processor_unlike_at_the_anchors_is_named(start, end, reason):
    before, after = replace(START, **start), quiet_end(**end)

    found = disturbance(before, after, USUAL)

    assert (found is None) if reason is None else (reason in found)
    assert disturbance(before, after) is None
    assert disturbance(before, after, Reference()) is None


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ({}, {}, None),
        ({}, {"sm_clock_mhz": 1700}, "clock of GPU 0 85.9 %"),
        ({}, {"sm_clock_mhz": 1700, "power_capped": True}, None),
        ({"temperature_c": 51}, {}, "GPU 0 at 51 C"),
    ],
)
def test_a_gpu_unlike_at_the_anchors_is_named(start, end, reason):
    found = disturbance(with_gpu(**start), with_gpu(end=True, **end), USUAL)

    assert (found is None) if reason is None else (reason in found)
