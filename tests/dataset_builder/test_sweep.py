"""A sweep writes rows as they come, goes on where it stopped, and refuses mixtures."""

import contextlib
import json
from dataclasses import replace

import pytest

from dataset_builder.store.journal import latest_rows, read_journal
from dataset_builder.sweep import SweepOptions, run_sweep
from dataset_builder.trial.trials import Outcome
from predictor.errors import MeasurementError, UsageError
from tests.dataset_builder.builders import METER, RecordingRunner, measured_row


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))
    pytest.importorskip("jax")


class Listener:
    """Remembers what it is told."""

    def __init__(self):
        self.said, self.trials, self.summaries = [], [], []

    def say(self, text):
        self.said.append(text)

    def trial(self, text, summary):
        self.trials.append(text)
        self.summaries.append(summary)


@pytest.fixture
def sweep(tmp_path):
    """Sweep without trials: returns the summary, and the runner that was asked."""

    def run(answer=None, *, anchor=None, meter=METER, **options):
        runner = RecordingRunner(tmp_path, answer, anchor=anchor, meter=meter)
        chosen = SweepOptions(directory=tmp_path / "data", **{"runs": 5, **options})
        listener = Listener()
        summary = run_sweep(
            chosen,
            progress=listener,
            serve=lambda variables: contextlib.nullcontext(runner),
        )
        return summary, runner, listener

    return run


def stored(tmp_path, name="runs.jsonl"):
    return read_journal(tmp_path / "data" / name)


def test_every_row_is_on_disk_with_its_network_and_origin(sweep, tmp_path):
    summary, _, listener = sweep()

    content = stored(tmp_path)
    assert (summary.measured, summary.valid, summary.failed) == (5, 5, 0)
    assert len(content.rows) == len(listener.trials) == 5
    for row in content.rows:
        network = tmp_path / "data" / "networks" / f"{row['network_sha256']}.json"
        assert json.loads(network.read_text())["class_name"] == "Functional"
        assert row["source_dataset"] == "data"
        assert row["platform"].startswith("cpu/jax/")


def test_a_second_run_goes_on_without_repeating_anything(sweep, tmp_path):
    sweep()
    summary, _, _ = sweep()

    ids = [row["id"] for row in stored(tmp_path).rows]
    assert summary.skipped == 5
    assert len(ids) == len(set(ids)) == 10


def test_two_short_runs_measure_what_one_long_run_does(sweep, tmp_path):
    _, first, _ = sweep(runs=3)
    _, second, _ = sweep(runs=4)

    identities = [order.identity for order in first.orders + second.orders]
    rows = [row["id"] for row in stored(tmp_path).rows]
    assert identities == rows


def test_failed_trials_are_recorded_and_the_sweep_goes_on(sweep, tmp_path):
    def answer(order):
        if order.item.mode == "training":
            return Outcome(row=None, kind="oom", message="out of memory")
        return Outcome(row=measured_row(order))

    summary, _, listener = sweep(answer)

    failures = stored(tmp_path, "failures.jsonl").rows
    assert summary.failed == len(failures) > 0
    assert summary.measured + summary.failed == 5
    assert {row["kind"] for row in failures} == {"oom"}
    assert any("FAILED oom" in line for line in listener.trials)


def test_failed_trials_are_tried_again_only_when_asked(sweep):
    def fail(order):
        return Outcome(row=None, kind="killed", message="SIGSEGV")

    _, first, _ = sweep(fail, runs=2)
    _, second, _ = sweep(runs=2)
    _, third, _ = sweep(runs=2, retry_failed=True)

    failed = {order.identity for order in first.orders}
    assert not failed & {order.identity for order in second.orders}
    assert {order.identity for order in third.orders} == failed


def invalid(order):
    return Outcome(row=measured_row(order, valid=False))


def test_invalid_rows_are_kept_and_measured_three_times(sweep, tmp_path):
    summary, runner, listener = sweep(invalid, runs=2)

    rows = stored(tmp_path).rows
    assert (summary.measured, summary.valid) == (6, 0)
    assert sorted(row["attempt"] for row in rows) == [1, 1, 2, 2, 3, 3]
    assert len({row["id"] for row in rows}) == 2
    assert [order.attempt for order in runner.orders] == [r["attempt"] for r in rows]
    assert "INVALID" in listener.trials[0]


def test_a_row_that_becomes_valid_is_not_measured_again(sweep, tmp_path):
    def answer(order):
        return Outcome(row=measured_row(order, valid=order.attempt == 2))

    summary, _, _ = sweep(answer, runs=8)

    latest = latest_rows(stored(tmp_path).rows)
    assert len(latest) == summary.valid == 8
    assert summary.measured == 16
    assert all(row["valid"] for row in latest)


def test_attempts_are_counted_over_interrupted_sweeps(sweep, tmp_path):
    def once(order):
        if stored(tmp_path).rows:
            raise KeyboardInterrupt
        return invalid(order)

    sweep(once)
    sweep(invalid, runs=1)
    sweep(invalid, runs=1)
    sweep(runs=1, retry_failed=True)

    first = stored(tmp_path).rows[0]["id"]
    attempts = [row["attempt"] for row in stored(tmp_path).rows if row["id"] == first]
    assert attempts == [1, 2, 3, 4]


def test_an_interrupt_ends_the_sweep_with_all_rows_so_far(sweep, tmp_path):
    def answer(order):
        if len(stored(tmp_path).rows) == 2:
            raise KeyboardInterrupt
        return Outcome(row=measured_row(order))

    summary, _, _ = sweep(answer)

    assert summary.interrupted
    assert len(stored(tmp_path).rows) == 2


def test_shards_share_nothing_and_make_up_the_whole(sweep, tmp_path):
    orders = []
    for part in (1, 2, 3):
        _, runner, _ = sweep(runs=4, shard=(part, 3), force_resume=True)
        orders.append([order.identity for order in runner.orders])
    with contextlib.suppress(FileNotFoundError):
        (tmp_path / "data" / "runs.jsonl").unlink()
    _, whole, _ = sweep(runs=12, force_resume=True)

    merged = [identity for group in zip(*orders, strict=True) for identity in group]
    assert merged == [order.identity for order in whole.orders]


def test_another_seed_in_the_same_directory_is_refused(sweep):
    sweep(runs=1)

    with pytest.raises(UsageError, match="seed was 1, is 2"):
        sweep(seed=2)


def test_a_required_counter_that_is_missing_stops_the_sweep(sweep, tmp_path):
    with pytest.raises(MeasurementError, match="counter"):
        sweep(require_counter=True)

    assert stored(tmp_path).rows == ()
    summary, _, _ = sweep(require_counter=True, meter={**METER, "source": "rapl"})
    assert summary.valid == 5


def test_a_sweep_that_has_no_time_left_measures_nothing(sweep):
    summary, runner, _ = sweep(runs=None, minutes=1e-9)

    assert summary.measured == 0
    assert runner.orders == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"plan": "everything"}, "--plan must be one of"),
        ({"minutes": 0.0, "runs": None}, "above 0"),
        ({"runs": 0}, "at least 1"),
        ({"minutes": 1.0}, "not both"),
        ({"shard": (4, 3)}, "1 <= i <= n"),
        ({"shard": (0, 3)}, "1 <= i <= n"),
        ({"backend": "theano"}, "--backend must be one of"),
        ({"device": "tpu"}, "--device must be"),
    ],
)
def test_options_out_of_range_are_refused_by_name(sweep, options, words):
    with pytest.raises(UsageError, match=words):
        sweep(**options)


def test_a_torn_last_line_is_mended_and_said(sweep, tmp_path):
    sweep(runs=2)
    with (tmp_path / "data" / "runs.jsonl").open("ab") as stream:
        stream.write(b'{"id": "half')

    _, _, listener = sweep(runs=1)

    assert "set aside" in listener.said[0]
    assert len(stored(tmp_path).rows) == 3


def test_the_environment_of_every_row_is_in_the_manifest(sweep, tmp_path):
    sweep(runs=1)

    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    row = stored(tmp_path).rows[0]
    assert manifest["environment_sha256"].startswith(row["environment"])
    assert manifest["environment"]["packages"]["keras"]
    assert manifest["plans"]["runs"]["seed"] == 1


def test_anchors_and_idle_power_frame_every_sweep(sweep, tmp_path):
    _, runner, _ = sweep(runs=40)

    anchors = stored(tmp_path, "anchors.jsonl").rows
    assert len(anchors) == runner.anchors == 4  # before 0, 15 and 30 rows; at the end
    assert len({row["id"] for row in anchors}) == 4
    assert len(stored(tmp_path, "idle.jsonl").rows) == runner.idles == 2
    assert {row["idle_power_w"] for row in stored(tmp_path).rows} == {20.0}
    times = [row["started_at"] for row in stored(tmp_path).rows]
    assert anchors[0]["started_at"] <= times[0]
    assert anchors[-1]["started_at"] >= times[-1]


def drifting(*levels):
    waiting = list(levels)

    def anchor(order):
        level = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return Outcome(row=measured_row(order, energy_j=20.0 * level))

    return anchor


def test_rows_of_a_drifting_block_are_corrected_and_keep_their_raw_values(
    sweep, tmp_path
):
    _, _, listener = sweep(anchor=drifting(1.0, 1.0, 1.0, 1.0, 1.08), runs=60)

    rows = stored(tmp_path).rows
    corrected = rows[60:]
    assert len(corrected) == 15
    assert "15 rows corrected" in listener.said[0]
    assert {row["id"] for row in corrected} == {row["id"] for row in rows[45:60]}
    for row in corrected:
        assert row["raw_energy_j"] == 21.0
        assert row["energy_j"] == pytest.approx(21.0 / row["drift_energy"], rel=1e-4)
        assert 1.0 <= row["drift_energy"] <= 1.08
        assert row["drift_duration"] == 1.0
        assert row["duration_s"] == row["raw_duration_s"]
    assert min(row["energy_j"] for row in corrected) < 20.0


def test_rows_of_blocks_that_drifted_far_are_measured_again(sweep, tmp_path):
    # One anchor point is far off, and stays so when it is confirmed.
    levels = [1.0] * 4 + [1.4] * 3 + [1.0]
    _, runner, _ = sweep(anchor=drifting(*levels), runs=75)

    rows = stored(tmp_path).rows
    rejected = [row for row in rows if "drift of 40.0 %" in str(row["invalid_reason"])]
    again = [row for row in rows if row["attempt"] == 2]
    assert len(rejected) >= 30
    assert {row["id"] for row in again} == {row["id"] for row in rejected}
    assert len({order.identity for order in runner.orders}) == 75


def test_anchors_that_always_scatter_are_noise_and_correct_nothing(sweep, tmp_path):
    _, _, listener = sweep(anchor=drifting(1.0, 1.08, 1.0, 1.08, 1.0), runs=60)

    assert len(stored(tmp_path).rows) == 60
    assert listener.said == []


def test_an_anchor_that_only_seems_to_drift_is_measured_twice_more(sweep, tmp_path):
    _, runner, _ = sweep(anchor=drifting(1.0, 1.4, 1.0, 1.0))

    anchors = stored(tmp_path, "anchors.jsonl").rows
    assert runner.anchors == len(anchors) == 4
    assert len({row["point"] for row in anchors}) == 2
    assert not any("drift_energy" in row for row in stored(tmp_path).rows)


def test_again_measures_valid_configurations_in_another_order_as_repeats(
    sweep, tmp_path
):
    sweep(runs=12)
    summary, runner, _ = sweep(plan="again", runs=None, minutes=9.0)

    rows = stored(tmp_path).rows
    first = [row["group"] for row in rows[:12] if row["repeat"] == 0]
    second = [row["group"] for row in rows[12:]]
    assert summary.valid == len(second) == len(first)
    assert sorted(first) == sorted(second) != first
    assert {order.item.repeat for order in runner.orders} == {1}


def test_again_goes_on_where_it_stopped_and_then_measures_a_third_time(sweep, tmp_path):
    sweep(runs=6)
    wanted = {row["group"] for row in stored(tmp_path).rows if row["repeat"] == 0}

    sweep(plan="again", runs=2)
    rest, _, _ = sweep(plan="again", runs=None, minutes=9.0)
    assert rest.valid == len(stored(tmp_path).rows) - 6 - 2
    third, runner, _ = sweep(plan="again", runs=None, minutes=9.0)

    assert third.valid == len(runner.orders)
    assert {order.item.repeat for order in runner.orders} == {2}
    assert {order.item.group for order in runner.orders} == wanted


def test_again_begins_with_what_is_known_least_precisely(sweep, tmp_path):
    def noisy_training(order):
        spread = 0.2 if order.item.mode == "training" else 0.01
        return Outcome(row=measured_row(order) | {"relative_spread": spread})

    sweep(noisy_training, runs=12)
    _, runner, _ = sweep(plan="again", runs=None, minutes=9.0)

    modes = [order.item.mode for order in runner.orders]
    assert modes == sorted(modes, reverse=True)
    assert set(modes) == {"training", "inference"}


def test_again_repeats_rows_of_other_plans_whatever_epochs_their_windows_took(
    sweep, tmp_path
):
    def long_windows(order):
        return Outcome(row=measured_row(order) | {"epochs": 8})

    sweep(long_windows, runs=6, seed=7)
    before = stored(tmp_path).rows
    _, runner, _ = sweep(
        plan="again", runs=None, minutes=9.0, seed=8, force_resume=True
    )

    first = {row["id"] for row in before if row["repeat"] == 0}
    again = {
        replace(order.item, repeat=0).identity(order.fields["platform"])
        for order in runner.orders
    }
    assert again == first
