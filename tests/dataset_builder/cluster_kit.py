"""A real scheduler, real workers and real trial processes that only sleep."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from dataset_builder.cluster.station_process import NANNY_VARIABLES
from dataset_builder.executor import StationJob
from dataset_builder.settings import TrialLimits
from dataset_builder.trial.trials import outcome_of, trial_server
from dataset_builder.trial.worker import TrialOrder, describe_main
from tests.dataset_builder.builders import (
    METER,
    idle_record,
    measured_row,
    tiny_configuration,
)

ROOT = Path(__file__).parents[2]
START_S = 30.0


def sleeping_trial(connection, order, trial_s, notes):
    """Be a trial process: leave a note that names it, sleep, answer."""
    Path(notes, f"{order.identity}-{os.getpid()}").touch()
    time.sleep(trial_s)
    foreign = [name for name in NANNY_VARIABLES if name in os.environ]
    connection.send(("row", measured_row(order) | {"foreign_variables": foreign}))


class SleepingRunner:
    """Runs every trial in a fresh process as a sweep does; they sleep."""

    def __init__(self, server, trial_s, notes, deadly):
        self.home, self.log = server.home, server.log
        self._server = server
        self._trial_s = trial_s
        self._notes = notes
        self._deadly = deadly

    def run(self, order):
        if order.identity == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        arguments = (order, self._trial_s, self._notes)
        answer = self._server.call(sleeping_trial, arguments, wall_s=60.0)
        return outcome_of(answer, self._trial_s)

    def call(self, target, arguments, *, wall_s):
        del wall_s
        if target is describe_main:
            return "row", dict(METER)
        return "row", idle_record(arguments[0])


@contextlib.contextmanager
def sleeping_server(make_variables, *, trial_s, notes, deadly):
    del make_variables  # without them the server of the trials imports no Keras
    with trial_server(lambda home: {"HOME": home}) as server:
        yield SleepingRunner(server, trial_s, notes, deadly)


def sleeping(notes, trial_s=0.2, *, deadly=None):
    """Return what serves trials that sleep and leave notes of their processes.

    The trial of the identity `deadly` kills the process that runs it.
    """
    notes.mkdir(exist_ok=True)
    return partial(sleeping_server, trial_s=trial_s, notes=str(notes), deadly=deadly)


def station_job(serve):
    return StationJob(backend="jax", device="cpu", dataset="kit", serve=serve)


def some_orders(job, count):
    """Return orders of small different networks."""
    items = [tiny_configuration(units) for units in range(1, count + 1)]
    return [
        TrialOrder(
            item=item,
            identity=item.identity(f"{job.platform}/{item.dtype}"),
            fields=job.fields(item.dtype),
            device=job.device,
            limits=TrialLimits(),
        )
        for item in items
    ]


PROGRAM = """
import importlib, sys
name, *sys.argv[1:] = sys.argv[1:]
if name == "dask_scheduler":  # which needs nothing of ours
    sys.modules["dataset_builder"] = sys.modules["predictor"] = None
importlib.import_module(f"distributed.cli.{name}").main()
"""


class Processes:
    """Programs of Dask, killed at the end.

    Parameters
    ----------
    directory : Path
        For their files, and the lock of this host.
    """

    def __init__(self, directory):
        self.directory = directory
        self._started = []

    def scheduler(self, **variables):
        """Start a scheduler and return its process and its address."""
        file = self.directory / "scheduler.json"
        process = self._start(
            "dask_scheduler",
            *("--host", "0.0.0.0", "--port", "0", "--scheduler-file", file),
            **variables,
        )
        wait_for(lambda: file.exists() and file.read_text().endswith("}"))
        port = json.loads(file.read_text())["address"].rpartition(":")[2]
        return process, f"tcp://127.0.0.1:{port}"

    def worker(self, address, *, nanny=False, threads=1, prefix=(), lock="lock"):
        """Start a worker, perhaps through a program that moves it elsewhere."""
        return self._start(
            "dask_worker",
            address,
            "--nanny" if nanny else "--no-nanny",
            *("--nthreads", threads),
            prefix=prefix,
            WATT_AHEAD_LOCK=str(self.directory / lock),
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self._started:
            process.kill()
            process.wait()

    def _start(self, program, *arguments, prefix=(), **variables):
        own = {"PYTHONPATH": str(ROOT), "DASK_TEMPORARY_DIRECTORY": str(self.directory)}
        with (self.directory / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *prefix,
                    *(sys.executable, "-c", PROGRAM, program),
                    *map(str, arguments),
                    "--no-dashboard",
                ],
                env=os.environ | own | variables,
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process


def wait_for(is_true, limit_s=START_S):
    """Wait until something is true, and fail where it does not come to be."""
    deadline_s = time.monotonic() + limit_s
    while not (found := is_true()):
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.02)
    return found


def is_alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def trial_pids(notes):
    """Return the processes of all trials so far, each with its order's identity."""
    names = [path.name.split("-") for path in notes.iterdir()]
    return {int(pid): identity for identity, pid in names}
