"""How CodeCarbon is started: the version, every setting, and nothing from outside."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import re
from typing import Any

from predictor.errors import MeasurementError

OLDEST_VERSION = (3, 3, 2)
FIRST_UNKNOWN_VERSION = (3, 4)
"""CodeCarbon's formulas change between minor versions; as in ``pyproject.toml``."""


def new_tracker(directory: str) -> Any:
    """Return a tracker of CodeCarbon that has probed the hardware.

    Parameters
    ----------
    directory : str
        An empty directory; CodeCarbon is told to write there, and does not.

    Returns
    -------
    tracker : codecarbon.OfflineEmissionsTracker
        Without network, files or settings from outside; no task is running.

    Raises
    ------
    MeasurementError
        If CodeCarbon is missing, of another version than this was written for, or
        cannot be started.
    """
    try:
        check_version(importlib.metadata.version("codecarbon"))
    except importlib.metadata.PackageNotFoundError as error:
        raise MeasurementError(
            "CodeCarbon is not installed: pip install codecarbon"
        ) from error
    for name in [name for name in os.environ if name.startswith("CODECARBON_")]:
        del os.environ[name]
    try:
        tracker = _make(directory)
        # The first task probes the hardware, which takes seconds.
        tracker.start_task("probe")
        tracker.stop_task("probe")
    except Exception as error:
        raise MeasurementError(
            f"CodeCarbon cannot be started: {str(error) or type(error).__name__}"
        ) from error
    return tracker


def check_version(version: str) -> None:
    """Refuse a version of CodeCarbon that this package was not written for.

    Parameters
    ----------
    version : str
        Version of CodeCarbon.

    Raises
    ------
    MeasurementError
        If it is older or newer than allowed.

    Examples
    --------
    >>> check_version("3.3.9")
    >>> check_version("3.4.0")
    Traceback (most recent call last):
    predictor.errors.MeasurementError: CodeCarbon is of version 3.4.0, ...
    """
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if not OLDEST_VERSION <= numbers < FIRST_UNKNOWN_VERSION:
        oldest, unknown = (
            ".".join(map(str, bound))
            for bound in (OLDEST_VERSION, FIRST_UNKNOWN_VERSION)
        )
        raise MeasurementError(
            f"CodeCarbon is of version {version}, whose formulas are not known here: "
            f"pip install 'codecarbon>={oldest},<{unknown}'"
        )


def _make(directory: str) -> Any:
    from codecarbon import OfflineEmissionsTracker
    from codecarbon.external.ram import RAM

    # After its import, which sets the level, and before its tracker's option counts.
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    tracker = OfflineEmissionsTracker(
        country_iso_code="DEU",  # energy does not depend on it
        region=None,
        cloud_provider=None,
        cloud_region=None,
        country_2letter_iso_code=None,
        project_name="watt-ahead",
        experiment_name="trial",
        experiment_id="trial",
        measure_power_secs=15,
        api_call_interval=-1,
        api_endpoint=None,
        api_key=None,
        output_dir=directory,
        output_file="emissions.csv",
        output_methods=[],
        logging_logger=None,
        prometheus_url=None,
        output_handlers=[],
        gpu_ids=None,  # then those of CUDA_VISIBLE_DEVICES, or all
        emissions_endpoint=None,
        electricitymaps_api_token=None,
        tracking_mode="process",  # of a load model; counters see the whole machine
        log_level="critical",
        on_csv_write="append",
        logger_preamble="",
        force_cpu_power=None,
        force_ram_power=float(RAM(tracking_mode="machine").total_power().W),
        pue=1.0,
        wue=0.0,
        force_carbon_intensity_g_co2e_kwh=None,
        force_mode_cpu_load=False,
        allow_multiple_runs=True,
        rapl_include_dram=False,
        rapl_prefer_psys=False,
        metadata=None,
    )
    if not hasattr(tracker, "run_id"):
        raise MeasurementError("its tracker was not made, and it does not say why")
    return tracker
