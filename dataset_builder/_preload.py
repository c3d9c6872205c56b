"""What every trial needs, imported once in the server that trials are forked from.

Importing this module is its whole purpose: it costs seconds, and no trial pays them.
No device is touched and no thread may live when a trial is forked.
"""

import contextlib
import ctypes
import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from pickle import UnpicklingError
from types import FrameType
from typing import Any

import dataset_builder.trial.trials  # noqa: F401  (imported for the trials)
from dataset_builder.settings import (
    BACKEND_VARIABLE,
    DEVICE_VARIABLE,
    HOME_VARIABLE,
    SWEEP_VARIABLE,
)
from dataset_builder.trial.worker import DEATH_SIGNAL_OPTION


def _end_with(sweep: int) -> None:
    # The standard library ends this process only when the last trial has ended too: a
    # killed sweep would measure on, beside the next one.
    signal.signal(signal.SIGTERM, _end_trials)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL_OPTION, signal.SIGTERM)
        if os.getppid() != sweep:
            os._exit(0)


def _end_trials(number: int, frame: FrameType | None) -> None:
    del number, frame
    own = os.getpid()
    with contextlib.suppress(OSError):
        trials = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        for pid in map(int, trials):
            for kill in (os.killpg, os.kill):  # it may have no group yet
                with contextlib.suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)
    os._exit(0)


def _report(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    # A sweep killed while it tells a new process what to run leaves half of an order,
    # or none: there is nobody left to tell.
    if not isinstance(error, (EOFError, ConnectionError, UnpicklingError)):
        sys.__excepthook__(kind, error, trace)


def _probe_hardware_once(directory: str) -> None:
    # CodeCarbon keeps what its first probe of the hardware found, in this process;
    # forked trials inherit it. With a GPU its driver must not be opened before a fork.
    from dataset_builder.meters.choice import make_meter

    make_meter(directory)
    deadline = time.monotonic() + 5.0
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)


def _preload() -> None:
    sweep = os.environ.get(SWEEP_VARIABLE)
    if sweep is not None:
        _end_with(int(sweep))
    directory = os.environ.get(HOME_VARIABLE)
    if directory is not None:
        _import_for_trials(directory)
    sys.excepthook = _report


def _import_for_trials(directory: str) -> None:
    os.chdir(directory)
    importlib.import_module("keras")
    backend = os.environ.get(BACKEND_VARIABLE, "jax")
    importlib.import_module("keras.src.trainers.trainer")
    importlib.import_module(backend)
    if os.environ.get(DEVICE_VARIABLE) == "cpu":
        _probe_hardware_once(directory)


_preload()
