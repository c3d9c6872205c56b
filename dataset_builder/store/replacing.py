"""A directory that is made, or replaced, whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dataset_builder.locks import owned_directory
from dataset_builder.store.journal import sync_directory
from predictor.errors import InputFileError


@contextlib.contextmanager
def replaced_directory(target: Path) -> Iterator[Path]:
    """Fill a directory that takes another's place when it is complete.

    It is made beside its target and held by a lock. What a kill leaves there is cleared
    up by the next call, which also brings a target back that was already moved away.

    Parameters
    ----------
    target : Path
        Absolute; may exist.

    Yields
    ------
    temporary : Path
        Empty; becomes the target at the end of the block, unless that raises.

    Raises
    ------
    UsageError
        If another process is about to replace the same target.
    InputFileError
        If it cannot be written; the target is as it was.
    """
    temporary = target.with_name(f".{target.name}.new")
    aside = target.with_name(f".{target.name}.old")
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        with owned_directory(temporary):
            _recover(target, aside)
            for entry in temporary.iterdir():
                _remove(entry)
            try:
                yield temporary
                sync_directory(temporary)
                if target.exists():
                    target.rename(aside)
                temporary.rename(target)
                sync_directory(target.parent)
            finally:
                _remove(temporary)
                _recover(target, aside)
    except OSError as error:
        raise InputFileError(f"{target}: cannot be written ({error})") from error


def _recover(target: Path, aside: Path) -> None:
    if aside.exists():
        if target.exists():
            _remove(aside)
        else:
            aside.rename(target)


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
