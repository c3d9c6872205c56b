"""A sweep writes rows as they come, goes on where it stopped, and refuses mixtures."""

import contextlib
import json

import pytest

from dataset_builder.journal import read_journal
from dataset_builder.sweep import SweepOptions, run_sweep
from dataset_builder.trials import Outcome
from predictor.errors import MeasurementError, UsageError
from tests.dataset_builder.builders import RecordingRunner, measured_row


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))
    pytest.importorskip("jax")


@pytest.fixture
def sweep(tmp_path):
    """Sweep without trials: returns the summary, and the runner that was asked."""

    def run(answer=None, **options):
        runner = RecordingRunner(tmp_path, answer)
        chosen = SweepOptions(directory=tmp_path / "data", **{"runs": 5, **options})
        said = []
        summary = run_sweep(
            chosen,
            say=said.append,
            serve=lambda variables: contextlib.nullcontext(runner),
        )
        return summary, runner, said

    return run


def stored(tmp_path, name="runs.jsonl"):
    return read_journal(tmp_path / "data" / name)


def test_every_row_is_on_disk_with_its_network_and_origin(sweep, tmp_path):
    summary, _, said = sweep()

    content = stored(tmp_path)
    assert (summary.measured, summary.valid, summary.failed) == (5, 5, 0)
    assert len(content.rows) == len(said) == 5
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

    summary, _, said = sweep(answer)

    failures = stored(tmp_path, "failures.jsonl").rows
    assert summary.failed == len(failures) > 0
    assert summary.measured + summary.failed == 5
    assert {row["kind"] for row in failures} == {"oom"}
    assert any("FAILED oom" in line for line in said)


def test_failed_trials_are_tried_again_only_when_asked(sweep):
    def fail(order):
        return Outcome(row=None, kind="killed", message="SIGSEGV")

    _, first, _ = sweep(fail, runs=2)
    _, second, _ = sweep(runs=2)
    _, third, _ = sweep(runs=2, retry_failed=True)

    failed = {order.identity for order in first.orders}
    assert not failed & {order.identity for order in second.orders}
    assert {order.identity for order in third.orders} == failed


def test_invalid_rows_are_kept_and_counted(sweep, tmp_path):
    summary, _, said = sweep(
        lambda order: Outcome(row=measured_row(order, valid=False))
    )

    assert (summary.measured, summary.valid) == (5, 0)
    assert len(stored(tmp_path).rows) == 5
    assert "INVALID" in said[0]


def test_invalid_rows_are_measured_again_only_when_asked(sweep, tmp_path):
    _, first, _ = sweep(
        lambda order: Outcome(row=measured_row(order, valid=False)), runs=2
    )
    _, second, _ = sweep(runs=2)
    _, third, _ = sweep(runs=2, retry_failed=True)
    summary, _, _ = sweep(runs=1, retry_failed=True)

    identities = [[order.identity for order in run.orders] for run in (first, third)]
    assert identities[0] == identities[1]
    assert not {order.identity for order in second.orders} & set(identities[0])
    assert summary.skipped == 4


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

    _, _, said = sweep(runs=1)

    assert "set aside" in said[0]
    assert len(stored(tmp_path).rows) == 3


def test_the_environment_of_every_row_is_in_the_manifest(sweep, tmp_path):
    sweep(runs=1)

    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    row = stored(tmp_path).rows[0]
    assert manifest["environment_sha256"].startswith(row["environment"])
    assert manifest["environment"]["packages"]["keras"]
    assert manifest["plans"]["runs"]["seed"] == 1
