"""What an estimate says, in lines and cells that every readable format shows."""

from __future__ import annotations

from predictor import __version__
from predictor.answer import Estimate, LayerShare
from predictor.report.quantities import (
    COUNT,
    DURATION_S,
    ENERGY_WH,
    MASS_G,
    POWER_W,
    readable,
    readable_interval,
)
from predictor.report.terminal import printable

SHOWN_LAYERS = 5
LAYER_TITLES = ("most expensive layers", "kind", "energy", "for", "MACs", "params")
_LONGEST_NAME = 30
_LONGEST_KIND = 22
_LONGEST_NOTE = 400
_DRIVERS = {"launches": "launches", "macs": "MACs", "bytes": "bytes", None: "-"}


def quantity_rows(answer: Estimate) -> list[tuple[str, str, str]]:
    """Return name, estimate and interval of each quantity.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    rows : list of (str, str, str)
        The most asked for first.
    """
    energy_wh = answer.energy_kwh.scaled(1e3)
    cold_j, cost = answer.cold_energy_j, answer.cost
    rows = [
        (name, readable(quantity.estimate, scale), readable_interval(quantity, scale))
        for name, quantity, scale in (
            ("energy", energy_wh, ENERGY_WH),
            ("time", answer.duration_s, DURATION_S),
            ("power", answer.power_w, POWER_W),
            ("emissions", answer.emissions_gco2e, MASS_G),
        )
        if quantity is not None
    ]
    if cost is not None:
        rows.append(
            ("cost", f"{cost.estimate:.3g}", f"{cost.lower:.3g} to {cost.upper:.3g}")
        )
    if cold_j is not None:
        cold_wh = cold_j.scaled(1 / 3600)
        shown = readable_interval(cold_wh, ENERGY_WH)
        rows.append(("cold part", readable(cold_wh.estimate, ENERGY_WH), shown))
    return rows


def interval_title(answer: Estimate) -> str:
    """Return the title of the column of intervals.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    title : str
        Such as ``"90% interval"``.
    """
    return f"{answer.confidence_level:.0%} interval"


def layer_rows(answer: Estimate) -> list[tuple[str, ...]]:
    """Return the cells of the layers that take most.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    rows : list of tuple of str
        Columns as `LAYER_TITLES`; at most `SHOWN_LAYERS`, the most expensive first.
    """
    ordered = sorted(answer.layers, key=lambda layer: -layer.energy_share)
    return [_layer_cells(layer) for layer in ordered[:SHOWN_LAYERS]]


def _layer_cells(layer: LayerShare) -> tuple[str, ...]:
    return (
        printable(layer.name, _LONGEST_NAME),
        printable(layer.kind, _LONGEST_KIND),
        f"{layer.energy_share:.1%}",
        _DRIVERS[layer.driven_by],
        readable(layer.macs, COUNT),
        readable(layer.params, COUNT),
    )


def headline(answer: Estimate) -> list[str]:
    """Return what was asked: the network, the workload, the hardware.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    lines : list of str
        Three of them.
    """
    counts, platform = answer.counts, answer.chosen.model.platform
    name = printable(answer.network.architecture.name, _LONGEST_NAME)
    return [
        f"{name}: {len(counts.layers)} layers, "
        f"{readable(counts.params, COUNT)} parameters, "
        f"{readable(counts.macs, COUNT)} MACs per sample",
        workload_line(answer),
        f"on {printable(platform.hardware)}, {platform.backend}; "
        f"energy {platform.energy_source}, {answer.chosen.tier} model",
    ]


def workload_line(answer: Estimate) -> str:
    """Return what is done with the network.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    line : str
        Mode, epochs, samples, batch and settings.
    """
    work = answer.workload
    settings = (
        f"{work.optimizer}, {work.dtype}" if work.mode == "training" else work.dtype
    )
    return (
        f"{work.mode}, {work.epochs:,} epoch(s) of {work.samples:,} samples, "
        f"batch {work.batch_size:,} ({settings})"
    )


def notes(answer: Estimate) -> list[tuple[str, str]]:
    """Return what the reader must know, the most important first.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    notes : list of (str, str)
        A word that says what kind of note it is, and the note.
    """
    first = answer.matters_most
    said = [("warning", one) for one in answer.warnings]
    said += [(one.label, one) for one in answer.assumptions if one.code != "workload"]
    return [
        ("matters most", printable(first.message, _LONGEST_NOTE)),
        *(
            (kind, printable(one.message, _LONGEST_NOTE))
            for kind, one in said
            if one != first
        ),
        ("model", provenance(answer)),
    ]


def provenance(answer: Estimate) -> str:
    """Return which fitted model answered, and how wrong it was elsewhere.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    line : str
        Name, regressor, rows, digest and errors on left-out networks.
    """
    model = answer.chosen.model
    energy = model.steps["energy_j"]
    errors = energy.errors[energy.chosen]
    covered = "unknown" if errors.coverage is None else f"{errors.coverage:.0%}"
    return (
        f"{printable(model.name)} ({energy.chosen}, {model.rows:,} rows, "
        f"{answer.chosen.digest[:12]}); on left-out networks: median error "
        f"{errors.median_ape:.1%}, MAPE {errors.mape:.1%}, "
        f"90 % intervals cover {covered}"
    )


def sentence(answer: Estimate) -> str:
    """Return one sentence to cite, with everything that it rests on.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    sentence : str
        Estimate, interval, place, hardware, program and model.
    """
    carbon, platform = answer.carbon, answer.chosen.model.platform
    rows = {name: (value, shown) for name, value, shown in quantity_rows(answer)}
    level = f"{answer.confidence_level:.0%}"
    energy, emissions = rows["energy"], rows["emissions"]
    took = f" in {rows['time'][0]}" if "time" in rows else ""
    place = "" if carbon.region is None else f" in {carbon.region}"
    dated = "" if carbon.year is None else f" of {carbon.year}"
    doing = "Training" if answer.workload.mode == "training" else "Inference with"
    return (
        f"{doing} {printable(answer.network.architecture.name, _LONGEST_NAME)} "
        f"({workload_line(answer)}) is estimated to take {energy[0]} "
        f"({level} interval {energy[1]}; {platform.energy_source} energy){took} on "
        f"{printable(platform.hardware)} and to emit {emissions[0]} "
        f"({emissions[1]}) at {carbon.carbon_intensity_g_per_kwh:g} gCO2e/kWh{place}"
        f"{dated} and a PUE of {answer.pue:g}, by watt-ahead {__version__} with the "
        f"model {printable(answer.chosen.model.name)} "
        f"({answer.chosen.digest[:12]})."
    )
