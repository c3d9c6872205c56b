"""Which of a repository's files are networks, and their content on disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from predictor.errors import InputFileError, RepositoryError, UsageError
from predictor.pull_request.repository import (
    FileChange,
    FileSide,
    blob_sizes,
    copy_blob,
)
from predictor.readers.huggingface import is_config
from predictor.readers.limits import (
    LARGEST_FILE_BYTES,
    open_regular_file,
    parse_json,
    read_capped,
)

Likeness = Literal["network", "perhaps", "other"]

DEFAULT_GLOBS = ("*.json", "*.keras", "*.onnx")
MOST_FILES = 5_000
LARGEST_BLOB_BYTES = 2 * 2**30
"""An ONNX file with weights; a description without them is far smaller."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HUGGINGFACE_KEYS = {"architectures", "transformers_version"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One side of a changed file that may be a network.

    Parameters
    ----------
    path : str
        From the top of the repository.
    file : Path
        Where its content is.
    problem : str, default=""
        Why there is no content.
    likeness : {"network", "perhaps", "other"}
        Whether it says of itself that it is one; a file that was asked for by name, or
        whose ending says so, is.
    """

    path: str
    file: Path
    problem: str = ""
    likeness: Likeness


@contextmanager
def candidates(
    top: Path, changes: Sequence[FileChange], globs: Sequence[str]
) -> Iterator[Iterator[tuple[Candidate | None, Candidate | None]]]:
    """Lay out the content of changed files that may be networks.

    Parameters
    ----------
    top : Path
        Of the repository.
    changes : sequence of FileChange
        What changed.
    globs : sequence of str
        What a path must be like, one of them; none for `DEFAULT_GLOBS`.

    Yields
    ------
    pairs : iterator of tuple of Candidate or None
        Base and head of each change. The files are there until the next one is taken.

    Raises
    ------
    UsageError
        If there are more than `MOST_FILES`.
    """
    wanted = tuple(globs) or DEFAULT_GLOBS
    chosen = [
        (base, head)
        for base, head in (
            (_only(one.base, wanted), _only(one.head, wanted)) for one in changes
        )
        if base or head
    ]
    if len(chosen) > MOST_FILES:
        raise UsageError(
            f"{len(chosen):,} changed files may be networks, more than {MOST_FILES:,}; "
            "say by --networks which are"
        )
    sides = [side for pair in chosen for side in pair if side]
    sizes = blob_sizes(top, sorted({side.blob for side in sides if side.blob}))
    with TemporaryDirectory(prefix="watt-ahead-") as folder:

        def laid_out(side: FileSide | None, name: str) -> Candidate | None:
            if side is None:
                return None
            file, problem = Path(folder, name), ""
            sure = bool(globs) or not side.path.endswith(".json")
            likeness: Likeness = "network" if sure else "other"
            try:
                _copy(top, side, sizes, file)
                likeness = likeness if sure else likeness_of(file)
            except (InputFileError, RepositoryError) as error:
                problem = str(error)
            return Candidate(
                path=side.path, file=file, problem=problem, likeness=likeness
            )

        yield (
            (laid_out(base, "base"), laid_out(head, "head")) for base, head in chosen
        )


def likeness_of(file: Path) -> Likeness:
    """Say whether a JSON file looks like the description of a network.

    Parameters
    ----------
    file : Path
        Any file.

    Returns
    -------
    likeness : {"network", "perhaps", "other"}
        ``perhaps`` where only reading it tells; ``other`` also for what is no JSON.

    Raises
    ------
    InputFileError
        If it cannot be read.
    """
    with open_regular_file(file) as opened:
        content = read_capped(opened, str(file))
    if b"class_name" not in content and b"model_type" not in content:
        return "other"  # found so without parsing what may be large
    try:
        value = parse_json(content, str(file))
        if isinstance(value, str):  # json.dump(model.to_json())
            value = parse_json(value.encode("utf-8", "surrogatepass"), str(file))
    except InputFileError:
        return "other"
    if not isinstance(value, dict):
        return "other"
    if "class_name" in value and "config" in value:
        return "network"
    if is_config(value) and _HUGGINGFACE_KEYS & value.keys():
        return "network"
    return "perhaps" if is_config(value) or "layers" in value else "other"


def _only(side: FileSide | None, globs: Sequence[str]) -> FileSide | None:
    if side and any(fnmatchcase(side.path, glob) for glob in globs):
        return side
    return None


def _copy(top: Path, side: FileSide, sizes: dict[str, int], target: Path) -> None:
    target.unlink(missing_ok=True)
    if side.blob is None:
        source = top / side.path
        if source.is_symlink():
            raise InputFileError(f"cannot read {side.path!r}: it is a link")
        with open_regular_file(source) as opened, target.open("wb") as file:
            _check_size(os.fstat(opened.fileno()).st_size, side)
            shutil.copyfileobj(opened, file)
    elif side.blob not in sizes:
        raise InputFileError(
            f"cannot read {side.path!r}: this clone does not hold its content"
        )
    else:
        _check_size(sizes[side.blob], side)
        with target.open("wb") as file:
            copy_blob(top, side.blob, file)
    with target.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise InputFileError(
                f"cannot read {side.path!r}: Git LFS keeps its content elsewhere, and "
                "only the pointer to it is in git"
            )


def _check_size(size_bytes: int, side: FileSide) -> None:
    # Archives and ONNX files may have weights, which are not read.
    json = side.path.endswith(".json")
    limit_bytes = LARGEST_FILE_BYTES if json else LARGEST_BLOB_BYTES
    if size_bytes > limit_bytes:
        raise InputFileError(
            f"cannot read {side.path!r}: it is larger than {limit_bytes // 2**20} MiB"
        )
