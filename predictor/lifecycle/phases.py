"""Phases as they are written in a description."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, get_args

from predictor.counting import OnUnknown
from predictor.errors import WorkloadError
from predictor.lifecycle.description import (
    Frozen,
    Given,
    NetworkSource,
    Phase,
    Search,
    Use,
    Work,
)
from predictor.lifecycle.formulas import training_energy_j
from predictor.lifecycle.tables import Table
from predictor.workload import Workload

MOST_TRAININGS = 10_000
"""Trainings of a search that may differ from each other."""

MOST_CANDIDATES = 10**15
"""Trainings of a grid of which some are drawn."""

_ANY_NETWORK = ("network", "input_shape", "sequence_length", "on_unknown", "dtype")
_PREDICTED = (*_ANY_NETWORK, "batch_size", "optimizer", "frozen")
_FORMULA = ("inference_energy_j", "overhead")
_TOTAL = ("energy_j", "duration_s")
_GRID = (*_PREDICTED, *_FORMULA, "samples", "epochs")
_TRAINING = (*_GRID, *_TOTAL)
_SEARCH = (*_TRAINING, "trainings", "grid", "random", "seed")
_USE = (*_ANY_NETWORK, "batch_size", "decode", "inferences", *_FORMULA[:1], *_TOTAL)
_OF_ONE_NETWORK = ("input_shape", "sequence_length", "frozen")


def training_phase(value: object, where: str, folder: Path) -> Phase:
    """Read a training.

    Parameters
    ----------
    value : object
        The parsed table: ``network``, ``samples``, ``epochs`` and the rest of the
        workload; or ``inference_energy_j``, ``samples``, ``epochs`` and ``overhead``;
        or ``energy_j``.
    where : str
        Its place, for messages.
    folder : Path
        Relative paths start there.

    Returns
    -------
    phase : Phase
        What is predicted, or what is given.

    Raises
    ------
    InputFileError
        If a key is not known or missing, or a value is out of its range.

    Examples
    --------
    >>> training_phase(
    ...     {"inference_energy_j": 2.0, "samples": 10, "epochs": 3, "overhead": 4},
    ...     "training",
    ...     Path(),
    ... )
    Given(energy_j=300.0, duration_s=None, overhead=4.0)
    """
    return _training(Table(value, where, _TRAINING), folder)


def _training(table: Table, folder: Path) -> Phase:
    duration_s = table.positive("duration_s")
    energy_j = table.positive("energy_j")
    if energy_j is not None:
        _alone(table, "energy_j", _TOTAL)
        return Given(energy_j=energy_j, duration_s=duration_s)
    inference_j = table.positive("inference_energy_j")
    if inference_j is not None:
        _alone(
            table, "inference_energy_j", (*_FORMULA, "samples", "epochs", "duration_s")
        )
        overhead = table.number("overhead")
        if overhead is None:
            raise table.wrong(
                "overhead is missing; it is the energy of loss, back-propagation and "
                "update over that of the forward pass, such as 4"
            )
        given_j = training_energy_j(
            inference_j,
            samples=table.count("samples"),
            epochs=table.count("epochs"),
            overhead=overhead,
        )
        return Given(energy_j=given_j, duration_s=duration_s, overhead=overhead)
    _alone(table, "network", (*_PREDICTED, "samples", "epochs"))
    return Work(
        network=_network(table, folder),
        workload=_workload(
            table,
            mode="training",
            batch_size=table.count("batch_size", default=32),
            samples=table.count("samples"),
            epochs=table.count("epochs"),
            optimizer=table.text("optimizer") or "sgd",
        ),
        frozen=_frozen(table),
        reading=_reading(table),
        where=table.where,
    )


def _alone(table: Table, key: str, allowed: tuple[str, ...]) -> None:
    for other in table.content:
        if other not in allowed:
            raise table.wrong(
                f"{other} does not go with {key}, which says the energy in its own way"
                if key != "network"
                else f"{other} does not go with a network, whose energy is predicted"
            )


def _network(table: Table, folder: Path) -> NetworkSource:
    value = table.content.get("network")
    if isinstance(value, Mapping):
        return value
    text = table.text("network")
    if text is None:
        raise table.wrong(
            "network is missing; give the path of a network, or the energy itself by "
            "energy_j or inference_energy_j"
        )
    return os.path.join(folder, os.path.expanduser(text))


def _workload(table: Table, **given: Any) -> Workload:
    try:
        return Workload(dtype=table.text("dtype") or "float32", **given)
    except WorkloadError as error:
        raise table.wrong(str(error)) from error


def _frozen(table: Table) -> Frozen | None:
    value = table.content.get("frozen")
    if value is None:
        return None
    if isinstance(value, str):
        return table.text("frozen")
    if isinstance(value, float):
        share = table.number("frozen")
        assert share is not None
        if share > 1:
            raise table.wrong(
                f"frozen as a share of the layers must be 0.0 to 1.0, got {share:g}; "
                "a number of layers has no decimal point"
            )
        return share
    return table.count("frozen", least=0)


def _reading(table: Table) -> dict[str, Any]:
    reading: dict[str, Any] = {}
    if "input_shape" in table:
        reading["input_shapes"] = [table.sizes("input_shape")]
    if "sequence_length" in table:
        reading["sequence_length"] = table.count("sequence_length")
    unknown = table.text("on_unknown")
    if unknown is not None:
        if unknown not in get_args(OnUnknown):
            raise table.wrong(
                f"on_unknown must be one of {', '.join(get_args(OnUnknown))}; got "
                f"{unknown!r:.60}"
            )
        reading["on_unknown"] = unknown
    decode = table.content.get("decode", False)
    if not isinstance(decode, bool):
        raise table.wrong(f"decode must be true or false, got {decode!r:.60}")
    if decode:
        reading["decode"] = True
    return reading


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
    table = Table(value, where, _SEARCH)
    own = {key: one for key, one in table.content.items() if key in _TRAINING}
    base = _over(own, training)
    if "energy_j" in own:
        _alone(table, "energy_j", _TOTAL)
        given = _training(Table(own, where), folder)
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
        phase = _training(Table(base, where), folder)
        return Search(trainings=((phase, table.count("trainings")),), kind="equal")
    if not 1 <= len(listed) <= MOST_TRAININGS:
        raise table.wrong(f"trainings must be 1 to {MOST_TRAININGS:,} tables")
    phases = []
    for place, one in enumerate(listed, 1):
        inside = Table(one, f"{where}.trainings[{place}]", _TRAINING)
        merged = Table(_over(inside.content, base), inside.where)
        phases.append((_training(merged, folder), 1))
    return Search(trainings=tuple(phases), kind="listed")


def _grid(table: Table, base: Mapping[str, object], folder: Path) -> Search:
    grid = table.inside("grid", _GRID)
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
        merged = Table(_over(values, base), f"{grid.where}[{place}]")
        phases.append((_training(merged, folder), 1))
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


def _over(own: Mapping[str, object], base: Mapping[str, object]) -> dict[str, object]:
    """Return keys over those of another training, without what contradicts them."""
    if "energy_j" in own or not own:
        return dict(own or base)
    dropped = set(_TOTAL)
    if any(key in own for key in _FORMULA) and "network" not in own:
        dropped.update(_PREDICTED)
    if "network" in own:
        dropped.update(_FORMULA, _OF_ONE_NETWORK)
    return {key: one for key, one in base.items() if key not in dropped} | dict(own)


def use_phase(
    value: object, training: Mapping[str, object], where: str, folder: Path
) -> Use:
    """Read the use of a network.

    Parameters
    ----------
    value : object
        The parsed table: ``inferences``, and a network with its batch size, which is 1
        where left out; or ``inference_energy_j``; or ``energy_j`` of them all. The
        network, or the energy of an inference, is the final training's where left out.
    training : mapping
        The final training's keys; empty where there is none.
    where : str
        Its place, for messages.
    folder : Path
        Relative paths start there.

    Returns
    -------
    use : Use
        What is predicted, or what is given.

    Raises
    ------
    InputFileError
        If a key is not known or missing, or a value is out of its range.

    Examples
    --------
    >>> use_phase({"inferences": 1e6, "inference_energy_j": 0.5}, {}, "use", Path())
    Use(inferences=1000000, work=Given(energy_j=0.5, duration_s=None, overhead=None))
    """
    own = Table(value, where, _USE)
    inferences = own.count("inferences", least=0)
    duration_s, energy_j = own.positive("duration_s"), own.positive("energy_j")
    if duration_s is not None:
        duration_s /= max(inferences, 1)
    if energy_j is not None:
        _alone(own, "energy_j", (*_TOTAL, "inferences"))
        if not inferences:
            raise own.wrong("energy_j is that of all inferences, of which there are 0")
        given = Given(energy_j=energy_j / inferences, duration_s=duration_s)
        return Use(inferences=inferences, work=given)
    inherited = [key for key in (*_ANY_NETWORK, *_FORMULA[:1]) if key in training]
    table = Table(_over(own.content, {key: training[key] for key in inherited}), where)
    inference_j = table.positive("inference_energy_j")
    if inference_j is not None:
        _alone(table, "inference_energy_j", (*_FORMULA[:1], "inferences", "duration_s"))
        return Use(
            inferences=inferences,
            work=Given(energy_j=inference_j, duration_s=duration_s),
        )
    _alone(table, "network", (*_ANY_NETWORK, "batch_size", "decode", "inferences"))
    work = Work(
        network=_network(table, folder),
        workload=_workload(
            table,
            mode="inference",
            batch_size=table.count("batch_size", default=1),
            samples=max(inferences, 1),
        ),
        reading=_reading(table),
        where=where,
    )
    return Use(inferences=inferences, work=work)
