"""Measurement rows: the one format, checked on reading."""

from __future__ import annotations

import gc
import gzip
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from predictor.counting import NetworkCount, count_network
from predictor.errors import DatasetError, InputFileError, PredictorError
from predictor.features import StepTable, describe_steps
from predictor.hardware import Platform
from predictor.readers import read_network, read_network_description
from predictor.workload import Workload

SCHEMA = "measurement/1"
SOURCES = (
    "wall",
    "nvml",
    "nvml_power",
    "rapl",
    "nvml+rapl",
    "nvml_power+rapl",
    "board",
    "modelled",
)
"""Meters a row may name; all but ``modelled`` read a sensor."""

REQUIRED = (
    "schema",
    "mode",
    "batch_size",
    "samples",
    "epochs",
    "energy_j",
    "source",
    "hardware",
    "group",
    "family",
    "source_dataset",
)
OPTIONAL_QUANTITIES = (
    "duration_s",
    "cpu_energy_j",
    "gpu_energy_j",
    "ram_energy_j",
    "peer_energy_j",
    "cold_energy_j",
    "cold_duration_s",
    "idle_power_w",
)
LARGEST_FILE_BYTES = 2 * 1024**3
"""Row files above this, unpacked, are refused."""

CHECKSUM_LENGTH = 12
"""Hexadecimal digits of a row's checksum: 48 bits find any flipped byte."""

Target = Literal["energy_j", "duration_s"]
TARGETS: tuple[Target, ...] = ("energy_j", "duration_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measured configuration.

    Parameters
    ----------
    network : NetworkCount
        The counted network.
    workload : Workload
        What was run.
    platform : Platform
        Where it was run, and by which meter.
    energy_j : float
        Energy of the whole workload in J, without PUE.
    duration_s : float or None
        Time of the whole workload in s.
    cold_energy_j, cold_duration_s : float or None
        The part of the above spent once, before steady steps: compilation and first
        batches. None where it was not told apart.
    cold_valid : bool
        Whether the cold part was undisturbed; the steady part may be all the same.
    group : str
        What must never be on both sides of a split: the architecture.
    family : str
        The larger family.
    split : str or None
        A published split's part.
    peer_energy_j : float or None
        A published peer's prediction of `energy_j`.
    row : mapping of str to object
        The row as read, without its network.
    """

    network: NetworkCount
    workload: Workload
    platform: Platform
    energy_j: float
    duration_s: float | None
    cold_energy_j: float | None
    cold_duration_s: float | None
    cold_valid: bool
    group: str
    family: str
    split: str | None
    peer_energy_j: float | None
    row: Mapping[str, object]

    def step(self, target: Target) -> float | None:
        """Return what one steady step took.

        Parameters
        ----------
        target : {"energy_j", "duration_s"}
            Which quantity.

        Returns
        -------
        value : float or None
            J or s per step of one full batch; None where it was not measured.
        """
        total = self.energy_j if target == "energy_j" else self.duration_s
        if total is None:
            return None
        return (total - (self.cold(target) or 0.0)) / self.workload.full_batches

    def cold(self, target: Target) -> float | None:
        """Return what was spent once, before the steady steps.

        Parameters
        ----------
        target : {"energy_j", "duration_s"}
            Which quantity.

        Returns
        -------
        value : float or None
            J or s; None where it was not told apart.
        """
        return self.cold_energy_j if target == "energy_j" else self.cold_duration_s


def row_checksum(row: Mapping[str, object]) -> str:
    """Return the checksum of a row, whatever its `checksum` says.

    Parameters
    ----------
    row : mapping
        A row.

    Returns
    -------
    checksum : str
        12 hexadecimal digits.

    Examples
    --------
    >>> row_checksum({"a": 1}) == row_checksum({"a": 1, "checksum": "anything"})
    True
    """
    content = {key: value for key, value in row.items() if key != "checksum"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:CHECKSUM_LENGTH]


def step_table(measurements: Iterable[Measurement]) -> StepTable:
    """Return the features of measurements.

    Parameters
    ----------
    measurements : iterable of Measurement
        What was measured.

    Returns
    -------
    table : StepTable
        One entry per measurement, in order.
    """
    return describe_steps((item.network, item.workload) for item in measurements)


def _quantity(row: Mapping[str, object], field: str, where: str) -> float | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DatasetError(f"{where}: {field!r} must be a number, got {value!r:.40}")
    if not (math.isfinite(value) and value > 0):
        raise DatasetError(
            f"{where}: {field!r} must be finite and positive, got {value!r:.40}"
        )
    return float(value)


def _text(row: Mapping[str, object], field: str, where: str, default: str = "") -> str:
    value = row.get(field)
    if value is None and default:
        return default
    if not isinstance(value, str) or not value or len(value) > 500:
        raise DatasetError(
            f"{where}: {field!r} must be text of 1 to 500 characters, got {value!r:.40}"
        )
    return value


class CountedNetworks:
    """The networks of rows, each distinct one counted once."""

    def __init__(self) -> None:
        self._counts: dict[str, NetworkCount] = {}

    def of(self, row: Mapping[str, object], path: Path, where: str) -> NetworkCount:
        """Return the network of a row, from the row or from ``networks/`` beside it.

        Parameters
        ----------
        row : mapping
            A row.
        path : Path
            The file it stands in.
        where : str
            Names the row in an error.

        Returns
        -------
        network : NetworkCount
            Exact counts.

        Raises
        ------
        DatasetError
            If the network is missing, altered or cannot be counted.
        """
        inline, digest = row.get("network"), row.get("network_sha256")
        if (inline is None) == (digest is None):
            raise DatasetError(
                f"{where}: give either 'network' or 'network_sha256', "
                f"got {'both' if inline is not None else 'neither'}"
            )
        if inline is not None:
            if not isinstance(inline, dict):
                raise DatasetError(f"{where}: 'network' must be an object")
            key = json.dumps(inline, sort_keys=True)
        else:
            if not (isinstance(digest, str) and digest.isalnum()):
                raise DatasetError(f"{where}: 'network_sha256' must be a hex digest")
            key = f"{path.parent}/{digest}"
        if key not in self._counts:
            try:
                if inline is not None:
                    architecture = read_network_description(cast(Any, inline))
                else:
                    stored = read_network(path.parent / "networks" / f"{digest}.json")
                    if stored.sha256 != digest:
                        raise DatasetError(
                            "the stored network differs from its digest; restore it "
                            "or drop the row"
                        )
                    architecture = stored.architecture
                self._counts[key] = count_network(architecture)
            except PredictorError as error:
                raise DatasetError(f"{where}: {error}") from error
        return self._counts[key]


def measurement_of(
    row: Mapping[str, Any], networks: CountedNetworks, path: Path, where: str
) -> Measurement:
    """Turn a row into a measurement.

    Parameters
    ----------
    row : mapping
        A row, valid or not.
    networks : CountedNetworks
        Keeps the networks from one row to the next.
    path : Path
        The file it stands in.
    where : str
        Names the row in an error.

    Returns
    -------
    measurement : Measurement
        As `read_measurements` returns it.

    Raises
    ------
    DatasetError
        If the row breaks the format; names `where` and the field.
    """
    for field in REQUIRED:
        if row.get(field) is None:
            raise DatasetError(f"{where}: required field {field!r} is missing")
    if row["schema"] != SCHEMA:
        raise DatasetError(
            f"{where}: schema {row['schema']!r:.40} is not known; this version reads "
            f"{SCHEMA!r}"
        )
    if row["source"] not in SOURCES:
        raise DatasetError(
            f"{where}: 'source' must be one of {', '.join(SOURCES)}; "
            f"got {row['source']!r:.40}"
        )
    quantities = {name: _quantity(row, name, where) for name in OPTIONAL_QUANTITIES}
    energy_j = _quantity(row, "energy_j", where)
    assert energy_j is not None
    for total, cold in (
        (energy_j, quantities["cold_energy_j"]),
        (quantities["duration_s"], quantities["cold_duration_s"]),
    ):
        if total is not None and cold is not None and cold >= total:
            raise DatasetError(
                f"{where}: the cold part ({cold:.4g}) must be smaller than the whole "
                f"({total:.4g})"
            )
    optimizer = _text(row, "optimizer", where, "sgd").lower()
    try:
        workload = Workload(
            mode=row["mode"],
            batch_size=row["batch_size"],
            samples=row["samples"],
            epochs=row["epochs"],
            optimizer=optimizer,
            dtype=_text(row, "dtype", where, "float32"),
        )
    except PredictorError as error:
        raise DatasetError(f"{where}: {error}") from error
    split = row.get("split")
    return Measurement(
        network=networks.of(row, path, where),
        workload=workload,
        platform=Platform(
            hardware=_text(row, "hardware", where),
            backend=_text(row, "backend", where, "unknown"),
            dtype=workload.dtype,
            source=row["source"],
        ),
        energy_j=energy_j,
        duration_s=quantities["duration_s"],
        cold_energy_j=quantities["cold_energy_j"],
        cold_duration_s=quantities["cold_duration_s"],
        cold_valid=bool(row.get("cold_valid", True)),
        group=_text(row, "group", where),
        family=_text(row, "family", where),
        split=None if split is None else _text(row, "split", where),
        peer_energy_j=quantities["peer_energy_j"],
        row={key: value for key, value in row.items() if key != "network"},
    )


def _lines(path: Path) -> list[str]:
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InputFileError(
            f"{path}: no such file; give a measurement file (*.jsonl)"
        ) from error
    except (OSError, EOFError) as error:
        raise InputFileError(f"{path}: cannot be read ({error})") from error
    if len(content) > LARGEST_FILE_BYTES:
        raise InputFileError(f"{path}: over {LARGEST_FILE_BYTES} bytes unpacked")
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text ({error.reason})") from error


def _latest_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    found: dict[object, tuple[str, dict[str, Any]]] = {}
    for number, line in enumerate(_lines(path), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{where}: is no JSON ({error})") from error
        if not isinstance(row, dict):
            raise DatasetError(f"{where}: must be a JSON object")
        if "checksum" in row and row["checksum"] != row_checksum(row):
            raise DatasetError(
                f"{where}: the row was altered after it was measured, its checksum is "
                "another; take the line out, or measure it again"
            )
        identity = row.get("id")
        if not (identity is None or isinstance(identity, str)):
            raise DatasetError(f"{where}: 'id' must be text, got {identity!r:.40}")
        found[number if identity is None else identity] = where, row
    for identity in list(found):  # a network is large: let go of it when it is read
        yield found.pop(identity)


@contextmanager
def _without_collection() -> Iterator[None]:
    # Looking for cycles among millions of new objects, of which none is in one, would
    # take as long as counting the networks.
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def read_measurements(
    paths: Sequence[str | Path], *, keep_invalid: bool = False
) -> list[Measurement]:
    """Read measurement files.

    Of several rows with the same `id` in one file the last one counts: that is how a
    file to which lines are only ever appended corrects itself.

    Parameters
    ----------
    paths : sequence of str or Path
        JSON Lines files, or such files packed by gzip (``.gz``).
    keep_invalid : bool, default=False
        Whether rows marked ``"valid": false`` are returned too.

    Returns
    -------
    measurements : list of Measurement
        In the order of the files.

    Raises
    ------
    InputFileError
        If a file is missing or unreadable.
    DatasetError
        If a line is no JSON object or breaks the format; names file, line and field.
    """
    networks = CountedNetworks()
    with _without_collection():
        measurements = [
            measurement_of(row, networks, path, where)
            for path in map(Path, paths)
            for where, row in _latest_rows(path)
            if row.get("valid", True) or keep_invalid
        ]
    if not measurements:
        raise DatasetError(
            f"{', '.join(map(str, paths))}: no valid measurement inside; "
            "measure with `dataset_builder sweep`"
        )
    return measurements
