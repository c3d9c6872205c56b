"""The environment is described, and disturbances of a window are noticed."""

from dataclasses import replace

import pytest

from dataset_builder.environment import (
    describe_environment,
    disturbance,
    environment_sha256,
    hardware_name,
    host_hash,
    take_snapshot,
)
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


def test_the_hardware_says_how_many_cores():
    assert "core" in hardware_name("cpu")


def test_the_same_environment_has_the_same_hash_and_any_change_another():
    environment = describe_environment("jax", "cpu")

    same = describe_environment("jax", "cpu")
    other = {**environment, "threads": 99}
    assert environment_sha256(environment) == environment_sha256(same)
    assert environment_sha256(environment) != environment_sha256(other)


def test_a_host_is_told_apart_without_being_named():
    import socket

    assert host_hash() == host_hash()
    assert socket.gethostname() not in host_hash()
