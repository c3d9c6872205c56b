"""Phases as they are written in a description."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from predictor.counting import OnUnknown
from predictor.errors import WorkloadError
from predictor.freezing import Frozen
from predictor.lifecycle.description import (
    Given,
    NetworkSource,
    Phase,
    Use,
    Work,
)
from predictor.lifecycle.formulas import training_energy_j
from predictor.lifecycle.tables import Table
from predictor.workload import Workload

_ANY_NETWORK = ("network", "input_shape", "sequence_length", "on_unknown", "dtype")
_PREDICTED = (*_ANY_NETWORK, "batch_size", "optimizer", "frozen")
_FORMULA = ("inference_energy_j", "overhead")
TOTAL_KEYS = ("energy_j", "duration_s")
GRID_KEYS = (*_PREDICTED, *_FORMULA, "samples", "epochs")
TRAINING_KEYS = (*GRID_KEYS, *TOTAL_KEYS)
_USE = (*_ANY_NETWORK, "batch_size", "decode", "inferences", *_FORMULA[:1], *TOTAL_KEYS)
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
    return training_in(Table(value, where, TRAINING_KEYS), folder)


def training_in(table: Table, folder: Path) -> Phase:
    """Read a training whose keys were looked at.

    Parameters
    ----------
    table : Table
        Its keys, with all that it inherits.
    folder : Path
        Relative paths start there.

    Returns
    -------
    phase : Phase
        What is predicted, or what is given.

    Raises
    ------
    InputFileError
        If a key is missing or does not go with another, or a value is out of its range.
    """
    duration_s = table.positive("duration_s")
    energy_j = table.positive("energy_j")
    if energy_j is not None:
        only_with(table, "energy_j", TOTAL_KEYS)
        return Given(energy_j=energy_j, duration_s=duration_s)
    inference_j = table.positive("inference_energy_j")
    if inference_j is not None:
        only_with(
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
    only_with(table, "network", (*_PREDICTED, "samples", "epochs"))
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


def only_with(table: Table, key: str, allowed: tuple[str, ...]) -> None:
    """Refuse keys that do not go with another.

    Parameters
    ----------
    table : Table
        The keys.
    key : str
        The one that says how the energy is known.
    allowed : tuple of str
        Keys that may stand beside it.

    Raises
    ------
    InputFileError
        If there is another.
    """
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


def inherited(
    own: Mapping[str, object], base: Mapping[str, object]
) -> dict[str, object]:
    """Return the keys of a training with those it takes over from another.

    Parameters
    ----------
    own : mapping
        What it says itself.
    base : mapping
        Keys of the other; what contradicts its own is left out.

    Returns
    -------
    keys : dict
        All together.

    Examples
    --------
    >>> inherited({"epochs": 2}, {"network": "a.json", "frozen": 3, "epochs": 9})
    {'network': 'a.json', 'frozen': 3, 'epochs': 2}
    >>> inherited({"network": "b.json"}, {"network": "a.json", "frozen": 3})
    {'network': 'b.json'}
    """
    if "energy_j" in own or not own:
        return dict(own or base)
    dropped = set(TOTAL_KEYS)
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
        only_with(own, "energy_j", (*TOTAL_KEYS, "inferences"))
        if not inferences:
            raise own.wrong("energy_j is that of all inferences, of which there are 0")
        given = Given(energy_j=energy_j / inferences, duration_s=duration_s)
        return Use(inferences=inferences, work=given)
    shared = {
        key: training[key] for key in (*_ANY_NETWORK, *_FORMULA[:1]) if key in training
    }
    table = Table(inherited(own.content, shared), where)
    inference_j = table.positive("inference_energy_j")
    if inference_j is not None:
        only_with(
            table, "inference_energy_j", (*_FORMULA[:1], "inferences", "duration_s")
        )
        return Use(
            inferences=inferences,
            work=Given(energy_j=inference_j, duration_s=duration_s),
        )
    only_with(table, "network", (*_ANY_NETWORK, "batch_size", "decode", "inferences"))
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
