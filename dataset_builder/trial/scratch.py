"""A temporary directory that even a killed owner does not leave for long."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dataset_builder.locks import owned_directory
from predictor.errors import InputFileError, PredictorError

PREFIX = "watt-ahead-"
NEW_S = 60.0
"""A directory as young as this may be one whose owner is about to lock it."""


@contextlib.contextmanager
def scratch_directory() -> Iterator[Path]:
    """Hold an empty directory within a block, and remove it afterwards.

    Directories that killed owners left behind are removed too: nobody locks them.

    Yields
    ------
    directory : Path
        In the system's temporary directory.

    Raises
    ------
    InputFileError
        If it cannot be made.

    Examples
    --------
    >>> with scratch_directory() as directory:
    ...     list(directory.iterdir())
    []
    >>> directory.exists()
    False
    """
    try:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise InputFileError(
            f"no temporary directory can be made ({error}); name another place for it "
            "in TMPDIR"
        ) from error
    try:
        with owned_directory(directory):
            _remove_abandoned(directory.parent)
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for directory in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, PredictorError), owned_directory(directory):
            if time.time() - directory.stat().st_mtime > NEW_S:
                shutil.rmtree(directory, ignore_errors=True)
