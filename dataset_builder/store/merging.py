"""Data sets measured in parts, merged into one: whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dataset_builder.locks import LOCK_FILE, owned_directory
from dataset_builder.store.joining import (
    Row,
    count_shared,
    joined_manifest,
    joined_rows,
    manifest_differences,
)
from dataset_builder.store.journal import latest_rows, read_journal, sync_directory
from dataset_builder.store.manifest import network_file, read_manifest, write_manifest
from dataset_builder.store.replacing import replaced_directory
from predictor.errors import DatasetError, InputFileError, UsageError
from predictor.readers import network_sha256

README = "README.md"
SHOWN_DAMAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSummary:
    """What a merge did.

    Parameters
    ----------
    sources : int
        Data sets merged.
    rows : mapping of str to int
        Number of different `id` in each file of rows.
    shared : int
        How many of them more than one source held.
    networks, hosts : int
        Networks kept, and hosts that measured.
    notes : tuple of str
        What was left out, or forced.
    """

    sources: int
    rows: Mapping[str, int]
    shared: int
    networks: int
    hosts: int
    notes: tuple[str, ...] = ()


def merge_datasets(
    target: Path, sources: Sequence[Path], *, force: bool = False
) -> MergeSummary:
    """Merge data sets that are parts of one, such as the shards of a job array.

    The sources stay as they are. A target made by an earlier merge keeps what it
    holds: it counts as one more source.

    Parameters
    ----------
    target : Path
        Directory to make; may be one that was made by merging.
    sources : sequence of Path
        Directories of sweeps of one plan, seed, device, backend and hardware.
    force : bool, default=False
        Merge although the sources differ, or hold damaged lines, which are left out;
        both is recorded in the manifest.

    Returns
    -------
    summary : MergeSummary
        What is in the target now.

    Raises
    ------
    UsageError
        If the sources are no parts of one data set, one of them is in use, or the
        target holds something that was not merged.
    InputFileError
        If something cannot be read or written.
    DatasetError
        If a source is damaged.
    """
    places = _places(target, sources)
    target = target.resolve()
    with replaced_directory(target) as temporary, contextlib.ExitStack() as held:
        if _is_merged(target):
            places = [target, *places]
        for place in places:
            held.enter_context(owned_directory(place))
        parts = [_read_part(place) for place in places]
        networks, missing = _networks(parts)
        manifest, notes = _manifest(parts, missing, force=force)
        summary = _write(temporary, parts, networks, manifest)
        if (target / README).is_file():
            shutil.copyfile(target / README, temporary / README)
    return replace(summary, notes=tuple(notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    path: Path
    manifest: dict[str, Any]
    rows: Mapping[str, list[Row]]
    damages: tuple[str, ...]
    notes: tuple[str, ...]

    def wanted_networks(self) -> set[str]:
        rows = (row for found in self.rows.values() for row in found)
        named = {row["network_sha256"] for row in rows if "network_sha256" in row}
        return named | set(self.manifest.get("zoo", {}).values())


def _places(target: Path, sources: Sequence[Path]) -> list[Path]:
    if not sources:
        raise UsageError("nothing to merge: name at least one data set")
    places = list(dict.fromkeys(source.resolve() for source in sources))
    for place in places:
        if place == target.resolve():
            raise UsageError(
                f"{target}: is both what is merged and where it goes; name another one"
            )
        if not place.is_dir():
            raise InputFileError(f"{place}: is no directory of a data set")
    return places


def _is_merged(target: Path) -> bool:
    if not target.exists():
        return False
    if not target.is_dir():
        raise UsageError(f"{target}: is no directory; give another one")
    strange = [entry.name for entry in target.iterdir() if not _is_ours(entry)]
    manifest = read_manifest(target)
    if manifest is not None and "merged_from" in manifest and not strange:
        return True
    if any(target.iterdir()):
        held = f"holds {strange[0]!r}, which" if strange else "holds a data set that"
        raise UsageError(
            f"{target}: {held} was not made by merging; give a new directory"
        )
    return False


def _is_ours(entry: Path) -> bool:
    if entry.is_dir():
        return entry.name == "networks"
    return entry.name in ("manifest.json", README, LOCK_FILE) or entry.suffix in (
        ".jsonl",
        ".torn",
    )


def _read_part(place: Path) -> _Part:
    manifest = read_manifest(place)
    if manifest is None:
        raise InputFileError(
            f"{place}: has no manifest.json, so nobody knows what was measured; name "
            "directories that `dataset_builder sweep` made"
        )
    rows: dict[str, list[Row]] = {}
    damages, notes = [], []
    for path in sorted(place.glob("*.jsonl")):
        content = read_journal(path)
        rows[path.name] = list(content.rows)
        damages += [f"{path}, line {number}" for number in content.damaged]
        if content.torn:
            notes.append(f"{path}: an unfinished last line is left out")
    return _Part(
        path=place,
        manifest=manifest,
        rows=rows,
        damages=tuple(damages),
        notes=tuple(notes),
    )


def _networks(parts: Sequence[_Part]) -> tuple[dict[str, Path], list[str]]:
    # One intact copy of each suffices, whichever source it is from.
    found: dict[str, Path] = {}
    missing: dict[str, Path] = {}
    for part in parts:
        for digest in sorted(part.wanted_networks() - set(found)):
            path = network_file(part.path, digest)
            if _is_intact(path):
                found[digest] = path
            else:
                missing.setdefault(digest, path)
    return found, [str(missing[digest]) for digest in sorted(set(missing) - set(found))]


def _is_intact(path: Path) -> bool:
    try:
        return network_sha256(json.loads(path.read_text("utf-8"))) == path.stem
    except (OSError, ValueError, RecursionError):
        return False


def _manifest(
    parts: Sequence[_Part], missing: Sequence[str], *, force: bool
) -> tuple[dict[str, Any], list[str]]:
    first = parts[0]
    differing = [
        f"{part.path.name} ({'; '.join(found)})"
        for part in parts[1:]
        if (found := manifest_differences(first.manifest, part.manifest))
    ]
    if differing and not force:
        raise UsageError(
            f"not parts of one data set; unlike {first.path.name} are "
            f"{', '.join(differing)}. Leave out what does not belong, or --force to "
            "mix them all the same"
        )
    damages = [damage for part in parts for damage in part.damages] + [*missing]
    if damages and not force:
        more = len(damages) - SHOWN_DAMAGES
        named = ", ".join(damages[:SHOWN_DAMAGES])
        raise DatasetError(
            f"damaged: {named}{f' and {more} more' if more > 0 else ''}. Measure them "
            "again with `dataset_builder sweep` in their directory, or --force to "
            "leave them out"
        )
    manifest = joined_manifest([part.manifest for part in parts])
    if differing or damages:
        lost = [f"{Path(damage).parent.name}/{Path(damage).name}" for damage in damages]
        forced = {"differing": differing, "damaged": lost}
        before = manifest.get("forced_merges", [])
        if forced not in before:
            manifest["forced_merges"] = [*before, forced]
    notes = [note for part in parts for note in part.notes]
    notes += [f"{damage}: damaged, left out" for damage in damages]
    notes += [f"forced: {difference}" for difference in differing]
    return manifest, notes


def _write(
    directory: Path,
    parts: Sequence[_Part],
    networks: Mapping[str, Path],
    manifest: Mapping[str, Any],
) -> MergeSummary:
    counts, shared = {}, 0
    for name in sorted({name for part in parts for name in part.rows}):
        sources = [
            [row for row in part.rows.get(name, []) if _is_usable(row, networks)]
            for part in parts
        ]
        rows = joined_rows(sources)
        lines = (json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        _write_durably(directory / name, "".join(lines).encode())
        counts[name] = len(latest_rows(rows))
        shared += count_shared(sources)
    (directory / "networks").mkdir()
    for digest, path in networks.items():
        _write_durably(network_file(directory, digest), path.read_bytes())
    sync_directory(directory / "networks")
    write_manifest(directory, manifest)
    return MergeSummary(
        sources=len(parts),
        rows=counts,
        shared=shared,
        networks=len(networks),
        hosts=len(manifest["hosts"]),
    )


def _is_usable(row: Row, networks: Mapping[str, Path]) -> bool:
    return "network_sha256" not in row or row["network_sha256"] in networks


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
