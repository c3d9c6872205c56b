"""Whether all rows speak of one kind of machine and one kind of meter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from dataset_builder.checking.report import Remark, Section, counted, figure, named
from dataset_builder.store.contents import Contents, Row

COMPONENTS = ("cpu", "ram", "gpu")
CONSTANTS = (
    ("cpu_ceiling_w", "a processor at full load"),
    ("ram_power_w", "memory"),
)
"""What a meter assumes rather than reads."""


def check_meters(contents: Contents) -> Section:
    """Check that meters and machines are not mixed.

    Parameters
    ----------
    contents : Contents
        The data set.

    Returns
    -------
    section : Section
        Sources, tiers, hosts and the constants assumed.
    """
    rows = [row for file in contents.files for row in file.valid]
    rows += [row for row in contents.anchors.rows if row.get("valid", True)]
    sources = _counts(rows, "source")
    tiers = {name: _counts(rows, f"{name}_tier") for name in COMPONENTS}
    hardware = _counts(rows, "hardware")
    hosts = _counts(rows, "host")
    constants = {name: _constants(rows, name) for name, _ in CONSTANTS}
    lines = [figure(len(hosts), f"{_plural(hosts, 'host')}: {named(hosts)}")]
    lines += [figure(count, f"rows of {name}") for name, count in hardware.items()]
    lines += [
        figure(count, f"rows with source {name}") for name, count in sources.items()
    ]
    lines += [
        figure("", f"tiers of {name}: {named(counts)}")
        for name, counts in tiers.items()
        if counts
    ]
    for name, what in CONSTANTS:
        for values in constants[name].values():
            shown = ", ".join(f"{value:g} W" for value in values)
            lines.append(figure(shown, f"assumed for {what} ({name})"))
    separate = contents.sweep_command(out=f"{contents.directory}-2")
    problems = []
    if len(sources) > 1:
        problems.append(
            Remark(
                text=f"rows of {len(sources)} sources are mixed ({named(sources)}); "
                "give each a data set of its own",
                command=separate,
            )
        )
    for name, counts in tiers.items():
        if len(counts) > 1:
            problems.append(
                Remark(
                    text=f"{len(counts)} tiers of {name} energy are mixed "
                    f"({named(counts)}); give each a data set of its own",
                    command=separate,
                )
            )
    if len(hardware) > 1:
        problems.append(
            Remark(
                text=f"hosts of {len(hardware)} kinds of hardware are mixed "
                f"({named(hardware)}); give each a data set of its own",
                command=separate,
            )
        )
    for name, _ in CONSTANTS:
        for where, values in constants[name].items():
            if len(values) > 1:
                shown = ", ".join(f"{value:g}" for value in values)
                problems.append(
                    Remark(
                        text=f"{name} of {where} is not one number but "
                        f"{counted(len(values), 'number')} ({shown} W), so rows "
                        "disagree about the same work; see what the meter assumes, "
                        "then begin another data set",
                        command="predictor doctor",
                    )
                )
    return Section(
        title="meters and machines",
        facts={
            "hosts": hosts,
            "hardware": hardware,
            "sources": sources,
            "tiers": tiers,
            **constants,
        },
        lines=tuple(lines),
        problems=tuple(problems),
    )


def _counts(rows: Sequence[Row], field: str) -> dict[str, int]:
    found = Counter(str(row[field]) for row in rows if row.get(field) is not None)
    return dict(found.most_common())


def _constants(rows: Sequence[Row], name: str) -> dict[str, list[float]]:
    found: dict[str, set[float]] = defaultdict(set)
    for row in rows:
        if row.get(name) is not None:
            found[str(row.get("hardware"))].add(float(row[name]))
    return {hardware: sorted(values) for hardware, values in found.items()}


def _plural(counts: dict[str, int], noun: str) -> str:
    return noun if len(counts) == 1 else f"{noun}s"
