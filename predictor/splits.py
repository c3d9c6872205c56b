"""Which rows are fitted and which are predicted; no architecture is in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Literal, get_args

import numpy as np

from predictor.dataset import Measurement
from predictor.errors import DatasetError
from predictor.features import IntArray

Split = Literal["group", "family", "extrapolate", "published"]
SPLITS: tuple[Split, ...] = get_args(Split)

FOLDS = 5
TRAINED_SHARE = 0.7
"""Share of the architectures, smallest energy first, that ``extrapolate`` fits on."""

Fold = tuple[IntArray, IntArray]


def grouped_folds(keys: Sequence[Hashable], *, folds: int, seed: int) -> list[Fold]:
    """Divide rows into folds that share no key.

    Parameters
    ----------
    keys : sequence of hashable
        One per row.
    folds : int
        Number of folds; fewer where there are fewer keys.
    seed : int
        Seed of the order in which keys are dealt out.

    Returns
    -------
    splits : list of (train, test)
        Index arrays; each row is in exactly one test part.

    Raises
    ------
    DatasetError
        If all rows have the same key.

    Examples
    --------
    >>> [test.tolist() for _, test in grouped_folds("aabb", folds=2, seed=0)]
    [[0, 1], [2, 3]]
    """
    distinct = sorted(set(keys), key=str)
    if len(distinct) < 2:
        raise DatasetError(
            f"the rows hold {len(distinct)} group(s); a split needs at least 2. "
            "Measure more networks"
        )
    order = np.random.default_rng(seed).permutation(len(distinct))
    used = min(folds, len(distinct))
    fold_of_key = {distinct[key]: place % used for place, key in enumerate(order)}
    fold = np.array([fold_of_key[key] for key in keys])
    return [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number))
        for number in range(used)
    ]


def _extrapolate(measurements: Sequence[Measurement]) -> list[Fold]:
    largest: dict[str, float] = {}
    for item in measurements:
        energy_j = item.step("energy_j") or 0.0
        largest[item.group] = max(largest.get(item.group, 0.0), energy_j)
    groups = sorted(largest, key=lambda group: (largest[group], group))
    small = set(groups[: round(TRAINED_SHARE * len(groups))])
    in_train = np.array([item.group in small for item in measurements])
    return [(np.flatnonzero(in_train), np.flatnonzero(~in_train))]


def _published(measurements: Sequence[Measurement]) -> list[Fold]:
    parts = [item.split for item in measurements]
    tested = {m.group for m in measurements if m.split == "test"}
    train = [
        place
        for place, part in enumerate(parts)
        if part in {"train", "valid"} and measurements[place].group not in tested
    ]
    test = [place for place, part in enumerate(parts) if part == "test"]
    if not train or not test:
        raise DatasetError(
            "no published split in these rows: 'split' must be 'train' in some "
            "architectures and 'test' in others. Use --split group"
        )
    return [(np.array(train), np.array(test))]


def split_rows(
    measurements: Sequence[Measurement], split: Split, *, seed: int = 0
) -> list[Fold]:
    """Divide measurements by one of the known splits.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.
    split : {"group", "family", "extrapolate", "published"}
        Unseen architectures, unseen families, the largest architectures, or the
        rows' own split without architectures that stand on both sides.
    seed : int, default=0
        Seed of the order in which groups are dealt out.

    Returns
    -------
    splits : list of (train, test)
        Index arrays; no group is on both sides.

    Raises
    ------
    DatasetError
        If the rows do not allow the split.
    """
    if split == "extrapolate":
        folds = _extrapolate(measurements)
    elif split == "published":
        folds = _published(measurements)
    elif split == "family":
        # A group in two families stays together with the first.
        first: dict[str, str] = {}
        for item in measurements:
            first.setdefault(item.group, item.family)
        keys = [first[item.group] for item in measurements]
        folds = grouped_folds(keys, folds=len(set(keys)), seed=seed)
    else:
        groups = [item.group for item in measurements]
        folds = grouped_folds(groups, folds=FOLDS, seed=seed)
    return [(train, test) for train, test in folds if len(train) and len(test)]


def draw_rows(
    measurements: Sequence[Measurement], size: int, *, repeat: int, seed: int
) -> list[Measurement]:
    """Return the rows of the fewest architectures that have so many rows.

    Parameters
    ----------
    measurements : sequence of Measurement
        Any rows.
    size : int
        Rows wanted; with the last architecture there may be more.
    repeat : int
        0 takes architectures in the order of the rows, as a sweep fills the space;
        every other repeat in a shuffled order of its own.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    drawn : list of Measurement
        In the order of the rows; a larger size draws them all again.
    """
    counts = Counter(item.group for item in measurements)
    groups = list(counts)
    if repeat:
        order = np.random.default_rng([seed, repeat]).permutation(len(groups))
        groups = [groups[place] for place in order]
    drawn: set[str] = set()
    rows = 0
    for group in groups:
        if rows >= size:
            break
        drawn.add(group)
        rows += counts[group]
    return [item for item in measurements if item.group in drawn]
