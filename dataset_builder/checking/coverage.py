"""How much of the space a file of rows covers."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from dataset_builder.checking.report import (
    Remark,
    Section,
    counted,
    table,
)
from dataset_builder.plan.families import FAMILIES
from dataset_builder.plan.probes import PROBES
from dataset_builder.plan.space import BLOCK, STEP_LIMIT_S
from dataset_builder.store.contents import Contents, RowsFile
from predictor.dataset import Measurement, step_table
from predictor.report.quantities import COUNT, DURATION_S, Scale, readable

MODES = ("training", "inference")
FEWEST_IN_DECADE = 5
SHORTEST_DECADE = -4
"""Power of ten in s of the shortest steps that a sweep should have."""

LONGEST_DECADE = math.floor(math.log10(STEP_LIMIT_S))
BLOCK_RUNS = len(MODES) * sum(BLOCK.values())
"""Trials of one block of the plan, which has every family in both modes."""

Sizes = dict[str, tuple[float, float, float]]

SIZES: tuple[tuple[str, str, Scale], ...] = (
    ("macs", "MACs of a step", COUNT),
    ("params", "parameters", COUNT),
    ("layers", "layers", COUNT),
    ("batch_size", "batch size", COUNT),
    ("duration_s", "time of a step", DURATION_S),
)


def check_coverage(contents: Contents, file: RowsFile) -> Section:
    """Check which families, modes, sizes and times are there.

    Parameters
    ----------
    contents : Contents
        The data set.
    file : RowsFile
        One of its files.

    Returns
    -------
    section : Section
        Counts, ranges and gaps.
    """
    items = file.measurements
    if not items:
        return Section(title="coverage", file=file.name)
    families: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        families[item.family][item.workload.mode] += 1
    by_dtype: dict[str, list[Measurement]] = defaultdict(list)
    for item in items:
        by_dtype[item.workload.dtype].append(item)
    sizes = {dtype: _sizes(part) for dtype, part in by_dtype.items()}
    main = max(by_dtype, key=lambda dtype: len(by_dtype[dtype]))
    decades = _decades(by_dtype[main], wanted=file.name == "runs.jsonl")
    lines = table(
        ["family", *MODES],
        [
            [family, *(str(counts[mode]) for mode in MODES)]
            for family, counts in sorted(families.items())
        ],
    )
    for dtype, found in sizes.items():
        count = len(by_dtype[dtype])
        lines += ["", *table([f"{dtype} ({count} rows)", *_TITLES], _size_rows(found))]
    lines += ["", *table([f"time of a step, {main}", "rows"], _decade_rows(decades))]
    notes = _gaps(contents, file, families, decades)
    return Section(
        title="coverage",
        file=file.name,
        facts={
            "families": {name: dict(counts) for name, counts in families.items()},
            "sizes": {
                dtype: {
                    name: dict(zip(("min", "median", "max"), values, strict=True))
                    for name, values in found.items()
                }
                for dtype, found in sizes.items()
            },
            "rows_by_decade_of_seconds": {
                f"1e{decade}": count for decade, count in decades.items()
            },
        },
        lines=tuple(lines),
        notes=tuple(notes),
    )


_TITLES = ("smallest", "median", "largest")


def _sizes(items: Sequence[Measurement]) -> Sizes:
    durations = [item.step("duration_s") for item in items]
    values: dict[str, Sequence[float]] = {
        "macs": np.expm1(step_table(items).step_column("log_macs")).tolist(),
        "params": [item.network.params for item in items],
        "layers": [len(item.network.layers) for item in items],
        "batch_size": [item.workload.batch_size for item in items],
        "duration_s": [value for value in durations if value is not None],
    }
    return {
        name: (float(min(found)), float(np.median(found)), float(max(found)))
        for name, found in values.items()
        if found
    }


def _size_rows(sizes: Sizes) -> list[list[str]]:
    return [
        [label, *(readable(value, scale) for value in sizes[name])]
        for name, label, scale in SIZES
        if name in sizes
    ]


def _decades(items: Sequence[Measurement], *, wanted: bool) -> dict[int, int]:
    durations = (item.step("duration_s") for item in items)
    counts = Counter(
        math.floor(math.log10(value)) for value in durations if value is not None
    )
    edges = [*counts, *((SHORTEST_DECADE, LONGEST_DECADE) if wanted else ())]
    if not edges:
        return {}
    return {decade: counts[decade] for decade in range(min(edges), max(edges) + 1)}


def _decade_rows(decades: dict[int, int]) -> list[list[str]]:
    return [[_decade_name(decade), str(count)] for decade, count in decades.items()]


def _decade_name(decade: int) -> str:
    edges = (readable(10.0**power, DURATION_S) for power in (decade, decade + 1))
    return " to ".join(edges)


def _gaps(
    contents: Contents,
    file: RowsFile,
    families: dict[str, Counter[str]],
    decades: dict[int, int],
) -> list[Remark]:
    if file.name == "zoo.jsonl":
        return _missing_networks(contents, file)
    if file.name != "runs.jsonl":
        return []
    notes = []
    more = contents.sweep_command("--runs", str(BLOCK_RUNS), rows=file.name)
    missing = [name for name in (*FAMILIES, *PROBES) if name not in families]
    one_sided = [
        f"{name} without {mode}"
        for name, counts in families.items()
        for mode in MODES
        if not counts[mode]
    ]
    if missing:
        notes.append(
            Remark(
                text=f"{file.name}: families without a row: {', '.join(missing)}; one "
                f"block of the plan, {BLOCK_RUNS} trials, has them all",
                command=more,
            )
        )
    if one_sided:
        notes.append(
            Remark(text=f"{file.name}: {', '.join(one_sided)}; sweep on", command=more)
        )
    sparse = [
        f"{_decade_name(decade)} ({count})"
        for decade, count in decades.items()
        if count < FEWEST_IN_DECADE and SHORTEST_DECADE <= decade <= LONGEST_DECADE
    ]
    if sparse:
        notes.append(
            Remark(
                text=f"{file.name}: fewer than {FEWEST_IN_DECADE} rows with steps of "
                f"{', '.join(sparse)}; sweep on",
                command=more,
            )
        )
    return notes


def _missing_networks(contents: Contents, file: RowsFile) -> list[Remark]:
    wanted: dict[str, str] = (contents.manifest or {}).get("zoo", {})
    there = {row.get("network_sha256") for row in file.valid}
    missing = [name for name, digest in wanted.items() if digest not in there]
    if not missing:
        return []
    return [
        Remark(
            text=f"{file.name}: {counted(len(missing), 'real network')} without a "
            f"valid row: {', '.join(missing)}",
            command=contents.sweep_command("--retry-failed", rows=file.name),
        )
    ]
