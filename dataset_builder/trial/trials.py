"""How trial processes are started, watched and ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from dataset_builder.trial.fork_server import start_fork_server, stop_fork_server
from dataset_builder.trial.row import Row
from dataset_builder.trial.scratch import scratch_directory
from dataset_builder.trial.worker import TrialOrder, failure_kind, log_tail, trial_main
from predictor.errors import MeasurementError

PRELOADED = ["dataset_builder._preload", "dataset_builder.cli"]
"""Imported once, in the server; trials are forked from it."""

Trial = Callable[[Connection, TrialOrder], None]

START_LIMIT_S = 300.0
GRACE_S = 5.0
"""Time a process gets after SIGTERM before its group is killed."""

ENDING_S = 1.0
"""Who ends a trial by SIGTERM may be about to end the sweep as well; a moment later it
has, and the trial is no failure."""


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
    trial : callable, default=trial_main
        Takes a connection and an order, measures, and sends what came of it.

    Raises
    ------
    MeasurementError
        If no process can be started.
    """

    def __init__(
        self,
        variables: Mapping[str, str | None],
        home: Path,
        *,
        trial: Trial = trial_main,
    ) -> None:
        self.home = home
        self._variables = variables
        self._trial = trial
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
        self.log.unlink(missing_ok=True)  # a trial may end before it makes its own
        start_s = time.monotonic()
        answer = self.call(self._trial, (order,), wall_s=order.limits.wall_s)
        outcome = outcome_of(answer, time.monotonic() - start_s)
        tail = log_tail(self.log) if outcome.kind in ("killed", "timeout") else ""
        if tail:
            kind = outcome.kind
            if kind == "killed" and failure_kind(RuntimeError(tail)) == "oom":
                kind = "oom"  # some libraries say so and abort
            message = f"{outcome.message}; it printed: {tail}"
            outcome = replace(outcome, kind=kind, message=message)
        return outcome

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

        Raises
        ------
        MeasurementError
            If no process can be started.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_begin, args=(target, sender, arguments))
        with receiver:
            try:
                with sender:
                    start_fork_server(self._variables)
                    process.start()
            except (EOFError, OSError) as error:
                raise MeasurementError(
                    f"no trial can be started here ({error})"
                ) from error
            try:
                answer = _answer(receiver, process, wall_s)
            except BaseException:  # such as Ctrl-C: nobody waits any longer
                _kill(process)
                raise
            _end(process)
            return answer


def outcome_of(answer: tuple[Any, ...], duration_s: float) -> Outcome:
    """Return what came of a trial, from what its process sent.

    Parameters
    ----------
    answer : tuple
        ``("row", row)`` or ``("error", kind, message)``.
    duration_s : float
        From the start of the process to its answer, in s.

    Returns
    -------
    outcome : Outcome
        The same with names.

    Examples
    --------
    >>> outcome_of(("error", "oom", "out of memory"), 2.0).kind
    'oom'
    """
    if answer[0] == "row":
        return Outcome(row=answer[1], duration_s=duration_s)
    _, kind, message = answer
    return Outcome(row=None, kind=kind, message=message or kind, duration_s=duration_s)


@contextlib.contextmanager
def trial_server(
    make_variables: Callable[[str], Mapping[str, str | None]],
    *,
    trial: Trial = trial_main,
) -> Iterator[TrialServer]:
    """Start a server with a temporary directory, and clean both up.

    Parameters
    ----------
    make_variables : callable
        Given the trials' directory, returns their environment.
    trial : callable, default=trial_main
        Takes a connection and an order, measures, and sends what came of it.

    Yields
    ------
    server : TrialServer
        Ready to run trials.

    Raises
    ------
    MeasurementError
        If no process can be started.
    InputFileError
        If no temporary directory can be made.
    """
    with scratch_directory() as directory:
        home = directory / "home"
        try:
            home.mkdir()
            yield TrialServer(make_variables(str(home)), home, trial=trial)
        finally:
            stop_fork_server()


def _answer(receiver: Connection, process: Any, wall_s: float) -> tuple[Any, ...]:
    ready = multiprocessing.connection.wait([receiver, process.sentinel], wall_s)
    if receiver in ready or receiver.poll():
        # The end comes as OSError where it came in the middle of an answer.
        with contextlib.suppress(EOFError, OSError):
            answer: tuple[Any, ...] = receiver.recv()
            return answer
    if not ready:
        return "error", "timeout", f"the trial took more than {wall_s:.0f} s"
    process.join(GRACE_S)
    code = process.exitcode
    if code == -signal.SIGTERM:
        time.sleep(ENDING_S)
    if code is not None and code < 0:
        return "error", "killed", f"the trial died of {signal.Signals(-code).name}"
    return "error", "killed", f"the trial ended with status {code} and no row"


def _end(process: Any) -> None:
    try:
        process.join(0.2)
        if process.exitcode is None:
            _signal_group(process.pid, signal.SIGTERM)
            process.join(GRACE_S)
    finally:
        _kill(process)


def _kill(process: Any) -> None:
    # The group is the process' own (setsid); a child it left behind is in it too.
    _signal_group(process.pid, signal.SIGKILL)
    if process.exitcode is None:
        process.kill()
        process.join(GRACE_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _begin(
    target: Callable[..., None], connection: Connection, arguments: tuple[Any, ...]
) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the server's own is inherited
    target(connection, *arguments)


def _nothing(connection: Connection) -> None:
    connection.send(("ready",))
