"""Rows and manifests of several data sets, joined as if one sweep had made them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dataset_builder.store.hosts import environment_differences

Row = dict[str, Any]
Manifest = Mapping[str, Any]

JOINED_KEYS = frozenset(
    {
        "builder_version",
        "created_at",
        "environment",
        "environment_sha256",
        "forced_hosts",
        "forced_merges",
        "forced_resumes",
        "hosts",
        "merged_from",
        "plans",
        "zoo",
    }
)
"""Keys of a manifest that are joined or compared one by one; others must be equal."""


def joined_rows(sources: Sequence[Sequence[Row]]) -> list[Row]:
    """Join journals so that the last row of each `id` is the one that counts.

    Of identical rows one is kept. Where several sources hold an `id` with different
    rows, all are kept, and last comes the valid one that ended last. The order is that
    of time, and the same whatever the order of the sources.

    Parameters
    ----------
    sources : sequence of sequence of dict
        Rows of each source, in the order of its file.

    Returns
    -------
    rows : list of dict
        In the order in which they belong into one file.

    Examples
    --------
    >>> def row(identity, hour, valid=True):
    ...     ended_at = f"2026-01-01T{hour:02}:00:00+00:00"
    ...     return {"id": identity, "ended_at": ended_at, "valid": valid}
    >>> first, second = [row("a", 1), row("b", 3)], [row("a", 2, valid=False)]
    >>> [(found["id"], found["valid"]) for found in joined_rows([first, second])]
    [('a', False), ('a', True), ('b', True)]
    """
    by_id: dict[str, list[list[Row]]] = defaultdict(list)
    for rows in sources:
        own: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            own[str(row.get("id", row.get("checksum")))].append(row)
        for identity, versions in own.items():
            by_id[identity].append(versions)
    keyed = []
    for identity, histories in by_id.items():
        not_before = ""
        for place, row in enumerate(_one_history(histories)):
            # A correction carries the time of its original, and stays behind it.
            not_before = max(not_before, _time(row))
            keyed.append((not_before, identity, place, row))
    keyed.sort(key=lambda item: item[:3])
    return [row for *_, row in keyed]


def count_shared(sources: Sequence[Sequence[Row]]) -> int:
    """Return how many `id` more than one source holds.

    Parameters
    ----------
    sources : sequence of sequence of dict
        Rows of each source.

    Returns
    -------
    count : int
        Number of them.

    Examples
    --------
    >>> count_shared([[{"id": "a"}, {"id": "b"}], [{"id": "a"}]])
    1
    """
    seen: set[object] = set()
    shared: set[object] = set()
    for rows in sources:
        own = {row["id"] for row in rows if "id" in row}
        shared |= seen & own
        seen |= own
    return len(shared)


def manifest_differences(first: Manifest, other: Manifest) -> list[str]:
    """Return what keeps two data sets from being joined.

    Parameters
    ----------
    first, other : mapping
        Manifests.

    Returns
    -------
    differences : list of str
        One sentence part each; empty if they are parts of one sweep.

    Examples
    --------
    >>> one = {"plans": {"runs": {"seed": 1, "shard": [1, 2]}}}
    >>> two = {"plans": {"runs": {"seed": 2, "shard": [2, 2]}}}
    >>> manifest_differences(one, two)
    ['runs: seed was 1, is 2']
    """
    differing = environment_differences(
        {"builder": first.get("builder_version"), **first.get("environment", {})},
        {"builder": other.get("builder_version"), **other.get("environment", {})},
    )
    for key in sorted((set(first) | set(other)) - JOINED_KEYS):
        if first.get(key) != other.get(key):
            differing.append(f"{key} was {first.get(key)!r}, is {other.get(key)!r}")
    plans, others = first.get("plans", {}), other.get("plans", {})
    for rows in sorted(set(plans) & set(others)):
        old, new = plans[rows], others[rows]
        for key in sorted((set(old) | set(new)) - {"shard"}):
            if old.get(key) != new.get(key):
                differing.append(
                    f"{rows}: {key} was {old.get(key)!r}, is {new.get(key)!r}"
                )
    zoo, other_zoo = first.get("zoo", {}), other.get("zoo", {})
    for name in sorted(set(zoo) & set(other_zoo)):
        if zoo[name] != other_zoo[name]:
            differing.append(f"zoo: {name} is described in two ways")
    return differing


def joined_manifest(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Return the manifest of data sets joined to one.

    Parameters
    ----------
    manifests : sequence of mapping
        At least one; where they differ in what cannot be joined, the earliest counts.

    Returns
    -------
    manifest : dict
        With the hosts, plans and networks of all, and under ``merged_from`` what it
        was joined from.

    Examples
    --------
    >>> plan = {"plan": "default", "seed": 1}
    >>> parts = [
    ...     {"created_at": str(i), "plans": {"runs": {**plan, "shard": [i, 2]}}}
    ...     for i in (1, 2)
    ... ]
    >>> joined_manifest(parts)["plans"]
    {'runs': {'plan': 'default', 'seed': 1, 'shard': [1, 1]}}
    """
    parts = sorted(manifests, key=lambda part: (str(part.get("created_at")), str(part)))
    hosts: dict[str, Any] = {}
    zoo: dict[str, str] = {}
    for part in reversed(parts):
        environment = part.get("environment", {})
        if "host" in environment:
            hosts[environment["host"]] = environment
        hosts |= part.get("hosts", {})
        zoo |= part.get("zoo", {})
    joined = {**parts[0], "hosts": hosts, "plans": _plans(parts)}
    if zoo:
        joined["zoo"] = zoo
    for key in ("forced_hosts", "forced_merges", "forced_resumes"):
        if items := _unique(item for part in parts for item in part.get(key, [])):
            joined[key] = items
    origins = _unique(item for part in parts for item in _origin(part))
    joined["merged_from"] = sorted(origins, key=str)
    return joined


def _one_history(histories: list[list[Row]]) -> list[Row]:
    # What a source has replaced is not brought back by another that holds it, too.
    places: dict[str, int] = {}
    contents: dict[str, Row] = {}
    for versions in histories:
        for place, row in enumerate(versions):
            key = _key(row)
            places[key] = max(places.get(key, 0), place)
            contents[key] = row
    replaced = {_key(row) for versions in histories for row in versions[:-1]}
    final = {_key(versions[-1]) for versions in histories}

    def rank(key: str) -> tuple[bool, str, str]:
        row = contents[key]
        return bool(row.get("valid", True)), _time(row), key

    winner = max(final - replaced or final, key=rank)
    ordered = sorted(
        contents,
        key=lambda key: (key == winner, _time(contents[key]), places[key], key),
    )
    return [contents[key] for key in ordered]


def _key(row: Row) -> str:
    return str(row["checksum"]) if "checksum" in row else repr(sorted(row.items()))


def _time(row: Row) -> str:
    found = row.get("ended_at") or row.get("started_at") or row.get("failed_at")
    return str(found or "")


def _plans(parts: Sequence[Manifest]) -> dict[str, Any]:
    plans: dict[str, Any] = {}
    shards: dict[str, list[list[int]]] = defaultdict(list)
    for part in parts:
        for rows, plan in part.get("plans", {}).items():
            plans.setdefault(rows, plan)
            shards[rows] += _shards(plan.get("shard", [1, 1]))
    return {
        rows: {**plan, "shard": _joined_shards(shards[rows])}
        for rows, plan in plans.items()
    }


def _shards(shard: list[Any]) -> list[list[int]]:
    # One shard is [i, n]; several that do not make up the whole are a list of such.
    return [shard] if shard and isinstance(shard[0], int) else shard


def _joined_shards(shards: list[list[int]]) -> list[Any]:
    found = sorted({(part, parts) for part, parts in shards})
    for _, whole in found:
        if all((part, whole) in found for part in range(1, whole + 1)):
            return [1, 1]
    listed = [[part, parts] for part, parts in found]
    return listed[0] if len(listed) == 1 else listed


def _origin(part: Manifest) -> list[dict[str, Any]]:
    if "merged_from" in part:
        return list(part["merged_from"])
    return [
        {
            "created_at": part.get("created_at"),
            "environment": str(part.get("environment_sha256", ""))[:16],
            "host": part.get("environment", {}).get("host"),
            "plans": part.get("plans", {}),
        }
    ]


def _unique(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
