"""Architecture searches as they are written in a description."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from predictor.lifecycle.description import Search
from predictor.lifecycle.phases import (
    GRID_KEYS,
    TOTAL_KEYS,
    TRAINING_KEYS,
    inherited,
    only_with,
    training_in,
)
from predictor.lifecycle.tables import Table

MOST_TRAININGS = 10_000
"""Trainings of a search that may differ from each other."""

MOST_CANDIDATES = 10**15
"""Trainings of a grid of which some are drawn."""

_KEYS = (*TRAINING_KEYS, "trainings", "grid", "random", "seed")


def search_phase(
    value: object, training: Mapping[str, object], where: str, folder: Path
) -> Search:
    """Read an architecture search.

    Parameters
    ----------
    value : object
        The parsed table: a training's keys, and with them ``trainings``, a number or
        a list of tables, or ``grid``, a table of lists. What it leaves out is as in
        the final training.
    training : mapping
        The final training's keys; empty where there is none.
    where : str
        Its place, for messages.
    folder : Path
        Relative paths start there.

    Returns
    -------
    search : Search
        Its trainings.

    Raises
    ------
    InputFileError
        If a key is not known or missing, a value is out of its range, or there are
        too many trainings.

    Examples
    --------
    >>> search = search_phase(
    ...     {"grid": {"epochs": [1, 2, 3], "samples": [10, 20]}},
    ...     {"inference_energy_j": 1.0, "overhead": 0.0},
    ...     "search",
    ...     Path(),
    ... )
    >>> search.number, sum(given.energy_j for given, _ in search.trainings)
    (6, 180.0)
    """
    table = Table(value, where, _KEYS)
    own = {key: one for key, one in table.content.items() if key in TRAINING_KEYS}
    base = inherited(own, training)
    if "energy_j" in own:
        only_with(table, "energy_j", TOTAL_KEYS)
        given = training_in(Table(own, where), folder)
        return Search(trainings=((given, 1),), kind="given")
    if "grid" in table:
        if "trainings" in table:
            raise table.wrong("give trainings or a grid, not both")
        return _grid(table, base, folder)
    for key in ("random", "seed"):
        if key in table:
            raise table.wrong(f"{key} needs a grid to draw from")
    listed = table.content.get("trainings")
    if not isinstance(listed, list | tuple):
        phase = training_in(Table(base, where), folder)
        return Search(trainings=((phase, table.count("trainings")),), kind="equal")
    if not 1 <= len(listed) <= MOST_TRAININGS:
        raise table.wrong(f"trainings must be 1 to {MOST_TRAININGS:,} tables")
    phases = []
    for place, one in enumerate(listed, 1):
        inside = Table(one, f"{where}.trainings[{place}]", TRAINING_KEYS)
        merged = Table(inherited(inside.content, base), inside.where)
        phases.append((training_in(merged, folder), 1))
    return Search(trainings=tuple(phases), kind="listed")


def _grid(table: Table, base: Mapping[str, object], folder: Path) -> Search:
    grid = table.inside("grid", GRID_KEYS)
    axes = {}
    for key, values in grid.content.items():
        if not isinstance(values, list | tuple) or not values:
            raise grid.wrong(f"{key} must be a list of values, got {values!r:.60}")
        axes[key] = values
    if not axes:
        raise grid.wrong("needs a list of values, such as epochs = [5, 10]")
    candidates = math.prod(map(len, axes.values()))
    drawn = table.count("random", default=candidates)
    if "seed" in table and "random" not in table:
        raise table.wrong("seed needs random, the number of trainings to draw")
    if drawn > candidates:
        raise table.wrong(
            f"random must be at most the {candidates:,} trainings of the grid, "
            f"got {drawn:,}"
        )
    if candidates > MOST_CANDIDATES or drawn > MOST_TRAININGS:
        raise table.wrong(
            f"the grid has {candidates:.3g} trainings; at most {MOST_TRAININGS:,} can "
            "be done, drawn by random = K from at most 1e15"
        )
    seed = table.count("seed", least=0, default=0) if "random" in table else None
    if seed is None:
        points = list(product(*axes.values()))
    else:
        chosen = random.Random(seed).sample(range(candidates), drawn)
        points = [_point(number, list(axes.values())) for number in chosen]
    phases = []
    for place, point in enumerate(points, 1):
        values = dict(zip(axes, point, strict=True))
        merged = Table(inherited(values, base), f"{grid.where}[{place}]")
        phases.append((training_in(merged, folder), 1))
    return Search(
        trainings=tuple(phases),
        kind="grid" if seed is None else "random",
        candidates=candidates,
        seed=seed,
    )


def _point(number: int, axes: list[Any]) -> tuple[object, ...]:
    point = []
    for values in reversed(axes):
        number, place = divmod(number, len(values))
        point.append(values[place])
    return tuple(reversed(point))
