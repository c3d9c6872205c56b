"""The workers of a running Dask cluster, and functions run on one of them by name."""

from __future__ import annotations

import contextlib
import pickle
import queue
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from predictor.errors import MeasurementError, MissingExtraError, UsageError

CONNECT_S = 5.0

CLOSE_S = 1.0

FETCH_S = 60.0
"""Fetching a finished result takes no longer, or its worker was lost with it."""


class WorkerLostError(Exception):
    """A task has no result because its worker, or what it ran in there, ended."""


class DaskPool:
    """A connection to a scheduler.

    Tasks are bound to one worker and never moved: what is measured where is decided by
    who asks, not by the scheduler.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``"tcp://host:8786"``.

    Raises
    ------
    MissingExtraError
        If `distributed` is not installed.
    UsageError
        If the address is none.
    MeasurementError
        If no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = _connect(address)
        self._futures: dict[str, Any] = {}
        self._finished: queue.SimpleQueue[str] = queue.SimpleQueue()

    def workers(self) -> set[str]:
        """Return the addresses of the workers that are there now.

        Returns
        -------
        addresses : set of str
            Empty if there is none.

        Raises
        ------
        MeasurementError
            If the scheduler is lost.
        """
        found = None
        if self._client.status == "running":
            found = self._client.scheduler_info(n_workers=-1).get("workers")
        if found is None or self._client.status != "running":
            raise MeasurementError(
                f"the scheduler at {self.address} is lost; what was measured is kept, "
                "and the same command goes on with a new one"
            )
        return set(found)

    def submit(self, worker: str, task: Callable[..., Any], *arguments: Any) -> str:
        """Run a function on a worker.

        Parameters
        ----------
        worker : str
            Its address.
        task : callable
            Importable there.
        *arguments : Any
            Pickled.

        Returns
        -------
        ticket : str
            What `next_finished` names the result by.
        """
        ticket = f"{task.__name__}-{uuid.uuid4().hex}"
        call = pickle.dumps(_Call(task, arguments))
        future = self._client.submit(
            pickle.loads, call, key=ticket, workers=[worker], pure=False
        )
        self._futures[ticket] = future
        future.add_done_callback(lambda done: self._finished.put(ticket))
        return ticket

    def next_finished(self, wait_s: float) -> tuple[str, Any] | None:
        """Wait for a task to end.

        Parameters
        ----------
        wait_s : float
            Longest time in s.

        Returns
        -------
        finished : tuple or None
            Ticket, and the result or the exception; None if none ended.
        """
        from distributed import CancelledError, KilledWorker

        with contextlib.suppress(queue.Empty):
            ticket = self._finished.get(timeout=wait_s)
            future = self._futures.pop(ticket, None)
            if future is None:
                return None
            try:
                return ticket, future.result(timeout=FETCH_S)
            except (CancelledError, KilledWorker, TimeoutError) as error:
                future.cancel(force=True)
                return ticket, WorkerLostError(str(error))
            except Exception as error:  # noqa: BLE001 (the task's own, whatever it is)
                return ticket, error
        return None

    def forget(self, ticket: str) -> None:
        """Have no more interest in a task; it may run to its end or never begin.

        Parameters
        ----------
        ticket : str
            Of the task.
        """
        future = self._futures.pop(ticket, None)
        if future is not None:
            future.cancel(force=True)

    def close(
        self, workers: Iterable[str], last: Callable[..., Any], *arguments: Any
    ) -> None:
        """Forget all tasks, and leave after a last word to some workers.

        Parameters
        ----------
        workers : iterable of str
            Who is told, whatever they are busy with; those that are gone are left out.
        last : callable
            Quick function that is run there.
        *arguments : Any
            Pickled.
        """
        with contextlib.suppress(Exception):  # the scheduler may be gone
            told = sorted(self.workers() & set(workers))
            for ticket in list(self._futures):
                self.forget(ticket)
            if told:
                self._client.run(last, *arguments, workers=told, on_error="ignore")
        self._client.close(timeout=CLOSE_S)


class _Call:
    # Unpickling it makes the call. A scheduler unpickles what tasks are made of: so it
    # meets bytes only, and needs neither this package nor the same version of it.
    def __init__(self, task: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._parts = task, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._parts


def _connect(address: str) -> Any:
    try:
        from distributed import Client
        from distributed.comm.addressing import (
            get_address_host_port,
            normalize_address,
        )
    except ImportError as error:
        raise MissingExtraError(
            "--cluster needs the package 'distributed', which is not installed: "
            'pip install "watt-ahead[cluster]"'
        ) from error
    try:
        # Checked first: a client that fails on it is left half-made.
        get_address_host_port(normalize_address(address))
    except ValueError as error:
        raise UsageError(
            f"--cluster must be a scheduler's address, such as tcp://host:8786; got "
            f"{address!r} ({error})"
        ) from error
    try:
        make_client: Any = Client  # which has no types
        return make_client(address, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise MeasurementError(
            f"no Dask scheduler answers at {address} within {CONNECT_S:.0f} s; start "
            "one with `dask scheduler`, or correct --cluster"
        ) from error
