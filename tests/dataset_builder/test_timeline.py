"""Time of sweeping goes on while something is measured, and stands still in pauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.store.contents import read_contents
from dataset_builder.store.journal import read_journal
from dataset_builder.store.manifest import read_manifest, write_manifest
from dataset_builder.store.timeline import (
    LONGEST_GAP_S,
    Span,
    SweepClock,
    overlaps,
    sweep_clock,
)
from tests.dataset_builder.synthetic_sets import START_S, SyntheticSet

durations = st.lists(st.floats(0.1, 100.0), min_size=2, max_size=20)


def one_after_another(durations, *, gap_s=0.1, host="h"):
    spans, now_s = [], 0.0
    for duration_s in durations:
        spans.append(
            Span(
                start_s=now_s,
                end_s=now_s + duration_s,
                host=host,
                label="",
                part="runs.jsonl",
                slack_s=0.01,
            )
        )
        now_s += duration_s + gap_s
    return spans


def clock_of(made, name="runs.jsonl"):
    contents = read_contents(made.directory)
    file = next(file for file in contents.files if file.name == name)
    return sweep_clock(contents, file)


@given(durations=durations)
def test_trials_one_after_another_do_not_overlap(durations):
    assert overlaps(one_after_another(durations)) == []


@given(durations=durations, late_s=st.floats(0.02, 0.09))
def test_each_trial_that_begins_too_early_is_found(durations, late_s):
    spans = one_after_another(durations, gap_s=-late_s)

    assert len(overlaps(spans)) == len(durations) - 1


@given(durations=durations)
def test_two_hosts_measure_at_the_same_time(durations):
    spans = one_after_another(durations, host="a") + one_after_another(durations)

    assert overlaps(spans) == []


@given(
    gaps=st.lists(st.floats(1.0, 50.0), min_size=1, max_size=8),
    times=st.lists(st.floats(-10.0, 1000.0), min_size=2, max_size=8),
)
def test_elapsed_time_only_grows_and_ends_at_the_total(gaps, times):
    edges, now_s = [], 0.0
    for gap_s in gaps:
        edges.append((now_s, now_s + 10.0))
        now_s += 10.0 + gap_s
    clock = SweepClock(busy=tuple(edges))

    elapsed = [clock.elapsed_s(time_s) for time_s in sorted(times)]

    assert elapsed == sorted(elapsed)
    assert clock.total_s == pytest.approx(10.0 * len(gaps))
    assert clock.elapsed_s(now_s) == pytest.approx(clock.total_s)


def test_anchors_idle_periods_failures_and_short_gaps_count(tmp_path):
    made = SyntheticSet(tmp_path)
    made.opening()  # 5 s and 7 s, each with 0.2 s behind
    made.trial(2)
    made.failure(3, duration_s=30.0)
    made.trial(4, valid=False, invalid_reason="foreign load")
    made.closing()

    end_s = made.now_s - 0.2
    assert clock_of(made).total_s == pytest.approx(end_s - START_S, abs=0.01)


@pytest.mark.parametrize("pause_s", [LONGEST_GAP_S + 1.0, 3600.0])
def test_pauses_do_not_count(tmp_path, pause_s):
    made = SyntheticSet(tmp_path)
    made.trial(2)
    made.pause(pause_s)
    made.trial(3)

    assert clock_of(made).total_s == pytest.approx(16.0, abs=0.01)


def test_a_row_appended_again_for_drift_is_no_second_trial(tmp_path):
    made = SyntheticSet(tmp_path)
    row = made.trial(2)
    made.append("runs.jsonl", row | {"drift_energy": 1.06})

    assert clock_of(made).total_s == pytest.approx(8.0)


def test_another_files_trials_and_anchors_do_not_count(tmp_path):
    made = SyntheticSet(tmp_path)
    made.anchor()
    made.trial(2)
    made.anchor()  # before a real network: belongs to it
    row = made.trial(3, file="zoo.jsonl")
    manifest = read_manifest(tmp_path)
    write_manifest(tmp_path, manifest | {"zoo": {"net": row["network_sha256"]}})
    made.failure(3, duration_s=60.0)

    assert clock_of(made).total_s == pytest.approx(7.0 + 0.2 + 8.0, abs=0.01)
    zoo = clock_of(made, "zoo.jsonl").total_s
    assert zoo == pytest.approx(7.0 + 0.2 + 8.0 + 0.2 + 60.0, abs=0.01)


def test_with_two_hosts_a_minute_counts_once(tmp_path):
    made = SyntheticSet(tmp_path)
    made.trial(2)
    made.now_s, made.host = START_S + 4.0, "ffff0000"
    made.trial(3)

    assert clock_of(made).total_s == pytest.approx(12.0)


def test_without_the_end_of_a_trial_its_duration_tells(tmp_path):
    made = SyntheticSet(tmp_path)
    row = made.trial(2)
    (tmp_path / "runs.jsonl").unlink()
    row.pop("ended_at")
    made.append("runs.jsonl", row | {"trial_s": 6.0})

    assert clock_of(made).total_s == pytest.approx(6.0)
    assert "ended_at" not in read_journal(tmp_path / "runs.jsonl").rows[0]
