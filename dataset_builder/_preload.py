"""What every trial needs, imported once in the server that trials are forked from.

Importing this module is its whole purpose: it costs seconds, and no trial pays them.
No device is touched and no thread may live when a trial is forked.
"""

import importlib
import os
import threading
import time

import dataset_builder.worker  # noqa: F401  (imported for the trials)
from dataset_builder.settings import BACKEND_VARIABLE, DEVICE_VARIABLE, HOME_VARIABLE


def _probe_hardware_once(directory: str) -> None:
    # CodeCarbon keeps what its first probe of the hardware found, in this process;
    # forked trials inherit it. With a GPU its driver must not be opened before a fork.
    from dataset_builder.meters import CodeCarbonMeter

    CodeCarbonMeter(directory)
    deadline = time.monotonic() + 5.0
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)


def _preload() -> None:
    directory = os.environ.get(HOME_VARIABLE)
    if directory is None:
        return
    os.chdir(directory)
    importlib.import_module("keras")
    backend = os.environ.get(BACKEND_VARIABLE, "jax")
    importlib.import_module("keras.src.trainers.trainer")
    importlib.import_module(backend)
    if os.environ.get(DEVICE_VARIABLE) == "cpu":
        _probe_hardware_once(directory)


_preload()
