"""How trial processes are started, watched and ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from dataset_builder.worker import Row, TrialOrder, log_tail, trial_main
from predictor.errors import MeasurementError

PRELOADED = ["dataset_builder._preload", "dataset_builder.cli"]
"""Imported once, in the server; trials are forked from it."""

START_LIMIT_S = 300.0
GRACE_S = 5.0
"""Time a process gets after SIGTERM before its group is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a trial.

    Parameters
    ----------
    row : dict or None
        The measurement; None where it failed.
    kind, message : str
        Why it failed.
    duration_s : float
        From the start of the process to its answer, in s.
    """

    row: Row | None
    kind: str = ""
    message: str = ""
    duration_s: float = 0.0


class TrialRunner(Protocol):
    """Anything that can run trials; a cluster's worker is one too."""

    home: Path
    log: Path

    def run(self, order: TrialOrder) -> Outcome:
        """Run one trial to its end, whatever that is.

        Parameters
        ----------
        order : TrialOrder
            What is measured.

        Returns
        -------
        outcome : Outcome
            Its row, or why there is none.
        """
        ...

    def call(
        self, target: Callable[..., None], arguments: tuple[Any, ...], *, wall_s: float
    ) -> tuple[Any, ...]:
        """Run a function in a fresh process and return what it sends.

        Parameters
        ----------
        target : callable
            Takes a connection and `arguments`, sends one tuple.
        arguments : tuple
            Pickled.
        wall_s : float
            Longest time in s.

        Returns
        -------
        answer : tuple
            What was sent; ``("error", kind, message)`` where nothing was.
        """
        ...


class TrialServer:
    """Starts every trial in a fresh process in which the libraries are imported.

    A server process imports Keras, the backend and CodeCarbon once and is then forked,
    so a trial starts in milliseconds with no state of an earlier one.

    Parameters
    ----------
    variables : mapping of str to str or None
        Environment of the server and so of all trials.
    home : Path
        An empty directory for the trials to stand in.
    """

    def __init__(self, variables: Mapping[str, str | None], home: Path) -> None:
        self.home = home
        self._variables = variables
        self.log = home.parent / "trial.log"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        answer = self.call(_nothing, (), wall_s=START_LIMIT_S)
        if answer[0] != "ready":
            raise MeasurementError(f"trials cannot be started: {answer[2]}")

    def run(self, order: TrialOrder) -> Outcome:
        """Run one trial to its end, whatever that is.

        Parameters
        ----------
        order : TrialOrder
            What is measured.

        Returns
        -------
        outcome : Outcome
            Its row, or why there is none.
        """
        start_s = time.monotonic()
        answer = self.call(trial_main, (order,), wall_s=order.limits.wall_s)
        duration_s = time.monotonic() - start_s
        if answer[0] == "row":
            return Outcome(row=answer[1], duration_s=duration_s)
        _, kind, message = answer
        if kind in ("killed", "timeout"):
            tail = log_tail(self.log)
            message = f"{message}; it printed: {tail}" if tail else message
        return Outcome(row=None, kind=kind, message=message, duration_s=duration_s)

    def call(
        self, target: Callable[..., None], arguments: tuple[Any, ...], *, wall_s: float
    ) -> tuple[Any, ...]:
        """Run a function in a fresh process and return what it sends.

        Parameters
        ----------
        target : callable
            Takes a connection and `arguments`, sends one tuple.
        arguments : tuple
            Pickled.
        wall_s : float
            Longest time in s.

        Returns
        -------
        answer : tuple
            What was sent; ``("error", kind, message)`` where nothing was.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=target, args=(sender, *arguments))
        with _environment(self._variables):
            process.start()  # starts the server too, which inherits the environment
        sender.close()
        try:
            return _answer(receiver, process, wall_s)
        finally:
            _end(process)
            receiver.close()


@contextlib.contextmanager
def trial_server(
    make_variables: Callable[[str], Mapping[str, str | None]],
) -> Iterator[TrialServer]:
    """Start a server with a temporary directory, and clean both up.

    Parameters
    ----------
    make_variables : callable
        Given the trials' directory, returns their environment.

    Yields
    ------
    server : TrialServer
        Ready to run trials.
    """
    directory = Path(tempfile.mkdtemp(prefix="watt-ahead-"))
    home = directory / "home"
    home.mkdir()
    try:
        yield TrialServer(make_variables(str(home)), home)
    finally:
        _stop_server()
        shutil.rmtree(directory, ignore_errors=True)


def _answer(receiver: Connection, process: Any, wall_s: float) -> tuple[Any, ...]:
    ready = multiprocessing.connection.wait([receiver, process.sentinel], wall_s)
    if receiver in ready or receiver.poll():
        try:
            answer: tuple[Any, ...] = receiver.recv()
        except EOFError:
            pass
        else:
            return answer
    if not ready:
        return "error", "timeout", f"the trial took more than {wall_s:.0f} s"
    process.join(GRACE_S)
    code = process.exitcode
    if code is not None and code < 0:
        return "error", "killed", f"the trial died of {signal.Signals(-code).name}"
    return "error", "killed", f"the trial ended with status {code} and no row"


def _end(process: Any) -> None:
    # The group is the process' own (setsid); a child it left behind is in it too.
    process.join(0.2)
    if process.exitcode is None:
        _signal_group(process.pid, signal.SIGTERM)
        process.join(GRACE_S)
    _signal_group(process.pid, signal.SIGKILL)
    if process.exitcode is None:
        process.kill()
        process.join(GRACE_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _stop_server() -> None:
    # The standard library keeps one server per process for ever and has no public way
    # to end it; the next sweep may need another environment.
    server = getattr(multiprocessing.forkserver, "_forkserver", None)
    if server is not None:
        server._stop()


def _nothing(connection: Connection) -> None:
    connection.send(("ready",))


@contextlib.contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    before = dict(os.environ)
    try:
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
