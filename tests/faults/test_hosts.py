"""Fault 9: sweeps that meet, in one directory or on one host."""

from itertools import pairwise

import pytest

from dataset_builder.store.drift import seconds
from tests.faults.sessions import Place, wait_until

pytestmark = pytest.mark.slow
pytest.importorskip("jax")


@pytest.fixture
def place(tmp_path):
    with Place(tmp_path / "place") as made:
        yield made
        assert made.left_after(5.0) == []


def test_a_second_sweep_of_a_directory_is_refused_at_once_and_names_the_first(place):
    first = place.start("--runs", "1", faults={"0": "hang"})
    wait_until(place.begun, first)

    second = place.sweep("--runs", "1")

    first.kill()
    first.end()
    assert second.status == 2
    assert f"process {first.process.pid}" in second.err
    assert "tests.faults.sweeper" in second.err
    assert second.err.count("\n") == 1
    assert place.sweep("--runs", "1").status == 0


def spans(place, name):
    return [
        (seconds(row["started_at"]), seconds(row["ended_at"]), name)
        for file in ("runs.jsonl", "anchors.jsonl")
        for row in place.journal(name, file).rows
    ]


def test_sweeps_of_one_host_take_turns_and_a_killed_one_frees_its_turn(place):
    settings = {"turn_s": 0.05, "trial_s": 0.05}
    first = place.start("--runs", "200", name="first", **settings)
    second = place.start("--runs", "12", name="second", **settings)
    wait_until(lambda: len(place.journal("second").rows) >= 6, second)
    first.kill()
    killed = first.end()
    ended = second.end()

    assert killed.status == -9
    assert ended.status == 0, ended.err
    assert place.settled("second") == 12
    ordered = sorted(spans(place, "first") + spans(place, "second"))
    for (_, ended_s, _), (started_s, _, _) in pairwise(ordered):
        assert ended_s <= started_s
    names = [name for _, _, name in ordered]
    turns = sum(one != other for one, other in pairwise(names))
    assert turns >= 3
