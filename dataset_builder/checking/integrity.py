"""Whether what was measured is still what is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from dataset_builder.checking.report import Remark, Section, counted, figure, named
from dataset_builder.plan.configuration import Configuration, Loss
from dataset_builder.store.contents import (
    ANCHORS_FILE,
    FAILURES_FILE,
    IDLE_FILE,
    Contents,
    Row,
    RowsFile,
)
from dataset_builder.store.journal import JournalContent
from dataset_builder.store.manifest import network_file
from predictor.errors import PredictorError
from predictor.readers import read_network

SHOWN = 5
MOST_EPOCHS = 16
"""A row has the epochs done; an identity those wanted, which are tried up to here."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_row_integrity(contents: Contents, file: RowsFile) -> Section:
    """Check lines, identities and networks of a file of rows.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        What is damaged.
    """
    wrong = [row for row in file.rows if not _is_itself(row)]
    missing, altered = _networks(contents.directory, file.rows)
    problems = _line_problems(contents, file.path, file.content)
    if not file.rows:
        command = contents.sweep_command(rows=file.name)
        problems.append(Remark(text=f"{file.name}: no rows", command=command))
    if wrong:
        problems.append(
            Remark(
                text=f"{file.name}: {counted(len(wrong), 'row')} whose id does not "
                f"follow from the content, first {wrong[0]['id']}; bring the file back "
                "as it was measured",
                command=_restore(file.path),
            )
        )
    networks = contents.directory / "networks"
    for digests, what in ((missing, "missing"), (altered, "not what was measured")):
        if digests:
            problems.append(
                Remark(
                    text=f"{file.name}: {counted(len(digests), 'network')} {what}, "
                    f"first {digests[0][:16]}; bring them back from where the rows "
                    "came from",
                    command=_restore(networks),
                )
            )
    if file.unreadable and not problems:
        problems.append(
            Remark(
                text=f"{file.name}: cannot be read for a fit: {file.unreadable}",
                command=shlex.join(["predictor", "evaluate", str(file.path)]),
            )
        )
    lines, rows = len(file.content.rows), len(file.rows)
    return Section(
        title="integrity",
        file=file.name,
        facts={
            "lines": lines,
            "rows": rows,
            "damaged_lines": list(file.content.damaged),
            "torn": bool(file.content.torn),
            "wrong_ids": [row["id"] for row in wrong],
            "missing_networks": missing,
            "altered_networks": altered,
            "unreadable": file.unreadable,
        },
        lines=(
            figure(lines, f"intact lines, {rows} rows; a later line of the same id"),
            figure("", "takes the place of the earlier one"),
        )
        if lines > rows
        else (figure(lines, "intact lines, one for each row"),),
        problems=tuple(problems),
    )


def check_integrity(contents: Contents) -> Section:
    """Check the files beside the rows.

    Parameters
    ----------
    contents : Contents
        The data set.

    Returns
    -------
    section : Section
        What is damaged or missing.
    """
    directory = contents.directory
    problems = []
    if contents.manifest is None:
        problems.append(
            Remark(
                text="manifest.json is missing: nobody knows what was measured on",
                command=_restore(directory / "manifest.json"),
            )
        )
    for name, content in (
        (ANCHORS_FILE, contents.anchors),
        (IDLE_FILE, contents.idle),
        (FAILURES_FILE, contents.failures),
    ):
        problems += _line_problems(contents, directory / name, content)
    stored = {path.stem for path in (directory / "networks").glob("*.json")}
    spare = sorted(stored - _used_networks(contents))
    kinds: dict[str, int] = {}
    for row in contents.failures.rows:
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
    lines = [figure(len(stored), "networks stored")]
    if kinds:
        lines.append(figure(sum(kinds.values()), f"failed trials: {named(kinds)}"))
    notes = []
    if spare:
        notes.append(
            Remark(
                text=f"{counted(len(spare), 'network')} without a row, first "
                f"{spare[0][:16]}; a killed sweep leaves such, and they do no harm"
            )
        )
    return Section(
        title="files",
        facts={
            "networks": len(stored),
            "networks_without_rows": spare,
            "failures": kinds,
        },
        lines=tuple(lines),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _restore(path: Path) -> str:
    return shlex.join(["git", "restore", str(path)])


def _line_problems(
    contents: Contents, path: Path, content: JournalContent
) -> list[Remark]:
    problems = []
    if content.torn:
        problems.append(
            Remark(
                text=f"{path.name}: the last line is unfinished; a sweep sets it aside",
                command=contents.sweep_command(rows=path.name),
            )
        )
    if content.damaged:
        numbers = ", ".join(map(str, content.damaged[:SHOWN]))
        script = ";".join(f"{number}d" for number in content.damaged)
        problems.append(
            Remark(
                text=f"{path.name}: {counted(len(content.damaged), 'damaged line')} "
                f"({numbers}); bring the file back, or remove them and sweep again",
                command=shlex.join(["sed", "-i", script, str(path)]),
            )
        )
    return problems


def _is_itself(row: Row) -> bool:
    identity, platform = row.get("id"), row.get("platform")
    if not (isinstance(identity, str) and isinstance(platform, str)):
        return True  # of another origin: nothing to compare with
    try:
        return identity in _identities(row, platform)
    except (KeyError, TypeError, ValueError):
        return True  # a fit names the missing field


def _identities(row: Row, platform: str) -> set[str]:
    losses: tuple[Loss, ...] = (row["loss"],) if "loss" in row else get_args(Loss)
    return {
        Configuration(
            network={},
            network_sha256=row["network_sha256"],
            name="",
            family="",
            mode=row["mode"],
            batch_size=row["batch_size"],
            epochs=wanted,
            optimizer=row["optimizer"],
            dtype=row["dtype"],
            loss=loss,
            repeat=row["repeat"],
        ).identity(platform)
        for wanted in range(1, MOST_EPOCHS + 1)
        for loss in losses
    }


def _networks(directory: Path, rows: Iterable[Row]) -> tuple[list[str], list[str]]:
    missing, altered = [], []
    for digest in sorted({str(row.get("network_sha256", "")) for row in rows}):
        if not _DIGEST.fullmatch(digest):
            continue  # the network stands in the row itself, or a fit complains
        path = network_file(directory, digest)
        if not path.exists():
            missing.append(digest)
            continue
        try:
            whole = read_network(path).sha256 == digest
        except PredictorError:
            whole = False
        if not whole:
            altered.append(digest)
    return missing, altered


def _used_networks(contents: Contents) -> set[Any]:
    used = set((contents.manifest or {}).get("zoo", {}).values())
    journals = [file.content for file in contents.files]
    for content in (*journals, contents.anchors, contents.failures):
        used |= {row.get("network_sha256") for row in content.rows}
    return used
