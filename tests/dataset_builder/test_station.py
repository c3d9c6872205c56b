"""A host frames its rows by what tells how the host itself did."""

import contextlib
import itertools

import pytest

from dataset_builder.executor import StationJob
from dataset_builder.station import open_station
from dataset_builder.trial.trials import Outcome
from dataset_builder.trial.worker import TrialOrder, selftest_main
from tests.dataset_builder.builders import (
    METER,
    RecordingRunner,
    measured_row,
    tiny_configuration,
)


class GpuRunner(RecordingRunner):
    """Answers as a machine with one GPU would."""

    def __init__(self, home, *, suspicion=None, clocks=(), heat=()):
        super().__init__(home, self._row, anchor=self._row, meter=METER)
        self._suspicion = suspicion
        self._clocks, self._heat = list(clocks), list(heat)

    def _row(self, order):
        row = measured_row(order)
        if self._clocks:
            row["conditions"] = {
                "gpu_clock_mhz": self._clocks.pop(0),
                "gpu_temperature_c": self._heat.pop(0),
            }
        return Outcome(row=row)

    def call(self, target, arguments, *, wall_s):
        if target is selftest_main:
            gpu = {
                "update_s": 0.02,
                "counter_suspect": self._suspicion is not None,
                "suspicion": self._suspicion,
            }
            return "row", {"schema": "selftest/1", "gpus": [gpu]}
        return super().call(target, arguments, wall_s=wall_s)


@pytest.fixture
def measure(tmp_path, monkeypatch):
    """Measure some orders on a host; returns the records."""
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))

    def run(runner, count, device="gpu"):
        job = StationJob(
            backend="jax",
            device=device,
            dataset="d",
            serve=lambda variables: contextlib.nullcontext(runner),
        )
        records = []
        with open_station(job, lambda text: None) as station:
            for number in range(count):
                item = tiny_configuration(number + 1)
                records += station.measure(
                    TrialOrder(
                        item=item,
                        identity=item.identity("gpu/jax"),
                        fields=job.fields("float32"),
                        device=device,
                        limits=None,
                    )
                )
            records += station.close()
        return records

    return run


def test_a_gpu_session_begins_with_a_test_of_its_counter(measure, tmp_path):
    runner = GpuRunner(tmp_path)

    records = measure(runner, 2)

    kinds = [record.kind for record in records]
    assert kinds == ["selftest", "idle", "anchor", "row", "row", "anchor", "idle"]
    assert {order.update_s for order in runner.orders} == {0.02}
    assert all(record.outcome.row["valid"] for record in records[3:5])


def test_rows_of_a_suspect_counter_are_not_valid(measure, tmp_path):
    records = measure(GpuRunner(tmp_path, suspicion="20 % apart"), 1)

    (row,) = (record.outcome.row for record in records if record.kind == "row")
    assert not row["valid"]
    assert "suspect counter: 20 % apart" in row["invalid_reason"]


def test_trials_are_compared_with_clock_and_warmth_of_the_anchors(measure, tmp_path):
    runner = GpuRunner(tmp_path, clocks=[1900, 1800, 1980], heat=[40, 60, 44])

    measure(runner, 1)

    (order,) = runner.orders
    assert order.reference.gpu_clock_mhz == 1900
    assert order.reference.gpu_temperature_c == (40, 40)


def test_a_host_without_a_gpu_tests_no_counter(measure, tmp_path):
    records = measure(RecordingRunner(tmp_path), 1, device="cpu")

    assert "selftest" not in {record.kind for record in records}


def test_a_host_that_measured_nothing_closes_without_a_record(measure, tmp_path):
    assert measure(RecordingRunner(tmp_path), 0, device="cpu") == []


def test_timestamps_are_those_of_the_host_and_do_not_overlap(measure, tmp_path):
    records = measure(RecordingRunner(tmp_path), 20, device="cpu")

    rows = [record.outcome.row for record in records]
    assert [row["started_at"] for row in rows] == sorted(r["started_at"] for r in rows)
    for first, second in itertools.pairwise(rows):
        assert first["ended_at"] <= second["started_at"]
    assert len({row["host"] for row in rows}) == 1
