"""What a data set says about its origin, and the networks it keeps."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dataset_builder.store.journal import sync_directory
from dataset_builder.trial.environment import differences, environment_sha256
from dataset_builder.trial.protocol import PROTOCOL
from predictor import __version__
from predictor.errors import DatasetError, InputFileError, UsageError
from predictor.readers import network_sha256

MANIFEST_FORMAT = 1
KEYS_OF_THE_CODE = ("protocol", "code")
"""Keys of a manifest that say how was measured."""

MEASURING_PACKAGES = ("meters", "trial")
"""Packages whose code decides what is measured."""


def read_manifest(directory: Path) -> dict[str, Any] | None:
    """Read a data set's manifest.

    Parameters
    ----------
    directory : Path
        The data set.

    Returns
    -------
    manifest : dict or None
        None where there is none.

    Raises
    ------
    DatasetError
        If it is no JSON object.
    """
    path = directory / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    if not isinstance(manifest, dict):
        raise DatasetError(f"{path}: must be a JSON object")
    return manifest


def make_manifest(
    stored: Mapping[str, Any] | None,
    environment: Mapping[str, object],
    *,
    rows: str,
    plan: Mapping[str, object],
    force: bool = False,
) -> dict[str, Any]:
    """Return the manifest of a sweep that begins or goes on.

    One data set may hold several files of rows, each with its own plan and seed, all
    measured in one environment.

    Parameters
    ----------
    stored : mapping or None
        The manifest so far; None for a new data set.
    environment : mapping
        As `describe_environment` returns it.
    rows : str
        Name of the file of rows, without its ending.
    plan : mapping
        Plan, seed and shard.
    force : bool, default=False
        Accept differences and record them.

    Returns
    -------
    manifest : dict
        JSON values.

    Raises
    ------
    UsageError
        If the stored rows were measured elsewhere or under another plan; names every
        difference.
    DatasetError
        If the stored manifest has another format.
    """
    fresh: dict[str, Any] = {
        "format": MANIFEST_FORMAT,
        "builder_version": __version__,
        "protocol": PROTOCOL,
        "code": measuring_code(),
        "environment": dict(environment),
        "environment_sha256": environment_sha256(environment),
        "plans": {rows: dict(plan)},
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if stored is None:
        return fresh
    differing = _differences(stored, fresh, rows)
    if differing and not force:
        raise UsageError(
            "the directory holds rows of another sweep; differing: "
            f"{'; '.join(differing)}. Give another --out, or --force-resume to go on "
            "all the same"
        )
    plans = stored.get("plans", {}) | fresh["plans"]
    merged = {**stored, "plans": plans, "builder_version": __version__}
    if differing:
        forced = {"at": fresh["created_at"], "differing": differing}
        merged["forced_resumes"] = [*stored.get("forced_resumes", []), forced]
        for key in (*KEYS_OF_THE_CODE, "environment", "environment_sha256"):
            merged[key] = fresh[key]
    return merged


def _differences(
    stored: Mapping[str, Any], fresh: Mapping[str, Any], rows: str
) -> list[str]:
    if stored.get("format") != MANIFEST_FORMAT:
        raise DatasetError(
            f"manifest.json has format {stored.get('format')!r}; this version writes "
            f"{MANIFEST_FORMAT}"
        )
    old = {"builder": stored.get("builder_version"), **stored["environment"]}
    new = {"builder": fresh["builder_version"], **fresh["environment"]}
    for name in KEYS_OF_THE_CODE:
        old[name], new[name] = stored.get(name), fresh[name]
    before, now = stored.get("plans", {}).get(rows), fresh["plans"][rows]
    of_plan = differences({key: before.get(key) for key in now}, now) if before else []
    return differences(old, new) + of_plan


def measuring_code() -> str:
    """Return a short hash of the code that decides what is measured.

    Comments, docstrings and layout do not count.

    Returns
    -------
    digest : str
        12 hexadecimal digits.

    Examples
    --------
    >>> len(measuring_code())
    12
    """
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    parts = [sorted((package / name).glob("*.py")) for name in MEASURING_PACKAGES]
    for path in itertools.chain(*parts):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [item for item in body if not _is_text(item)]  # type: ignore[attr-defined]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:12]


def _is_text(item: object) -> bool:
    if not isinstance(item, ast.Expr) or not isinstance(item.value, ast.Constant):
        return False
    return isinstance(item.value.value, str)


def write_manifest(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Write a data set's manifest, whole or not at all.

    Parameters
    ----------
    directory : Path
        The data set.
    manifest : mapping
        JSON values.

    Raises
    ------
    InputFileError
        If it cannot be written.
    """
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    write_atomically(directory / "manifest.json", text)


def network_file(directory: Path, digest: str) -> Path:
    """Return where a data set keeps a network.

    Parameters
    ----------
    directory : Path
        The data set.
    digest : str
        SHA-256 of the description.

    Returns
    -------
    path : Path
        The file.

    Examples
    --------
    >>> network_file(Path("data"), "ab12").as_posix()
    'data/networks/ab12.json'
    """
    return directory / "networks" / f"{digest}.json"


def store_network(directory: Path, network: Mapping[str, object]) -> str:
    """Keep a network beside the rows, once.

    Parameters
    ----------
    directory : Path
        The data set.
    network : mapping
        Keras JSON.

    Returns
    -------
    digest : str
        SHA-256 of the description.

    Raises
    ------
    InputFileError
        If it cannot be written.
    """
    digest = network_sha256(network)
    path = network_file(directory, digest)
    if not path.exists():
        text = json.dumps(network, sort_keys=True, separators=(",", ":"))
        write_atomically(path, text)
    return digest


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that either the old or the new content is there.

    Parameters
    ----------
    path : Path
        Where; its directory is made where it is missing.
    text : str
        What.

    Raises
    ------
    InputFileError
        If it cannot be written; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise InputFileError(f"{path}: cannot be written ({error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # still there after an error or Ctrl-C


def remove_unfinished(directory: Path) -> None:
    """Remove what a killed sweep had not finished writing.

    Parameters
    ----------
    directory : Path
        The data set; nobody else writes there.
    """
    for place in (directory, network_file(directory, "").parent):
        for path in place.glob(".*.json.*.tmp"):
            with contextlib.suppress(OSError):
                path.unlink()
