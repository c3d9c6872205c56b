"""A cluster of hosts that measure side by side, one trial at a time on each.

Of the workers of one host one measures and the others are spare, so that a host has one
course of anchors. What a lost worker had is measured again by another.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dataset_builder.cluster.dask_pool import DaskPool, WorkerLostError
from dataset_builder.cluster.remote import (
    close_remote,
    end_remote,
    introduce,
    measure_remote,
    open_remote,
    this_version,
)
from dataset_builder.cluster.roster import Roster, Stage, Worker
from dataset_builder.cluster.station_process import StationLostError
from dataset_builder.executor import Record, StationJob
from dataset_builder.trial.trials import Outcome
from dataset_builder.trial.worker import TrialOrder
from predictor import __version__
from predictor.errors import MeasurementError, PredictorError, UsageError

POLL_S = 1.0
"""Workers are looked after at least this often."""

LOSSES = 3
"""An order, or a host that never opens, is given up after so many lost workers."""

Environment = Mapping[str, object]


class ClusterExecutor:
    """Measures orders on all hosts of a running Dask cluster.

    Workers may come and go.

    Parameters
    ----------
    pool : DaskPool
        The cluster.
    job : StationJob
        What is measured with.
    admit : callable
        Called with the environment of every host before it measures, the first time
        before the first order is asked for; raises `UsageError` to refuse the host.
    say : callable
        Told of hosts that come, are refused or are lost.
    """

    def __init__(
        self,
        pool: DaskPool,
        job: StationJob,
        admit: Callable[[Environment], None],
        say: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._job = job
        self._admit = admit
        self._say = say
        self._version = this_version()
        self._session = uuid.uuid4().hex
        self._roster = Roster(say)
        self._again: deque[TrialOrder] = deque()
        self._losses: Counter[str] = Counter()
        self._looked_at_s = -POLL_S

    def run(self, orders: Iterator[TrialOrder]) -> Iterator[Record]:
        """Measure orders until there are none, then close every host.

        Parameters
        ----------
        orders : iterator of TrialOrder
            Asked for the next one when a host is free.

        Yields
        ------
        record : Record
            As it arrives.

        Raises
        ------
        UsageError
            If no host is like those that the data set was measured on.
        MeasurementError
            If no host can measure, no worker comes, or the scheduler is lost.
        """
        is_over = False
        while True:
            for worker in self._roster.at("ready"):
                worker.order = (
                    self._again.popleft() if self._again else next(orders, None)
                )
                is_over = worker.order is None
                self._hand_out(worker)
            is_work_left = bool(self._again) or not is_over
            if not is_work_left and not self._roster.at("measuring", "closing"):
                return
            yield from self._greet_and_mourn()
            if is_work_left:
                for worker in self._roster.successors():
                    self._submit(
                        worker, "opening", open_remote, self._session, self._job
                    )
                self._roster.keep_up_hope()
            finished = self._pool.next_finished(POLL_S)
            if finished is not None:
                yield from self._take(*finished)

    def stop(self) -> None:
        """Stop what runs on the cluster for this sweep, and leave it."""
        used = self._roster.at("opening", "ready", "measuring", "closing")
        addresses = [worker.address for worker in used]
        self._pool.close(addresses, end_remote, self._session)

    def _submit(
        self, worker: Worker, stage: Stage, task: Callable[..., Any], *arguments: Any
    ) -> None:
        worker.stage = stage
        worker.ticket = self._pool.submit(worker.address, task, *arguments)

    def _hand_out(self, worker: Worker) -> None:
        if worker.order is None:
            self._submit(worker, "closing", close_remote, self._session)
        else:
            self._submit(
                worker, "measuring", measure_remote, self._session, worker.order
            )

    def _greet_and_mourn(self) -> Iterator[Record]:
        now_s = time.monotonic()
        if now_s - self._looked_at_s < POLL_S:
            return
        self._looked_at_s = now_s
        there = self._pool.workers()
        for address in sorted(set(self._roster.workers) - there):
            yield from self._lose(
                self._roster.workers[address], "the scheduler lost it"
            )
        for address in sorted(there - set(self._roster.workers)):
            worker = self._roster.workers[address] = Worker(address)
            self._submit(worker, "introducing", introduce)

    def _take(self, ticket: str, answer: Any) -> Iterator[Record]:
        worker = self._roster.with_ticket(ticket)
        if worker is None:
            return
        if isinstance(answer, WorkerLostError | StationLostError):
            yield from self._lose(worker, str(answer))
        elif isinstance(answer, PredictorError):
            self._refuse(worker, answer)
        elif isinstance(answer, Exception):
            reason = (str(answer).splitlines() or [""])[0]
            error = MeasurementError(
                f"worker {worker.address} cannot measure ({type(answer).__name__}: "
                f"{reason}); install watt-ahead {__version__} there"
            )
            self._refuse(worker, error)
        elif worker.stage == "introducing":
            self._meet(worker, *answer)
        elif worker.stage == "opening":
            self._welcome(worker, answer)
        else:
            worker.stage = "ready" if worker.stage == "measuring" else "spare"
            worker.order = None
            yield from answer

    def _meet(self, worker: Worker, host: str, version: tuple[str, str]) -> None:
        worker.host = host
        worker.stage = "spare"
        if version != self._version:
            theirs, ours = map("{0[0]} (code {0[1]})".format, (version, self._version))
            error = UsageError(
                f"worker {worker.address} has watt-ahead {theirs}, this is {ours}; "
                "install one version on all hosts"
            )
            self._refuse(worker, error)

    def _welcome(self, worker: Worker, environment: Environment) -> None:
        try:
            self._admit(environment)
        except UsageError as error:
            self._refuse(worker, error)
            self._pool.submit(worker.address, end_remote, self._session)
        else:
            self._roster.admit(worker)
            self._losses.pop(worker.host, None)

    def _refuse(self, worker: Worker, error: PredictorError) -> None:
        if worker.order is not None:
            self._again.append(worker.order)
            worker.order = None
        self._roster.refuse(worker, error)

    def _lose(self, worker: Worker, reason: str) -> Iterator[Record]:
        self._pool.forget(worker.ticket)
        del self._roster.workers[worker.address]
        if worker.stage in ("introducing", "spare", "refused"):
            return
        self._say(f"host {worker.host} lost its worker {worker.address} ({reason})")
        order = worker.order
        if order is None:
            self._losses[worker.host] += worker.stage == "opening"
            if self._losses[worker.host] >= LOSSES:
                error = MeasurementError(
                    f"host {worker.host} lost {LOSSES} workers before it could "
                    "measure; the log of its workers says more"
                )
                self._roster.refuse(worker, error)
            return
        self._losses[order.identity] += 1
        if self._losses[order.identity] < LOSSES:
            self._again.append(order)
        else:
            message = f"{LOSSES} workers were lost with it, the last: {reason}"
            outcome = Outcome(row=None, kind="killed", message=message)
            yield Record(kind="row", host=worker.host, order=order, outcome=outcome)


@contextlib.contextmanager
def open_cluster(
    address: str,
    job: StationJob,
    admit: Callable[[Environment], None],
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[ClusterExecutor]:
    """Measure on a running Dask cluster.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``"tcp://host:8786"``.
    job : StationJob
        What is measured with.
    admit : callable
        Called with the environment of every host before it measures, the first time
        before the first order is asked for; raises `UsageError` to refuse the host.
    say : callable, optional
        Told of hosts that come, are refused or are lost.

    Yields
    ------
    executor : ClusterExecutor
        Ready; at the end of the block no trial of it is left on the cluster.

    Raises
    ------
    MissingExtraError
        If `distributed` is not installed.
    UsageError
        If the address is none.
    MeasurementError
        If no scheduler answers there.
    """
    executor = ClusterExecutor(DaskPool(address), job, admit, say)
    try:
        yield executor
    finally:
        executor.stop()
