"""A station in a process of its own, for callers that may not start trials themselves.

A Dask worker under a nanny is daemonic and may have no children through
`multiprocessing`; its tasks run in threads, where signals cannot be handled; and its
nanny sets variables that change how libraries compute. A plain process between the
worker and its trials knows none of that, and ends with the worker, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from dataset_builder.executor import Record, StationJob
from dataset_builder.station import open_station
from dataset_builder.trial.worker import TrialOrder
from predictor.errors import MeasurementError, PredictorError

IDLE_LIMIT_S = 600.0
"""A station that nobody asks for so long ends; its owner starts another at need."""

PATIENCE_S = 15.0
"""Time a station gets to end its trial and clean up before it is killed."""

NANNY_VARIABLES = (
    "MALLOC_TRIM_THRESHOLD_",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
"""Set by Dask's nanny for workers that compute; measured is what users run."""

MAIN = "from dataset_builder.cluster.station_process import main; main()"


class StationLostError(MeasurementError):
    """The process of a station ended unasked."""


class StationProcess:
    """A station in another process; one request at a time.

    Parameters
    ----------
    job : StationJob
        What is measured with.

    Attributes
    ----------
    environment : dict
        Machine, software and meter of the station.

    Raises
    ------
    MeasurementError
        If nothing can be measured here.
    StationLostError
        If the process ends.
    """

    def __init__(self, job: StationJob) -> None:
        self._connection, theirs = Pipe()
        handle = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAIN, str(handle)],
            stdin=subprocess.PIPE,  # its end tells the station that we are gone
            pass_fds=[handle],
            env={
                name: value
                for name, value in os.environ.items()
                if name not in NANNY_VARIABLES
            },
        )
        theirs.close()
        self.environment: Mapping[str, object] = self._ask(job)

    def measure(self, order: TrialOrder) -> list[Record]:
        """Measure one order, after what else is due.

        Parameters
        ----------
        order : TrialOrder
            What is measured.

        Returns
        -------
        records : list of Record
            As `Station.measure` yields them.

        Raises
        ------
        MeasurementError
            If the station cannot go on.
        StationLostError
            If its process ended.
        """
        records: list[Record] = self._ask(order)
        return records

    def close(self) -> list[Record]:
        """Measure what closes the last block, and end the process.

        Returns
        -------
        records : list of Record
            As `Station.close` yields them.

        Raises
        ------
        StationLostError
            If the process ended before.
        """
        records: list[Record] = self._ask(None)
        self.stop()
        return records

    def stop(self) -> None:
        """End the process and the trial that may run in it, without waiting."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]  # a pipe, as asked
        threading.Thread(target=self._process.wait, daemon=True).start()

    def _ask(self, request: object) -> Any:
        try:
            self._connection.send(request)
            kind, *content = self._connection.recv()
        except (EOFError, OSError) as error:
            status = self._process.wait()
            raise StationLostError(
                f"the station's process ended with status {status}"
            ) from error
        if kind == "error":
            self.stop()
            raise MeasurementError(content[0])
        return content[0]


def main() -> None:
    """Be the station: answer requests on the connection that the command line names."""
    connection = Connection(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner decides
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_owner, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        try:
            _serve(connection)
        except PredictorError as error:
            connection.send(("error", str(error)))


def _serve(connection: Connection) -> None:
    job: StationJob = connection.recv()
    with open_station(job, _say) as station:
        connection.send(("done", station.environment))
        while connection.poll(IDLE_LIMIT_S):
            order: TrialOrder | None = connection.recv()
            measured = station.close() if order is None else station.measure(order)
            records = list(measured)
            # Between two requests the next may be long in coming; others may measure.
            station.release()
            connection.send(("done", records))


def _end_with_owner() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os._exit(1)


def _leave(number: int, frame: object) -> NoReturn:
    del frame
    raise SystemExit(128 + number)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
