"""The process that trials are forked from: started so, and ended with all of them."""

from __future__ import annotations

import contextlib
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
from collections.abc import Iterator, Mapping

from dataset_builder.settings import SWEEP_VARIABLE


def start_fork_server(variables: Mapping[str, str | None]) -> None:
    """Start the server of this process, if none is running.

    Ctrl-C is blocked in it and in its trials: it is for the sweep to act on it.

    Parameters
    ----------
    variables : mapping of str to str or None
        What to set in its environment, and what to remove from it.
    """
    multiprocessing.resource_tracker.ensure_running()  # it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        with _environment({SWEEP_VARIABLE: str(os.getpid()), **variables}):
            multiprocessing.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_fork_server() -> None:
    """End the server of this process with all its trials, if one is running.

    The next sweep may need another environment.
    """
    # The standard library keeps its server for ever and has no public way to end it. It
    # may be importing still, and then would not notice that nobody needs it.
    server = getattr(multiprocessing.forkserver, "_forkserver", None)
    if server is None:
        return
    pid = getattr(server, "_forkserver_pid", None)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    server._stop()


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
