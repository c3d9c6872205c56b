"""What a data set on disk holds: rows, anchors, idle periods, failures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder.store.journal import JournalContent, latest_rows, read_journal
from dataset_builder.store.manifest import read_manifest
from predictor.dataset import Measurement, read_measurements
from predictor.errors import InputFileError, PredictorError

ROW_FILES = ("runs.jsonl", "zoo.jsonl", "paper.jsonl")
ANCHORS_FILE = "anchors.jsonl"
IDLE_FILE = "idle.jsonl"
SELFTESTS_FILE = "selftests.jsonl"
FAILURES_FILE = "failures.jsonl"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsFile:
    """One file of rows.

    Parameters
    ----------
    path : Path
        The file.
    content : JournalContent
        Every intact line, and what is wrong.
    rows : tuple of mapping
        The rows that count: the last line of each `id`.
    measurements : tuple of Measurement
        The valid rows, as a fit reads them; empty where it cannot.
    unreadable : str or None
        Why a fit cannot read the file; None where it can, or where no row is valid.
    """

    path: Path
    content: JournalContent
    rows: tuple[Row, ...]
    measurements: tuple[Measurement, ...]
    unreadable: str | None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    @property
    def valid(self) -> list[Row]:
        """The rows that count and are valid."""
        return [row for row in self.rows if row.get("valid", True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A data set.

    Parameters
    ----------
    directory : Path
        Where it is.
    manifest : mapping or None
        Its manifest; None where there is none.
    files : tuple of RowsFile
        Its files of rows, at least one.
    anchors, idle, failures : JournalContent
        Its other files; empty where they are missing.
    """

    directory: Path
    manifest: Mapping[str, Any] | None
    files: tuple[RowsFile, ...]
    anchors: JournalContent
    idle: JournalContent
    failures: JournalContent

    @property
    def protocol(self) -> int:
        """Number of the protocol it was measured by; 1 where it does not say."""
        return int((self.manifest or {}).get("protocol") or 1)

    def sweep_command(
        self, *options: str, rows: str = "runs.jsonl", out: str | None = None
    ) -> str:
        """Return the command that goes on with the sweep of a file.

        Parameters
        ----------
        *options : str
            Further options; ``--plan`` takes the place of the file's own plan.
        rows : str, default="runs.jsonl"
            The file of rows.
        out : str, optional
            Another data set to begin; by default this one goes on.

        Returns
        -------
        command : str
            For a shell.
        """
        manifest = self.manifest or {}
        environment = manifest.get("environment", {})
        plan = manifest.get("plans", {}).get(rows.removesuffix(".jsonl"), {})
        standing = [
            ("--plan", plan.get("plan", "default"), "default"),
            ("--seed", plan.get("seed", 1), 1),
            ("--shard", _shard_option(plan.get("shard", [1, 1])), "1/1"),
            ("--backend", environment.get("backend", "jax"), "jax"),
            ("--device", environment.get("device", "cpu"), "cpu"),
        ]
        words = ["dataset_builder", "sweep", "--out", out or str(self.directory)]
        for option, value, default in standing:
            if value != default and option not in options:
                words += [option, str(value)]
        return shlex.join([*words, *options])


def read_contents(directory: Path) -> Contents:
    """Read a data set, without changing it.

    Parameters
    ----------
    directory : Path
        The data set.

    Returns
    -------
    contents : Contents
        What is there.

    Raises
    ------
    InputFileError
        If there are no rows, or a file cannot be read.
    DatasetError
        If the manifest is no JSON object.
    """
    paths = [directory / name for name in ROW_FILES if (directory / name).exists()]
    if not paths:
        command = shlex.join(["dataset_builder", "sweep", "--out", str(directory)])
        raise InputFileError(
            f"{directory}: holds none of {', '.join(ROW_FILES)}; measure with "
            f"`{command}`"
        )
    return Contents(
        directory=directory,
        manifest=read_manifest(directory),
        files=tuple(_rows_file(path) for path in paths),
        anchors=read_journal(directory / ANCHORS_FILE),
        idle=read_journal(directory / IDLE_FILE),
        failures=read_journal(directory / FAILURES_FILE),
    )


def _shard_option(shard: Sequence[object]) -> str:
    # Shards that were joined without making up the whole are a list of such.
    is_one = all(isinstance(part, int) for part in shard)
    return "/".join(map(str, shard)) if is_one else "1/1"


def _rows_file(path: Path) -> RowsFile:
    content = read_journal(path)
    rows = tuple(latest_rows(content.rows))
    measurements: list[Measurement] = []
    unreadable = None
    if any(row.get("valid", True) for row in rows):
        try:
            measurements = read_measurements([path])
        except PredictorError as error:
            unreadable = str(error)
    return RowsFile(
        path=path,
        content=content,
        rows=rows,
        measurements=tuple(measurements),
        unreadable=unreadable,
    )
