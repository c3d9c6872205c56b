"""A fitted model on disk: a manifest and arrays, no code inside."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np

from predictor import __version__
from predictor.counting.operation import OPERATION_KINDS, PHASES
from predictor.dataset import Target
from predictor.domain import Domain
from predictor.errors import ModelFileError
from predictor.features import (
    FEATURE_NAMES,
    FEATURES_VERSION,
    OPERATION_COLUMNS,
    STEP_COLUMNS,
    FloatArray,
    StepTable,
)
from predictor.fitted_model import FittedModel, TargetModel
from predictor.hardware import Platform
from predictor.manifest import FORMAT_VERSION, check_manifest, manifest_digest
from predictor.metrics import Errors
from predictor.regressors import REGRESSORS, Regressor
from predictor.regressors.blend import BLEND, Blend
from predictor.regressors.nested import below
from predictor.regressors.shapes import SHAPE_COLUMNS

MANIFEST, ARRAYS = "manifest.json", "arrays.npz"
LARGEST_MANIFEST_BYTES = 4 * 1024**2
LARGEST_ARRAYS_BYTES = 64 * 1024**2
"""Limits on the files, and on the arrays once unpacked."""

_PARTS = ("steps", "cold")
_EXAMPLE_TOLERANCE = 1e-9
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, LookupError, ValueError, OSError, EOFError),
    *(NotImplementedError, RuntimeError),  # of zipfile, for what it cannot unpack
)


def _write(path: Path, content: bytes) -> None:
    """Write beside, then rename, so that a reader never sees half a file."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def save_model(model: FittedModel, folder: str | Path, *, example: StepTable) -> None:
    """Write a fitted model.

    Parameters
    ----------
    model : FittedModel
        What to write.
    folder : str or Path
        Made where missing; a model inside is replaced.
    example : StepTable
        A single configuration whose answer is stored and checked on reading.

    Raises
    ------
    ModelFileError
        If the folder cannot be written.
    """
    arrays: dict[str, Any] = {
        "power_residuals": model.power_residuals,
        "example/operations": example.operations,
        "example/layer": example.layer,
        "example/steps": example.steps,
    }
    for name in Domain.__slots__:
        arrays[f"domain/{name}"] = getattr(model.domain, name)
    targets: dict[str, dict[str, object]] = {}
    for part in _PARTS:
        targets[part] = {}
        for target, fitted in getattr(model, part).items():
            targets[part][target] = {
                "chosen": fitted.chosen,
                "regressors": [name for name in fitted.regressors if name != BLEND],
                "weights": fitted.weights,
                "errors": {
                    name: {key: _finite(value) for key, value in asdict(errors).items()}
                    for name, errors in fitted.errors.items()
                },
                "example": float(fitted.predict(example)[0]),
            }
            arrays[f"{part}/{target}/pair_residuals"] = fitted.pair_residuals
            for name, regressor in fitted.regressors.items():
                # A blend has residuals of its own, and its members' arrays.
                where = f"{part}/{target}/{name}"
                arrays[f"{where}/residuals"] = fitted.residuals[name]
                for key, values in regressor.to_arrays().items():
                    arrays[f"{where}/{key}"] = values
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    content = buffer.getvalue()
    manifest: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "name": model.name,
        "platform": asdict(model.platform),
        "features_version": FEATURES_VERSION,
        "feature_names": list(FEATURE_NAMES),
        "operation_kinds": list(OPERATION_KINDS),
        "phases": list(PHASES),
        "targets": targets,
        "units": {"energy_j": "J per step", "duration_s": "s per step"},
        "choice": "smallest mean absolute log error on left-out architectures; the "
        "blend is of those that 95 % confidence does not tell from the best",
        "rows": model.rows,
        "noise_floor": model.noise_floor,
        "data_digest": model.data_digest,
        "base": model.base,
        "levels": model.levels,
        "versions": {
            "watt-ahead": __version__,
            **{
                package: importlib.metadata.version(package)
                for package in ("numpy", "scikit-learn", "scipy")
            },
        },
        "arrays_sha256": hashlib.sha256(content).hexdigest(),
    }
    manifest["digest"] = manifest_digest(manifest)
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        _write(path / ARRAYS, content)
        _write(path / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    except OSError as error:
        raise ModelFileError(f"{folder}: cannot be written ({error})") from error


def _read_file(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(largest + 1)
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{path}: no such file; give the folder of a fitted model, or make one "
            "with `predictor fit ROWS -o FOLDER`"
        ) from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error})") from error
    if len(content) > largest:
        raise ModelFileError(
            f"{path}: over {largest} bytes; no fitted model is as large"
        )
    return content


def _read_arrays(content: bytes, path: Path) -> dict[str, Any]:
    """Read arrays whose headers agree with the sizes of their files."""
    arrays: dict[str, Any] = {}
    room = LARGEST_ARRAYS_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                with archive.open(member) as stream:
                    raw = stream.read(room + 1)
                room -= len(raw)
                if room < 0:
                    raise ModelFileError(
                        f"{path}: unpacks to over {LARGEST_ARRAYS_BYTES} bytes"
                    )
                data = io.BytesIO(raw)
                version = np.lib.format.read_magic(data)
                header = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, by_column, dtype = header(data)
                if dtype.hasobject or dtype.kind not in "fi":
                    raise ModelFileError(f"{path}: {member.filename} holds no numbers")
                if math.prod(shape) * dtype.itemsize != len(raw) - data.tell():
                    raise ModelFileError(f"{path}: {member.filename} lies on its size")
                arrays[member.filename.removesuffix(".npy")] = np.ndarray(
                    shape,
                    dtype,
                    buffer=raw,
                    offset=data.tell(),
                    order="F" if by_column else "C",
                )
    except ModelFileError:
        raise
    except _DAMAGE as error:
        raise ModelFileError(f"{path}: is damaged ({error!s:.200})") from error
    return arrays


def _check_finite(arrays: Mapping[str, Any], where: str) -> None:
    for name, values in arrays.items():
        # Ranges have a NaN for what was never measured.
        is_range = name.rpartition(".")[2] in ("lowest", "highest")
        if values.dtype.kind == "f" and not is_range and not np.isfinite(values).all():
            raise ModelFileError(f"{where}/{name} holds what is no finite number")


def _read_target(
    entry: Mapping[str, Any], arrays: Mapping[str, Any], where: str
) -> TargetModel:
    regressors: dict[str, Regressor] = {}
    residuals = {}
    for name in (*entry["regressors"], BLEND):
        own = below(arrays, f"{where}/{name}/")
        _check_finite(own, f"{where}/{name}")
        residuals[name] = np.sort(np.asarray(own.pop("residuals"), dtype=np.float64))
        if name != BLEND:
            regressors[name] = REGRESSORS[name].from_arrays(own, regressors)
    weights = {str(name): float(one) for name, one in entry["weights"].items()}
    if not set(weights) <= set(regressors) or not all(w > 0 for w in weights.values()):
        raise KeyError("a member of the blend")
    regressors[BLEND] = Blend(members=dict(regressors), weights=weights)
    if entry["chosen"] not in regressors:
        raise KeyError(entry["chosen"])
    return TargetModel(
        chosen=entry["chosen"],
        regressors=regressors,
        residuals=residuals,
        errors={
            name: Errors(
                **{  # type: ignore[arg-type]
                    key: float("nan") if value is None and key != "coverage" else value
                    for key, value in errors.items()
                }
            )
            for name, errors in entry["errors"].items()
        },
        pair_residuals=np.sort(
            np.asarray(arrays[f"{where}/pair_residuals"], dtype=np.float64)
        ),
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    content = _read_file(path, LARGEST_MANIFEST_BYTES)
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: is no JSON ({error})") from error
    return check_manifest(manifest, str(path))


def load_model(folder: str | Path) -> FittedModel:
    """Read a fitted model with numpy alone.

    Parameters
    ----------
    folder : str or Path
        Where `save_model` wrote.

    Returns
    -------
    model : FittedModel
        Ready to estimate.

    Raises
    ------
    ModelFileError
        If a file is missing, too large, truncated, altered or damaged, or the stored
        example comes out differently.
    FeatureMismatchError
        If it was fitted on other features.
    """
    path = Path(folder)
    manifest = _read_manifest(path / MANIFEST)
    content = _read_file(path / ARRAYS, LARGEST_ARRAYS_BYTES)
    if hashlib.sha256(content).hexdigest() != manifest["arrays_sha256"]:
        raise ModelFileError(
            f"{path / ARRAYS}: does not belong to the manifest (its checksum differs)"
        )
    arrays = _read_arrays(content, path / ARRAYS)
    try:
        parts = {
            part: {
                cast(Target, target): _read_target(entry, arrays, f"{part}/{target}")
                for target, entry in manifest["targets"][part].items()
            }
            for part in _PARTS
        }
        model = FittedModel(
            name=manifest["name"],
            platform=Platform(**manifest["platform"]),
            steps=parts["steps"],
            cold=parts["cold"],
            power_residuals=np.sort(arrays["power_residuals"]),
            domain=_read_domain(arrays),
            rows=manifest["rows"],
            noise_floor=manifest["noise_floor"],
            data_digest=manifest["data_digest"],
            base=manifest["base"],
            levels=manifest["levels"],
        )
        example = StepTable(
            operations=arrays["example/operations"],
            step=np.zeros(len(arrays["example/operations"]), dtype=np.int64),
            layer=arrays["example/layer"],
            steps=arrays["example/steps"],
        )
    except ModelFileError:
        raise
    except (LookupError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"{path}: its parts do not fit together ({error!s:.200}); fit the model "
            "again"
        ) from error
    _check_example(model, manifest, example, path)
    return model


def _read_domain(arrays: Mapping[str, Any]) -> Domain:
    domain = Domain(**{name: arrays[f"domain/{name}"] for name in Domain.__slots__})
    by_operation = (len(OPERATION_KINDS), len(PHASES), len(SHAPE_COLUMNS))
    for name, values in (
        (by_operation, domain.lowest),
        (by_operation, domain.highest),
        ((len(STEP_COLUMNS),), domain.step_lowest),
        ((len(STEP_COLUMNS),), domain.step_highest),
    ):
        if values.shape != name:
            raise ModelFileError("stored ranges are damaged; fit the model again")
    return domain


def _are_indices(values: FloatArray, sizes: Sequence[int]) -> bool:
    return bool(((values >= 0) & (values < sizes) & (values % 1 == 0)).all())


def _check_example(
    model: FittedModel, manifest: Mapping[str, Any], example: StepTable, path: Path
) -> None:
    shapes = (example.operations.shape[1:], example.steps.shape, example.layer.shape)
    wanted = (
        (len(OPERATION_COLUMNS),),
        (1, len(STEP_COLUMNS)),
        example.operations.shape[:1],
    )
    kinds = len(OPERATION_KINDS), len(PHASES)
    if shapes != wanted or not _are_indices(example.operations[:, :2], kinds):
        raise ModelFileError(f"{path}: the stored example is damaged")
    for part in _PARTS:
        for target, fitted in getattr(model, part).items():
            stored = manifest["targets"][part][target]["example"]
            try:
                answer = float(fitted.predict(example)[0])
            except (LookupError, ValueError) as error:
                raise ModelFileError(
                    f"{path}: cannot answer to its stored example ({error!s:.200}); "
                    "fit the model again"
                ) from error
            if not math.isclose(answer, stored, rel_tol=_EXAMPLE_TOLERANCE):
                raise ModelFileError(
                    f"{path}: answers {answer:.6g} to its stored example instead of "
                    f"{stored:.6g}; fit the model again"
                )


def digest_of(folder: str | Path) -> str:
    """Return the digest that names a fitted model.

    Parameters
    ----------
    folder : str or Path
        Where `save_model` wrote.

    Returns
    -------
    digest : str
        SHA-256 in hex over the manifest, which covers the arrays.
    """
    return str(_read_manifest(Path(folder) / MANIFEST)["digest"])
