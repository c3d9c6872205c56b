"""Who of a cluster measures, who is spare, and who is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dataset_builder.trial.worker import TrialOrder
from predictor.errors import MeasurementError, PredictorError

GRACE_S = 5.0
"""So long after refusing all workers, others may still come."""

WORKER_WAIT_S = 600.0
"""So long a cluster may be without a worker before a sweep gives up."""

Stage = Literal[
    "introducing", "spare", "opening", "ready", "measuring", "closing", "refused"
]


@dataclass(slots=True)
class Worker:
    """A worker as it is known now.

    Parameters
    ----------
    address : str
        Where it is reached.
    stage : str, default="introducing"
        What it does.
    ticket : str, default=""
        Names the last task it was given.
    host : str, default=""
        Its host; empty until it has said so.
    order : TrialOrder, optional
        What it measures.
    """

    address: str
    stage: Stage = "introducing"
    ticket: str = ""
    host: str = ""
    order: TrialOrder | None = None


class Roster:
    """The workers of a cluster.

    Parameters
    ----------
    say : callable
        Told of refusals, and of waiting.

    Attributes
    ----------
    workers : dict of str to Worker
        By address.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.workers: dict[str, Worker] = {}
        self._say = say
        self._refused: dict[str, PredictorError] = {}
        self._trusted: set[str] = set()
        self._is_waiting = False
        self._hopeful_at_s = time.monotonic()

    def at(self, *stages: Stage) -> list[Worker]:
        """Return the workers at one of some stages.

        Parameters
        ----------
        *stages : str
            Stages.

        Returns
        -------
        workers : list of Worker
            In the order in which they came.
        """
        return [worker for worker in self.workers.values() if worker.stage in stages]

    def with_ticket(self, ticket: str) -> Worker | None:
        """Return the worker whose last task has a name.

        Parameters
        ----------
        ticket : str
            The task's.

        Returns
        -------
        worker : Worker or None
            None where it has another task by now, or is gone.
        """
        found = (w for w in self.workers.values() if w.ticket == ticket)
        return next(found, None)

    def successors(self) -> list[Worker]:
        """Return one spare worker of every host on which none measures.

        Returns
        -------
        workers : list of Worker
            Of different hosts, none of them refused.
        """
        taken = {w.host for w in self.workers.values() if w.stage != "spare"}
        found = {
            worker.host: worker
            for worker in self.at("spare")
            if worker.host not in taken | set(self._refused)
        }
        return list(found.values())

    def admit(self, worker: Worker) -> None:
        """Let a worker measure.

        Parameters
        ----------
        worker : Worker
            Its station is open.
        """
        worker.stage = "ready"
        self._trusted.add(worker.host)
        self._say(f"host {worker.host} measures ({worker.address})")

    def refuse(self, worker: Worker, error: PredictorError) -> None:
        """Let a worker measure nothing more, nor others of its host.

        Parameters
        ----------
        worker : Worker
            The worker.
        error : PredictorError
            Why; raised by `keep_up_hope` where nobody else is left.
        """
        worker.stage = "refused"
        self._refused[worker.host or worker.address] = error
        self._trusted.discard(worker.host)
        self._say(f"refused: {error}")

    def keep_up_hope(self) -> None:
        """Do nothing while somebody may measure still, and raise when waiting is vain.

        Raises
        ------
        UsageError, MeasurementError
            Why all were refused, or that no worker has come.
        """
        now_s = time.monotonic()
        if not all(map(self._is_refused, self.workers.values())):
            self._hopeful_at_s = now_s
            self._is_waiting = False
            return
        without_s = now_s - self._hopeful_at_s
        if self._refused and not self._trusted and without_s > GRACE_S:
            raise next(iter(self._refused.values()))
        if without_s > WORKER_WAIT_S:
            raise MeasurementError(
                f"no worker has come in {WORKER_WAIT_S:.0f} s; start some with "
                "`dask worker` and the address of the scheduler"
            )
        if not self._is_waiting:
            self._is_waiting = True
            self._say("waiting for a worker")

    def _is_refused(self, worker: Worker) -> bool:
        return worker.stage == "refused" or worker.host in self._refused
