"""Workloads by the hundred thousand, as an architecture search asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from predictor.architecture import Architecture
from predictor.carbon import CarbonIntensity, carbon_intensity, emissions_gco2e
from predictor.counting import NetworkCount, OnUnknown, count_network
from predictor.dataset import Target
from predictor.domain import approximated
from predictor.estimation import check_mode, check_terms
from predictor.features import (
    FloatArray,
    IntArray,
    StepTable,
    describe_steps,
    joined_tables,
    with_batch_size,
)
from predictor.fitted_model import FittedModel, TargetModel
from predictor.intervals import (
    CONFIDENCE_LEVEL,
    LARGEST_LOG_HALF_WIDTH,
    log_half_width,
)
from predictor.models import ChosenModel, choose_model
from predictor.notices import Notice, assumptions_of, warnings_of
from predictor.prediction import verdicts, widening
from predictor.readers import LiveModel, NetworkFile, Request, read_network
from predictor.units import joules_to_kwh
from predictor.workload import Workload

KEPT_NETWORKS = 4096
"""Networks whose counts are kept between calls, by digest."""

TOGETHER = 64
"""Steps that are predicted together: more would only take more memory."""

Source = str | os.PathLike[str] | Mapping[str, Any] | LiveModel
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """Numbers with their intervals.

    Parameters
    ----------
    estimate : ndarray of shape (n_workloads,)
        The most likely values.
    lower, upper : ndarray of shape (n_workloads,)
        Ends of the intervals at the confidence level asked for.
    """

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray

    def scaled(self, factor: float) -> Quantities:
        """Multiply by a known factor.

        Parameters
        ----------
        factor : float
            Not negative.

        Returns
        -------
        quantities : Quantities
            Estimates and ends times the factor.
        """
        return Quantities(
            estimate=self.estimate * factor,
            lower=self.lower * factor,
            upper=self.upper * factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """What each of many workloads will take, in the order they were given.

    Parameters
    ----------
    networks : tuple of NetworkFile
        Each network once.
    network : ndarray of int, shape (n_workloads,)
        Which of `networks` a workload runs.
    workloads : tuple of Workload
        What is done.
    chosen : ChosenModel
        The fitted model that answers.
    confidence_level : float
        Of every interval.
    energy_j : Quantities
        IT energy of each workload in J, cold part included, without PUE.
    duration_s : Quantities or None
        Time of each in s; None where no time was measured.
    in_domain : ndarray of bool, shape (n_workloads,)
        Whether each lies in the fitted range.
    carbon : CarbonIntensity
        Of the electricity.
    pue : float
        Power usage effectiveness of the site.
    warnings, assumptions : tuple of Notice
        What limits all of the answers, and what they rest on.
    """

    networks: tuple[NetworkFile, ...]
    network: IntArray
    workloads: tuple[Workload, ...]
    chosen: ChosenModel
    confidence_level: float
    energy_j: Quantities
    duration_s: Quantities | None
    in_domain: BoolArray
    carbon: CarbonIntensity
    pue: float
    warnings: tuple[Notice, ...]
    assumptions: tuple[Notice, ...]

    def __len__(self) -> int:
        return len(self.workloads)

    @property
    def energy_kwh(self) -> Quantities:
        """IT energy in kWh, without PUE."""
        return self.energy_j.scaled(joules_to_kwh(1.0))

    @property
    def emissions_gco2e(self) -> Quantities:
        """Emissions in gCO2e, with PUE."""
        return self.energy_j.scaled(
            emissions_gco2e(
                1.0,
                carbon_intensity_g_per_kwh=self.carbon.carbon_intensity_g_per_kwh,
                pue=self.pue,
            )
        )

    def to_frame(self) -> Any:
        """Return the answers as a table.

        Returns
        -------
        frame : pandas.DataFrame
            One row per workload: the network's name, the workload, and of each
            quantity the estimate and the ends of its interval.
        """
        import pandas

        names = np.array([one.architecture.name for one in self.networks], dtype=object)
        columns: dict[str, object] = {"network": names[self.network]}
        for name in ("mode", "batch_size", "samples", "epochs", "optimizer", "dtype"):
            columns[name] = [getattr(one, name) for one in self.workloads]
        quantities = {
            "energy_j": self.energy_j,
            "duration_s": self.duration_s,
            "emissions_gco2e": self.emissions_gco2e,
        }
        for name, values in quantities.items():
            if values is not None:
                columns[name] = values.estimate
                columns[f"{name}_lower"] = values.lower
                columns[f"{name}_upper"] = values.upper
        return pandas.DataFrame({**columns, "in_domain": self.in_domain})


def estimate_many(
    candidates: Iterable[tuple[Source, Workload]],
    *,
    input_shapes: Sequence[Sequence[int]] = (),
    sequence_length: int | None = None,
    decode: bool = False,
    on_unknown: OnUnknown = "error",
    model: str | os.PathLike[str] | None = None,
    hardware: str | None = None,
    region: str | None = None,
    carbon_intensity_g_per_kwh: float | None = None,
    pue: float = 1.0,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> Estimates:
    """Estimate the energy of many workloads at once.

    Parameters
    ----------
    candidates : iterable of (network, Workload)
        Networks as `estimate` takes them. One that comes several times, as the same
        path or object, is read once; one that was read in an earlier call is not
        counted again.
    input_shapes, sequence_length, decode, on_unknown, model, hardware, region, \
carbon_intensity_g_per_kwh, pue, confidence_level : optional
        As of `estimate`, for all candidates.

    Returns
    -------
    estimates : Estimates
        The same numbers as `estimate` gives for each, as arrays.

    Raises
    ------
    UsageError
        If an option is out of its range.
    InputFileError, ArchitectureError
        If a network cannot be read or counted.
    ModelFileError
        If there is no usable fitted model.

    Notes
    -----
    A step is predicted once for all workloads that share it: the same network, mode,
    batch size, optimizer and dtype. Samples and epochs only multiply it.

    Examples
    --------
    >>> from predictor import Workload
    >>> dense = {"class_name": "Dense", "config": {"units": 2, "input_shape": [4]}}
    >>> network = {"class_name": "Sequential", "config": {"layers": [dense]}}
    >>> jobs = [Workload(epochs=epochs) for epochs in (1, 2, 4)]
    >>> found = estimate_many((network, job) for job in jobs)
    >>> len(found), bool((np.diff(found.energy_j.estimate) > 0).all())
    (3, True)
    """
    check_terms(confidence_level=confidence_level, pue=pue)
    carbon = carbon_intensity(region, override_g_per_kwh=carbon_intensity_g_per_kwh)
    shapes = tuple(tuple(shape) for shape in input_shapes)
    request = Request(
        input_shapes=shapes, sequence_length=sequence_length, decode=decode
    )
    chosen = choose_model(model, hardware=hardware)
    asked = _Asked(request, on_unknown)
    for source, job in candidates:
        asked.add(source, job)
    totals, in_domain = _predict(asked, chosen.model, confidence_level)
    warned: dict[Notice, None] = {}
    for job in {job.dtype: job for _, job in asked.steps}.values():
        warned.update(dict.fromkeys(warnings_of(chosen, None, job)))
    taken = dict.fromkeys(note for file in asked.networks for note in file.assumptions)
    places = np.array([place for place, _ in asked.steps], dtype=np.int64)
    return Estimates(
        networks=tuple(asked.networks),
        network=places[np.array(asked.step, dtype=np.int64)],
        workloads=tuple(asked.workloads),
        chosen=chosen,
        confidence_level=confidence_level,
        energy_j=totals["energy_j"],
        duration_s=totals.get("duration_s"),
        in_domain=in_domain,
        carbon=carbon,
        pue=pue,
        warnings=tuple(warned),
        assumptions=assumptions_of(chosen, carbon, pue, network=tuple(taken)),
    )


class _Asked:
    """Candidates, and the steps that they have in common."""

    def __init__(self, request: Request, on_unknown: OnUnknown) -> None:
        self._request, self._on_unknown = request, on_unknown
        self._places: dict[object, int] = {}
        self._sources: list[Source] = []  # kept, so that no identity is used again
        self._known: dict[tuple[int, str, int, str, str], int] = {}
        self.networks: list[NetworkFile] = []
        self.steps: list[tuple[int, Workload]] = []
        self.step: list[int] = []
        self.workloads: list[Workload] = []

    def add(self, source: Source, job: Workload) -> None:
        name = source if isinstance(source, str) else id(source)
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self.networks)
            self._sources.append(source)
            self.networks.append(read_network(source, self._request))
        key = (place, job.mode, job.batch_size, job.optimizer, job.dtype)
        step = self._known.get(key)
        if step is None:
            check_mode(self._request, job)
            step = self._known[key] = len(self.steps)
            self.steps.append((place, job))
        self.step.append(step)
        self.workloads.append(job)

    def described(self) -> Iterable[tuple[list[tuple[NetworkCount, str]], StepTable]]:
        """Describe the steps, some at a time: counts and dtype, and the table."""
        for first in range(0, len(self.steps), TOGETHER):
            part = self.steps[first : first + TOGETHER]
            found = [self._described(place, job) for place, job in part]
            yield (
                [
                    (count, job.dtype)
                    for (count, _), (_, job) in zip(found, part, strict=True)
                ],
                joined_tables([table for _, table in found]),
            )

    def _described(self, place: int, job: Workload) -> tuple[NetworkCount, StepTable]:
        file = self.networks[place]
        known = _Known(
            sha256=file.sha256,
            request=self._request,
            on_unknown=self._on_unknown,
            architecture=file.architecture,
        )
        count, table = _one_sample(
            known, replace(job, batch_size=1, samples=1, epochs=1)
        )
        return count, with_batch_size(table, count, job)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A network with its content left out where two are compared."""

    sha256: str
    request: Request
    on_unknown: OnUnknown
    architecture: Architecture = field(compare=False)


@lru_cache(maxsize=KEPT_NETWORKS)
def _counted(known: _Known) -> NetworkCount:
    return count_network(
        known.architecture, known.request.input_shapes, on_unknown=known.on_unknown
    )


@lru_cache(maxsize=KEPT_NETWORKS)
def _one_sample(known: _Known, job: Workload) -> tuple[NetworkCount, StepTable]:
    """Describe a step of a single sample, with equal operations joined."""
    count = _counted(known)
    return count, describe_steps([(count, job)]).merged()


def _predict(
    asked: _Asked, model: FittedModel, level: float
) -> tuple[dict[Target, Quantities], BoolArray]:
    """Predict each step once; return all totals, and what lies in the fitted range."""
    empty = [np.zeros((3, 0))]
    steady: dict[Target, list[FloatArray]] = {name: [*empty] for name in model.steps}
    cold: dict[Target, list[FloatArray]] = {name: [*empty] for name in model.cold}
    inside: list[bool] = []
    for described, table in asked.described():
        judged = [
            approximated(verdict, count, dtype=dtype, fitted=model.platform.dtype)
            for verdict, (count, dtype) in zip(
                verdicts(model, table), described, strict=True
            )
        ]
        widen = np.array([widening(verdict) for verdict in judged])
        inside.extend(verdict.in_domain for verdict in judged)
        for found, targets in ((steady, model.steps), (cold, model.cold)):
            for name, target in targets.items():
                found[name].append(_with_ends(target, table, level, widen))
    step = np.array(asked.step, dtype=np.int64)
    times = np.array([job.full_batches for job in asked.workloads], dtype=np.float64)
    totals = {}
    for name, parts in steady.items():
        total = np.concatenate(parts, axis=1)[:, step] * times
        if name in cold:
            total += np.concatenate(cold[name], axis=1)[:, step]
        totals[name] = Quantities(estimate=total[0], lower=total[1], upper=total[2])
    return totals, np.array(inside, dtype=np.bool_)[step]


def _with_ends(
    target: TargetModel, table: StepTable, level: float, widen: FloatArray
) -> FloatArray:
    predicted = target.predict(table)
    half_width = log_half_width(target.residuals[target.chosen], level)
    factor = np.exp(np.minimum(half_width * widen, LARGEST_LOG_HALF_WIDTH))
    return np.stack([predicted, predicted / factor, predicted * factor])
