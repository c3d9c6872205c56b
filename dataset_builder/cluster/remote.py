"""What a worker of a cluster is asked to do; everything here runs there."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from dataset_builder.cluster.station_process import StationLostError, StationProcess
from dataset_builder.executor import Record, StationJob
from dataset_builder.store.manifest import measuring_code
from dataset_builder.trial.environment import host_hash
from dataset_builder.trial.worker import TrialOrder
from predictor import __version__

OBSERVERS = ("profile", "profile-cycle", "tick")
"""What a worker does many times a second to watch itself: load beside the trials."""

_stations: dict[str, StationProcess] = {}
_ended: set[str] = set()
_lock = threading.Lock()


def introduce() -> tuple[str, tuple[str, str]]:
    """Say who this worker is, and let it be quiet from now on.

    Returns
    -------
    host : str
        Hash of the host.
    version : tuple of str
        As `this_version` returns it.
    """
    _calm_down()
    return host_hash(), this_version()


def this_version() -> tuple[str, str]:
    """Return what must be equal wherever one data set is measured.

    Returns
    -------
    version, code : str
        Version of this package, and hash of what of it measures.
    """
    with _lock:  # Python 3.11 cannot parse in two threads at once
        return __version__, measuring_code()


def open_remote(session: str, job: StationJob) -> Mapping[str, object]:
    """Start a station for a session; end an older one.

    Parameters
    ----------
    session : str
        Identifies the sweep that asks.
    job : StationJob
        What is measured with.

    Returns
    -------
    environment : mapping
        The station's.
    """
    _stop(session)
    station = StationProcess(job)
    with _lock:
        _stations[session] = station
        is_late = session in _ended
    if is_late:
        _stop(session)
    return station.environment


def measure_remote(session: str, order: TrialOrder) -> list[Record]:
    """Measure one order on a session's station.

    Parameters
    ----------
    session : str
        Identifies the sweep that asks.
    order : TrialOrder
        What is measured.

    Returns
    -------
    records : list of Record
        Idle and anchor records that were due, then the row's.
    """
    return _station(session).measure(order)


def close_remote(session: str) -> list[Record]:
    """Close a session's station.

    Parameters
    ----------
    session : str
        Identifies the sweep that asks.

    Returns
    -------
    records : list of Record
        The last anchor and idle records.
    """
    station = _station(session)
    with _lock:
        _stations.pop(session, None)
    return station.close()


def end_remote(session: str) -> None:
    """End a session's station at once, with the trial that may run in it.

    Parameters
    ----------
    session : str
        Identifies the sweep that asks.
    """
    with _lock:
        _ended.add(session)
    _stop(session)


def _stop(session: str) -> None:
    with _lock:
        station = _stations.pop(session, None)
    if station is not None:
        station.stop()


def _calm_down() -> None:
    from distributed import get_worker

    worker = get_worker()
    for name in OBSERVERS:
        if callback := worker.periodic_callbacks.get(name):
            worker.loop.add_callback(callback.stop)


def _station(session: str) -> StationProcess:
    with _lock:
        station = _stations.get(session)
    if station is None:
        raise StationLostError("this worker has no station open")
    return station
