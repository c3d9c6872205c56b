"""What this machine can read, measure and answer, and how to change what it cannot."""

from __future__ import annotations

from pathlib import Path

from predictor import __version__
from predictor.doctor.answering import check_model
from predictor.doctor.check import Check, Fix, Report, State
from predictor.doctor.conditions import (
    check_disk,
    check_governor,
    check_load,
    check_lock,
    check_memory,
)
from predictor.doctor.counters import check_energy_source, check_nvidia, check_rapl
from predictor.doctor.machine import check_processor, look_around
from predictor.doctor.software import check_software
from predictor.measuring_lock import LockStatus, host_lock_path, lock_status
from predictor.sensors import nvml_state, rapl_zones

__all__ = ["Check", "Fix", "Report", "State", "examine"]


def examine() -> Report:
    """Look at this machine; nothing is changed, measured or imported.

    Returns
    -------
    report : Report
        What it can read, measure and answer.

    Examples
    --------
    >>> [check.name for check in examine().checks][:4]
    ['processor', 'rapl', 'nvidia', 'energy_source']
    """
    around, zones, gpus = look_around(), rapl_zones(), nvml_state()
    measuring, versions = check_software(__version__)
    return Report(
        version=__version__,
        checks=(
            check_processor(),
            check_rapl(zones, around),
            check_nvidia(gpus, around),
            check_energy_source(zones, gpus, around),
            *measuring,
            _check_host_lock(),
            check_model(),
            check_load(),
            check_governor(),
            check_memory(),
            check_disk(),
            versions,
        ),
    )


def _check_host_lock() -> Check:
    try:
        status = lock_status(host_lock_path())
    except FileNotFoundError as error:  # of any temporary directory
        path = Path("no lock")
        status = LockStatus(path=path, state="unknown", reason=error.strerror)
    return check_lock(status)
