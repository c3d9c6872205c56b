"""One host that measures: its lock, its trials, its anchors and its idle power."""

from __future__ import annotations

import contextlib
import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from dataset_builder.executor import Record, StationJob
from dataset_builder.locks import HostLock
from dataset_builder.plan.anchor import anchor_configuration
from dataset_builder.settings import TrialLimits
from dataset_builder.store.drift import REJECTED
from dataset_builder.trial.conditions import Reference
from dataset_builder.trial.environment import describe_environment, environment_sha256
from dataset_builder.trial.trials import TrialRunner, outcome_of
from dataset_builder.trial.worker import (
    TrialOrder,
    describe_main,
    idle_main,
    selftest_main,
)
from predictor.errors import MeasurementError
from predictor.measuring_lock import host_lock_path

ANCHOR_ROWS = 15
ANCHOR_S = 600.0
"""The anchor is measured after this many rows or s, whichever comes first."""

CONFIRMATIONS = 2
"""Anchors measured at once where one looks like drift: it may be one process' luck, and
the median of three tells."""

LEVELS = ("steady_energy_j", "steady_duration_s")

IDLE_S = 30.0
MODELLED_IDLE_S = 5.0
"""Length of an idle period; a model's answer does not get better with time."""

IDLE_EVERY_S = 1800.0
DESCRIBE_LIMIT_S = 120.0
SELFTEST_LIMIT_S = 300.0


class Station:
    """A host's measuring state.

    Rows are measured one at a time under the host's lock. Around them come the records
    that tell what the host itself did meanwhile: its anchor at the start, every 15 rows
    or 10 minutes and at the end; its idle power at the start, every 30 minutes and at
    the end; with a GPU, a self-test of its counter at the start.

    Parameters
    ----------
    job : StationJob
        What is measured with.
    server : TrialRunner
        Runs the trials.
    say : callable
        Told when the lock is waited for.

    Attributes
    ----------
    environment : dict
        Machine, software and meter.

    Raises
    ------
    MeasurementError
        If the meter cannot be made, or reads no counter where one is required.
    """

    def __init__(
        self, job: StationJob, server: TrialRunner, say: Callable[[str], None]
    ) -> None:
        self._job = job
        self._server = server
        self._reference = Reference()
        self._tested = job.device != "gpu"
        self._update_s = 0.1
        self._suspicion: str | None = None
        self._lock = HostLock(host_lock_path(), say)
        self.environment = dict(describe_environment(job.backend, job.device))
        meter = self._meter()
        self.environment["meter"] = meter
        self._idle_s = MODELLED_IDLE_S if meter["source"] == "modelled" else IDLE_S
        self.host = str(self.environment["host"])
        self._points: list[tuple[float, ...]] = []
        self._anchor_at_s = self._idle_at_s = -float("inf")
        self._rows_since_anchor = 0
        self._idle_power_w: float | None = None

    def measure(self, order: TrialOrder) -> Iterator[Record]:
        """Measure one order, after what else is due on this host.

        Parameters
        ----------
        order : TrialOrder
            What is measured.

        Yields
        ------
        record : Record
            Idle and anchor records that were due, then the row's.
        """
        self._lock.acquire()
        if not self._tested:
            yield self._selftest()
        now_s = time.monotonic()
        if now_s - self._idle_at_s > IDLE_EVERY_S:
            yield self._idle()
        overdue = now_s - self._anchor_at_s > ANCHOR_S
        if overdue or self._rows_since_anchor >= ANCHOR_ROWS:
            yield from self._anchors()
        self._rows_since_anchor += 1
        yield self._trial("row", order)

    def close(self) -> Iterator[Record]:
        """Measure what closes the last block, and give the lock back.

        Yields
        ------
        record : Record
            Nothing where no row was measured since the last anchor.
        """
        try:
            if self._rows_since_anchor:
                self._lock.acquire()
                yield from self._anchors()
                yield self._idle()
        finally:
            self.release()

    def release(self) -> None:
        """Give the host's lock back."""
        self._lock.release()

    def _meter(self) -> dict[str, Any]:
        answer = self._server.call(
            describe_main,
            (self._placed(self._anchor_order()),),
            wall_s=DESCRIBE_LIMIT_S,
        )
        if answer[0] != "row":
            raise MeasurementError(f"the meter cannot be made: {answer[2]}")
        meter: dict[str, Any] = answer[1]
        if self._job.require_counter and meter["source"] == "modelled":
            raise MeasurementError(
                "no energy counter can be read here, and --require-counter was given; "
                "`predictor doctor` says how to make one readable, or leave it out"
            )
        return meter

    def _anchor_order(self) -> TrialOrder:
        item = anchor_configuration()
        platform = f"{self._job.platform}/{item.dtype}"
        return TrialOrder(
            item=item,
            identity=item.identity(platform),
            fields=self._job.fields(item.dtype),
            device=self._job.device,
            limits=TrialLimits(),
        )

    def _anchors(self) -> Iterator[Record]:
        order, point = self._anchor_order(), _now()
        found: list[tuple[float, ...]] = []
        for _ in range(1 + CONFIRMATIONS):
            record = self._trial("anchor", order, point=point)
            yield record
            row = record.outcome.row
            if row is None or not row["valid"]:
                continue
            self._compare(row.get("conditions", {}))
            found.append(tuple(row[name] / row["steps_measured"] for name in LEVELS))
            if len(found) == 1 and self._is_usual(found[0]):
                break
        if found:
            self._points.append(_medians(found))
            self._rows_since_anchor, self._anchor_at_s = 0, time.monotonic()

    def _compare(self, conditions: Mapping[str, float]) -> None:
        # Later windows are compared with the anchors: a GPU's clock and temperature.
        # A processor's change with the load by design.
        clock = conditions.get("gpu_clock_mhz")
        warmth = conditions.get("gpu_temperature_c")
        before = self._reference
        if clock is not None:
            usual = max(clock, before.gpu_clock_mhz or clock)
            self._reference = replace(self._reference, gpu_clock_mhz=usual)
        if warmth is not None:
            low, high = before.gpu_temperature_c or (warmth, warmth)
            band = min(low, warmth), max(high, warmth)
            self._reference = replace(self._reference, gpu_temperature_c=band)

    def _is_usual(self, level: tuple[float, ...]) -> bool:
        usual = _medians(self._points) if self._points else level
        return all(
            abs(value / other - 1.0) <= REJECTED
            for value, other in zip(level, usual, strict=True)
        )

    def _selftest(self) -> Record:
        order, started_at = self._placed(self._anchor_order()), _now()
        start_s = time.monotonic()
        answer = self._server.call(selftest_main, (order,), wall_s=SELFTEST_LIMIT_S)
        outcome = outcome_of(answer, time.monotonic() - start_s)
        if outcome.row is not None:
            row = outcome.row | self._stamp(started_at)
            row["id"] = _unique(self.host, started_at)
            gpus = row["gpus"]
            periods = [gpu["update_s"] for gpu in gpus if gpu["update_s"]]
            self._update_s = max(periods, default=self._update_s)
            doubts = [gpu["suspicion"] for gpu in gpus if gpu["counter_suspect"]]
            self._suspicion = f"suspect counter: {doubts[0]}" if doubts else None
            outcome = replace(outcome, row=row)
        self._tested = True
        return Record(kind="selftest", host=self.host, order=order, outcome=outcome)

    def _idle(self) -> Record:
        order, started_at = self._placed(self._anchor_order()), _now()
        start_s = time.monotonic()
        answer = self._server.call(
            idle_main, (order, self._idle_s), wall_s=self._idle_s + DESCRIBE_LIMIT_S
        )
        outcome = outcome_of(answer, time.monotonic() - start_s)
        self._idle_at_s = time.monotonic()
        if outcome.row is not None:
            identity = _unique(self.host, started_at)
            row = outcome.row | self._stamp(started_at) | {"id": identity}
            if row["valid"]:
                self._idle_power_w = row["idle_power_w"]
            outcome = replace(outcome, row=row)
        return Record(kind="idle", host=self.host, order=order, outcome=outcome)

    def _trial(
        self,
        kind: Literal["row", "anchor"],
        order: TrialOrder,
        *,
        point: str | None = None,
    ) -> Record:
        started_at = _now()
        outcome = self._server.run(self._placed(order))
        if outcome.row is not None:
            row = outcome.row | self._stamp(started_at)
            row["idle_power_w"] = self._idle_power_w
            if self._suspicion is not None:
                row |= {"valid": False, "invalid_reason": self._suspicion}
            if kind == "anchor":
                row |= {"id": _unique(self.host, started_at), "point": point}
            outcome = replace(outcome, row=row)
        return Record(kind=kind, host=self.host, order=order, outcome=outcome)

    def _placed(self, order: TrialOrder) -> TrialOrder:
        return replace(
            order,
            reference=self._reference,
            update_s=self._update_s,
            directory=str(self._server.home),
            log=str(self._server.log),
        )

    def _stamp(self, started_at: str) -> dict[str, object]:
        return {
            "started_at": started_at,
            "ended_at": _now(),
            "hardware": self.environment["hardware"],
            "threads": self.environment["threads"],
            "host": self.host,
            "environment": environment_sha256(self.environment)[:16],
        }


class LocalExecutor:
    """Measures orders one after another on this host.

    Parameters
    ----------
    station : Station
        This host.
    """

    def __init__(self, station: Station) -> None:
        self._station = station

    def run(self, orders: Iterator[TrialOrder]) -> Iterator[Record]:
        """Measure orders until there are none, then close.

        Parameters
        ----------
        orders : iterator of TrialOrder
            Asked for the next one when the last one is measured.

        Yields
        ------
        record : Record
            As it is measured.
        """
        for order in orders:
            yield from self._station.measure(order)
        yield from self._station.close()


@contextlib.contextmanager
def open_station(job: StationJob, say: Callable[[str], None]) -> Iterator[Station]:
    """Start measuring on this host.

    Parameters
    ----------
    job : StationJob
        What is measured with.
    say : callable
        Told when the lock is waited for.

    Yields
    ------
    station : Station
        Ready to measure; its trial server ends with the block.

    Raises
    ------
    MeasurementError
        If trials cannot be started, the meter cannot be made, or it reads no counter
        where one is required.
    """
    with job.serve(job.variables) as server:
        station = Station(job, server, say)
        try:
            yield station
        finally:
            station.release()


def _medians(levels: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(statistics.median(values) for values in zip(*levels, strict=True))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _unique(host: str, started_at: str) -> str:
    return hashlib.sha256(f"{host} {started_at}".encode()).hexdigest()[:16]
