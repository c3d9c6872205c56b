"""Whether a data set is good: numbers first, then the problems they show."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder.families import FAMILIES
from dataset_builder.journal import read_journal
from dataset_builder.manifest import read_manifest
from dataset_builder.probes import PROBES
from predictor.dataset import read_measurements
from predictor.errors import InputFileError, PredictorError

ROW_FILES = ("runs.jsonl", "zoo.jsonl", "paper.jsonl")
LEAST_VALID_SHARE = 0.9
LARGEST_MEDIAN_SPREAD = 0.05
LARGEST_NOISE_FLOOR = 0.1
UNSTABLE_SPREAD = 0.1
LARGEST_UNSTABLE_SHARE = 0.1
SHOWN_ROWS = 5

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    Parameters
    ----------
    lines : tuple of str
        Numbers.
    problems : tuple of str
        What disqualifies the data set, each with what to do; empty if it is good.
    """

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def check_directory(directory: Path) -> CheckReport:
    """Check a data set.

    Parameters
    ----------
    directory : Path
        With at least one file of rows.

    Returns
    -------
    report : CheckReport
        Numbers and problems.

    Raises
    ------
    InputFileError
        If there are no rows.
    """
    lines: list[str] = []
    problems: list[str] = []
    files = [directory / name for name in ROW_FILES if (directory / name).exists()]
    if not files:
        raise InputFileError(
            f"{directory}: holds none of {', '.join(ROW_FILES)}; measure with "
            f"`dataset_builder sweep --out {directory}`"
        )
    if read_manifest(directory) is None:
        problems.append("manifest.json is missing: nobody knows what was measured on")
    for path in files:
        found = check_rows_file(path)
        lines += found.lines
        problems += found.problems
    failures = read_journal(directory / "failures.jsonl").rows
    if failures:
        kinds = Counter(row["kind"] for row in failures)
        named = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        lines.append(f"failed trials: {len(failures)} ({named})")
    return CheckReport(lines=tuple(lines), problems=tuple(problems))


def check_rows_file(path: Path) -> CheckReport:
    """Check one file of rows.

    Parameters
    ----------
    path : Path
        JSON Lines file of a sweep.

    Returns
    -------
    report : CheckReport
        Numbers and problems, each naming the file.
    """
    content = read_journal(path)
    rows, name = content.rows, path.name
    lines: list[str] = []
    problems: list[str] = []
    if content.torn:
        problems.append(f"{name}: the last line is unfinished; sweep again to mend it")
    if content.damaged:
        numbers = ", ".join(map(str, content.damaged[:SHOWN_ROWS]))
        problems.append(
            f"{name}: {len(content.damaged)} damaged lines ({numbers}); remove them "
            "and sweep again"
        )
    if not rows:
        problems.append(f"{name}: no rows; run a sweep")
        return CheckReport(lines=(), problems=tuple(problems))
    valid = [row for row in rows if row.get("valid", True)]
    share = len(valid) / len(rows)
    lines.append(f"{name}: {len(rows)} rows, {len(valid)} valid ({100 * share:.1f} %)")
    if share < LEAST_VALID_SHARE:
        reasons = Counter(_kind_of(row) for row in rows if not row.get("valid", True))
        problems.append(
            f"{name}: only {100 * share:.1f} % of the rows are valid, mostly because "
            f"of {reasons.most_common(1)[0][0]}; leave the machine alone meanwhile"
        )
    counts = Counter(row["id"] for row in valid)
    twice = [identity for identity, count in counts.items() if count > 1]
    if twice:
        problems.append(f"{name}: {len(twice)} configurations are there twice")
    if not valid:
        return CheckReport(lines=tuple(lines), problems=tuple(problems))
    try:
        read_measurements([path])
    except PredictorError as error:
        problems.append(f"{name}: cannot be read for a fit: {error}")
    lines += _table(valid)
    lines += _pace(rows)
    for part in (_tiers(valid), _spread(valid, name), _noise(rows, name)):
        lines += part.lines
        problems += part.problems
    if name == "runs.jsonl":
        measured = {row["family"] for row in valid}
        missing = sorted((set(FAMILIES) | set(PROBES)) - measured)
        if missing:
            lines.append(f"families without a row: {', '.join(missing)}; sweep longer")
    return CheckReport(lines=tuple(lines), problems=tuple(problems))


def noise_floor(rows: Sequence[Row], quantity: str) -> tuple[float, int] | None:
    """Return the median relative difference of duplicated configurations.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a sweep; invalid ones are left out.
    quantity : {"steady_energy_j", "steady_duration_s"}
        What is compared, per step.

    Returns
    -------
    floor, pairs : (float, int) or None
        The median difference over the mean, and the number of pairs; None without
        any.

    Examples
    --------
    >>> row = {"group": "a", "mode": "training", "batch_size": 1, "steps_measured": 2}
    >>> pair = [row | {"steady_energy_j": energy_j} for energy_j in (9.5, 10.5)]
    >>> noise_floor(pair, "steady_energy_j")
    (0.1, 1)
    """
    groups: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for row in rows:
        if row.get("valid", True) and row.get(quantity) and row.get("steps_measured"):
            keys = ("group", "mode", "batch_size", "optimizer", "dtype", "platform")
            key = tuple(row.get(name) for name in keys)
            groups[key].append(row[quantity] / row["steps_measured"])
    differences = [
        2 * abs(values[0] - values[1]) / (values[0] + values[1])
        for values in groups.values()
        if len(values) > 1
    ]
    if not differences:
        return None
    return statistics.median(differences), len(differences)


def _kind_of(row: Row) -> str:
    reason = str(row.get("invalid_reason") or "an unknown reason")
    text = reason.partition(": ")[2] or reason
    return text.partition(" of the machine")[0].rstrip("0123456789. %")


def _table(rows: Sequence[Row]) -> list[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row["family"]][row["mode"]] += 1
    lines = [f"  {'family':22} training inference"]
    lines += [
        f"  {family:22} {modes['training']:8d} {modes['inference']:9d}"
        for family, modes in sorted(counts.items())
    ]
    return lines


def _pace(rows: Sequence[Row]) -> list[str]:
    timed = [row for row in rows if row.get("trial_s")]
    if not timed:
        return []
    trials_s = sum(row["trial_s"] for row in timed)
    windows_s = sum(
        window["duration_s"]
        for row in timed
        for window in row.get("windows", [])
        if window["valid"]
    )
    cold = sum(not row.get("cold_valid", True) for row in rows)
    return [
        f"  trials: {trials_s / len(timed):.1f} s each in the mean, "
        f"{100 * windows_s / trials_s:.0f} % of it in valid windows; "
        f"cold part disturbed in {cold}"
    ]


def _tiers(rows: Sequence[Row]) -> CheckReport:
    parts = []
    for component in ("cpu", "ram", "gpu"):
        tiers = Counter(str(row.get(f"{component}_tier")) for row in rows)
        named = ", ".join(f"{tier} {count}" for tier, count in tiers.most_common())
        parts.append(f"{component} {named}")
    return CheckReport(lines=(f"  tiers: {'; '.join(parts)}",), problems=())


def _spread(rows: Sequence[Row], name: str) -> CheckReport:
    spreads = [row["relative_spread"] for row in rows if "relative_spread" in row]
    if not spreads:
        return CheckReport(lines=(), problems=())
    median = statistics.median(spreads)
    unstable = [row for row in rows if row.get("relative_spread", 0) > UNSTABLE_SPREAD]
    lines = [
        f"  spread of windows: median {100 * median:.1f} %, "
        f"{len(unstable)} rows above {100 * UNSTABLE_SPREAD:.0f} %"
    ]
    worst = sorted(unstable, key=lambda row: -float(row["relative_spread"]))
    lines += [
        f"    unstable: {row['id']} {row.get('name', row['family'])} {row['mode']} "
        f"{100 * row['relative_spread']:.0f} %"
        for row in worst[:SHOWN_ROWS]
    ]
    problems = []
    if median > LARGEST_MEDIAN_SPREAD:
        problems.append(
            f"{name}: windows spread by {100 * median:.1f} % in the median, at most "
            f"{100 * LARGEST_MEDIAN_SPREAD:.0f} % are good; quieten the machine"
        )
    if len(unstable) > LARGEST_UNSTABLE_SHARE * len(rows):
        problems.append(
            f"{name}: {len(unstable)} of {len(rows)} rows are unstable; quieten the "
            "machine and measure again"
        )
    return CheckReport(lines=tuple(lines), problems=tuple(problems))


def _noise(rows: Sequence[Row], name: str) -> CheckReport:
    lines, problems = [], []
    for quantity, label in (
        ("steady_energy_j", "energy"),
        ("steady_duration_s", "time"),
    ):
        found = noise_floor(rows, quantity)
        if found is None:
            lines.append(f"  noise floor of {label}: no duplicates yet")
            continue
        floor, pairs = found
        lines.append(
            f"  noise floor of {label}: {100 * floor:.2f} % "
            f"(median difference of {pairs} duplicated configurations)"
        )
        if floor > LARGEST_NOISE_FLOOR:
            problems.append(
                f"{name}: the same configuration differs by {100 * floor:.0f} % in "
                f"{label}; no fit can be better than that"
            )
    return CheckReport(lines=tuple(lines), problems=tuple(problems))
