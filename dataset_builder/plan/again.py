"""What was measured, once more: repeats in fresh processes, in another order."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from dataset_builder.plan.configuration import Configuration
from dataset_builder.plan.space import EPOCHS

IMPRECISE = 0.05
"""Standard error of a step's energy above which a configuration is measured first."""


def again_plan(
    rows: Iterable[Mapping[str, Any]],
    done: Set[str],
    describe: Callable[[str], Mapping[str, object]],
    *,
    seed: int,
) -> Iterator[Configuration]:
    """Return the configurations that were measured least often, each once more.

    What is repeated is read from the rows, so it does not matter which plan they
    are of. Every call makes one pass: the first measures everything a second time,
    the next one a third time. First come those that are known least precisely.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of configurations to repeat; repeats among them are left out.
    done : set of str
        Identities that need no further measurement.
    describe : callable
        Returns the network of a digest.
    seed : int
        Seed of the order.

    Yields
    ------
    configuration : Configuration
        The next one to measure.

    Examples
    --------
    >>> from dataset_builder.plan.configuration import configuration
    >>> item = configuration({}, family="dense", epochs=3)
    >>> name = item.identity("cpu/jax/float32")
    >>> fields = ("network_sha256", "name", "family", "mode", "batch_size", "epochs")
    >>> row = {field: getattr(item, field) for field in fields}
    >>> row |= {"optimizer": "sgd", "dtype": "float32", "loss": item.loss}
    >>> row |= {"repeat": 0, "platform": "cpu/jax/float32", "id": name}
    >>> row |= {"windows": [], "relative_spread": 0.01}
    >>> [again.repeat for again in again_plan([row], {name}, lambda _: {}, seed=1)]
    [1]
    """
    due: dict[int, list[tuple[Configuration, float]]] = {}
    for row in rows:
        item = None if row["repeat"] else planned(row)
        if item is None:
            continue
        following = next(
            again
            for number in itertools.count(1)
            if (again := replace(item, repeat=number)).identity(row["platform"])
            not in done
        )
        pair = following, standard_error(row)
        due.setdefault(following.repeat, []).append(pair)
    if not due:
        return
    items = due[min(due)]
    random.Random(f"again {seed} {min(due)}").shuffle(items)
    for item, _ in sorted(items, key=lambda pair: pair[1] <= IMPRECISE):
        yield replace(item, network=describe(item.network_sha256))


def standard_error(row: Mapping[str, Any]) -> float:
    """Return how precisely a row's windows tell what a step takes.

    Parameters
    ----------
    row : mapping
        A row of a sweep.

    Returns
    -------
    standard_error : float
        Of the mean energy of a step, over the mean.

    Examples
    --------
    >>> window = {"valid": True}
    >>> standard_error({"relative_spread": 0.1, "windows": [window] * 4})
    0.05
    """
    windows = sum(bool(window["valid"]) for window in row["windows"])
    return float(row["relative_spread"]) / math.sqrt(max(1, windows))


def planned(row: Mapping[str, Any]) -> Configuration | None:
    """Return the configuration that a row measured, without its network.

    Parameters
    ----------
    row : mapping
        A row of a sweep. Its epochs are those of the window, which differ from the
        planned ones where the window was too short or too long for them.

    Returns
    -------
    configuration : Configuration or None
        The one with the row's identity; None where its plan is not known.
    """
    item = Configuration(
        network={},
        network_sha256=row["network_sha256"],
        name=row["name"],
        family=row["family"],
        mode=row["mode"],
        batch_size=row["batch_size"],
        optimizer=row["optimizer"],
        dtype=row["dtype"],
        loss=row["loss"],
        repeat=row["repeat"],
    )
    candidates = (replace(item, epochs=n) for n in (row["epochs"], *EPOCHS))
    return next(
        (item for item in candidates if item.identity(row["platform"]) == row["id"]),
        None,
    )
