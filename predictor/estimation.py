"""The answer: energy, time, power, emissions and money of one workload."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from predictor.carbon import (
    CarbonIntensity,
    carbon_intensity,
    check_pue,
    emissions_gco2e,
)
from predictor.counting import NetworkCount, count_network
from predictor.dataset import Target
from predictor.domain import Verdict
from predictor.errors import OutOfDomainError, UsageError
from predictor.features import FloatArray, StepTable, describe_steps
from predictor.fitting import CONFIDENCE_LEVEL, FittedModel, TargetModel
from predictor.intervals import Quantity, interval
from predictor.models import ChosenModel, choose_model
from predictor.prediction import judge, widening
from predictor.readers import NetworkFile, read_network
from predictor.units import joules_to_kwh
from predictor.workload import Workload

SCHEMA_VERSION = 1
OVERHEAD_LAYER = "(start of each step)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShare:
    """What one layer contributes.

    Parameters
    ----------
    name, kind : str
        The layer's name and Keras class; ``overhead`` is no layer but the start of
        each step.
    macs : int
        Multiply-accumulates of its forward passes for one sample.
    params : int
        Its weights.
    energy_share : float
        Its part of a step's energy; all parts add up to 1.
    """

    name: str
    kind: str
    macs: int
    params: int
    energy_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the reader of an estimate must know.

    Parameters
    ----------
    code : str
        Stable short name.
    message : str
        One sentence.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a workload will take, before it runs.

    Parameters
    ----------
    network : NetworkFile
        What was read.
    counts : NetworkCount
        Its exact counts.
    workload : Workload
        What is done with it.
    chosen : ChosenModel
        The fitted model that answers.
    confidence_level : float
        Of every interval.
    energy_j : Quantity
        IT energy of the whole workload in J, cold part included, without PUE.
    cold_energy_j : Quantity or None
        The part spent once, before steady steps, in J.
    duration_s : Quantity or None
        Time of the whole workload in s; None where no time was measured.
    power_w : Quantity or None
        Mean power in W.
    carbon : CarbonIntensity
        Of the electricity.
    pue : float
        Power usage effectiveness of the site.
    price_per_kwh : float or None
        Price of a kWh, in the user's currency.
    layers : tuple of LayerShare
        In order of execution.
    verdict : Verdict
        Whether the workload lies in the fitted range.
    warnings, assumptions : tuple of Notice
        What limits the answer, and what it rests on.
    """

    network: NetworkFile
    counts: NetworkCount
    workload: Workload
    chosen: ChosenModel
    confidence_level: float
    energy_j: Quantity
    cold_energy_j: Quantity | None
    duration_s: Quantity | None
    power_w: Quantity | None
    carbon: CarbonIntensity
    pue: float
    price_per_kwh: float | None
    layers: tuple[LayerShare, ...]
    verdict: Verdict
    warnings: tuple[Notice, ...]
    assumptions: tuple[Notice, ...]

    @property
    def energy_kwh(self) -> Quantity:
        """IT energy in kWh, without PUE."""
        return self.energy_j.scaled(joules_to_kwh(1.0))

    @property
    def emissions_gco2e(self) -> Quantity:
        """Emissions in gCO2e, with PUE."""
        return self.energy_j.scaled(
            emissions_gco2e(
                1.0,
                carbon_intensity_g_per_kwh=self.carbon.carbon_intensity_g_per_kwh,
                pue=self.pue,
            )
        )

    @property
    def cost(self) -> Quantity | None:
        """Price of the electricity, with PUE; None without a price."""
        if self.price_per_kwh is None:
            return None
        return self.energy_kwh.scaled(self.pue * self.price_per_kwh)

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; a quantity is estimate, lower and upper.
        """

        def numbers(quantity: Quantity | None) -> dict[str, float] | None:
            return None if quantity is None else quantity.to_dict()

        model, platform = self.chosen.model, self.chosen.model.platform
        energy = model.steps["energy_j"]
        errors = energy.errors[energy.chosen]
        cost = self.cost
        return {
            "schema_version": SCHEMA_VERSION,
            "network": {
                "name": self.network.architecture.name,
                "format": self.network.format,
                "sha256": self.network.sha256,
                "layers": len(self.counts.layers),
                "params": self.counts.params,
                "trainable_params": self.counts.trainable_params,
                "macs": self.counts.macs,
                "flops": 2 * self.counts.macs,
            },
            "workload": {
                "mode": self.workload.mode,
                "batch_size": self.workload.batch_size,
                "samples": self.workload.samples,
                "epochs": self.workload.epochs,
                "steps": self.workload.steps,
                "optimizer": self.workload.optimizer,
                "dtype": self.workload.dtype,
            },
            "hardware": {
                "name": platform.hardware,
                "backend": platform.backend,
                "tier": self.chosen.tier,
                "energy_source": platform.energy_source,
            },
            "confidence_level": self.confidence_level,
            "energy_j": numbers(self.energy_j),
            "energy_kwh": numbers(self.energy_kwh),
            "duration_s": numbers(self.duration_s),
            "power_w": numbers(self.power_w),
            "emissions_gco2e": numbers(self.emissions_gco2e),
            "cold_energy_j": numbers(self.cold_energy_j),
            "carbon": {**asdict(self.carbon), "pue": self.pue},
            "cost": None
            if cost is None
            else {**cost.to_dict(), "price_per_kwh": self.price_per_kwh},
            "layers": [asdict(layer) for layer in self.layers],
            "in_domain": self.verdict.in_domain,
            "warnings": [asdict(notice) for notice in self.warnings],
            "assumptions": [asdict(notice) for notice in self.assumptions],
            "model": {
                "name": model.name,
                "regressor": energy.chosen,
                "digest": self.chosen.digest,
                "rows": model.rows,
                "mape": errors.mape,
                "coverage": errors.coverage,
            },
        }

    def to_frame(self) -> Any:
        """Return the layers as a table.

        Returns
        -------
        frame : pandas.DataFrame
            One row per layer; columns as the fields of `LayerShare`.
        """
        import pandas

        return pandas.DataFrame([asdict(layer) for layer in self.layers])

    def _repr_html_(self) -> str:
        from predictor.report.formats import render

        return render(self, "html")


def estimate(
    network: str | os.PathLike[str] | Mapping[str, Any],
    *,
    workload: Workload | None = None,
    model: str | os.PathLike[str] | None = None,
    hardware: str | None = None,
    region: str | None = None,
    carbon_intensity_g_per_kwh: float | None = None,
    pue: float = 1.0,
    price_per_kwh: float | None = None,
    confidence_level: float = CONFIDENCE_LEVEL,
    strict: bool = False,
) -> Estimate:
    """Estimate the energy of a workload before it runs.

    Parameters
    ----------
    network : path or mapping
        A Keras architecture (JSON or ``.keras``), or the parsed JSON itself.
    workload : Workload, optional
        What is done; by default training with 1,000 samples in batches of 32.
    model : path, optional
        Folder of a fitted model; by default `choose_model` decides.
    hardware : str, optional
        Name of a known fitted model instead.
    region : str, optional
        ISO 3166 alpha-3 code of the place; by default the world's mean.
    carbon_intensity_g_per_kwh : float, optional
        Carbon intensity in gCO2e/kWh instead of the region's.
    pue : float, default=1.0
        Power usage effectiveness of the site, at least 1.
    price_per_kwh : float, optional
        Price of a kWh in any currency.
    confidence_level : float, default=0.9
        Of every interval, between 0.5 and 0.99 inclusive.
    strict : bool, default=False
        Whether to refuse an answer outside the fitted range.

    Returns
    -------
    estimate : Estimate
        The answer with interval, assumptions and provenance.

    Raises
    ------
    UsageError
        If an option is out of its range.
    InputFileError, ArchitectureError
        If the network cannot be read or counted.
    ModelFileError
        If there is no usable fitted model.
    OutOfDomainError
        If `strict` and the workload is outside the fitted range.
    """
    if not 0.5 <= confidence_level <= 0.99:
        raise UsageError(f"confidence must be 0.5 to 0.99, got {confidence_level!r}")
    if price_per_kwh is not None and not (
        math.isfinite(price_per_kwh) and price_per_kwh >= 0
    ):
        raise UsageError(
            f"price must be finite and not negative, got {price_per_kwh!r}"
        )
    check_pue(pue)
    job = workload or Workload()
    carbon = carbon_intensity(region, override_g_per_kwh=carbon_intensity_g_per_kwh)
    file = read_network(network)
    counts = count_network(file.architecture)
    chosen = choose_model(model, hardware=hardware)
    fitted = chosen.model
    table = describe_steps([(counts, job)])
    shares, verdict = judge(fitted, table)
    if strict and not verdict.in_domain:
        raise OutOfDomainError(
            f"{file.architecture.name}: outside the range {fitted.name} was fitted on: "
            f"{'; '.join(verdict.reasons[:2])}. Leave out --strict for an estimate "
            "with a wider interval, or measure such networks and fit again"
        )
    answer = _Answer(
        fitted=fitted,
        table=table,
        steps=job.full_batches,
        level=confidence_level,
        widen=widening(verdict),
    )
    return Estimate(
        network=file,
        counts=counts,
        workload=job,
        chosen=chosen,
        confidence_level=confidence_level,
        energy_j=_required(answer.whole("energy_j")),
        cold_energy_j=answer.cold("energy_j"),
        duration_s=answer.whole("duration_s"),
        power_w=answer.power(),
        carbon=carbon,
        pue=pue,
        price_per_kwh=price_per_kwh,
        layers=_layers(counts, table, shares),
        verdict=verdict,
        warnings=_warnings(chosen, verdict, job),
        assumptions=_assumptions(chosen, carbon, pue, job, workload is None),
    )


def _required(quantity: Quantity | None) -> Quantity:
    assert quantity is not None
    return quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    fitted: FittedModel
    table: StepTable
    steps: float
    level: float
    widen: float

    def _interval(self, target: TargetModel) -> Quantity:
        return interval(
            float(target.predict(self.table)[0]),
            target.residuals[target.chosen],
            self.level,
            widen=self.widen,
        )

    def cold(self, target: Target) -> Quantity | None:
        fitted = self.fitted.cold.get(target)
        return None if fitted is None else self._interval(fitted)

    def whole(self, target: Target) -> Quantity | None:
        fitted = self.fitted.steps.get(target)
        if fitted is None:
            return None
        steady = self._interval(fitted).scaled(self.steps)
        cold = self.cold(target)
        return steady if cold is None else steady.plus(cold)

    def power(self) -> Quantity | None:
        energy_j, duration_s = self.whole("energy_j"), self.whole("duration_s")
        if energy_j is None or duration_s is None:
            return None
        return interval(
            energy_j.estimate / duration_s.estimate,
            self.fitted.power_residuals,
            self.level,
            widen=self.widen,
        )


def _layers(
    counts: NetworkCount, table: StepTable, shares: FloatArray
) -> tuple[LayerShare, ...]:
    by_layer = np.bincount(table.layer, weights=shares, minlength=len(counts.layers))
    layers = [
        LayerShare(
            name=layer.name,
            kind=layer.kind,
            macs=layer.macs,
            params=layer.params,
            energy_share=float(share),
        )
        for layer, share in zip(counts.layers, by_layer, strict=True)
    ]
    rest = LayerShare(
        name=OVERHEAD_LAYER,
        kind="overhead",
        macs=0,
        params=0,
        energy_share=max(0.0, 1.0 - float(by_layer.sum())),
    )
    return (*layers, rest)


def _warnings(
    chosen: ChosenModel, verdict: Verdict, workload: Workload
) -> tuple[Notice, ...]:
    platform = chosen.model.platform
    notices = []
    if platform.energy_source == "modelled":
        notices.append(
            Notice(
                code="modelled_energy",
                message=(
                    "energy was modelled, not measured: no counter was readable on "
                    f"{platform.hardware}, so CodeCarbon's power model stands in; "
                    "times are measured"
                ),
            )
        )
    if chosen.tier == "generic":
        notices.append(
            Notice(
                code="other_hardware",
                message=(
                    f"this speaks for {platform.hardware} with {platform.backend}, not "
                    "for this machine; measure here with `dataset_builder sweep` and "
                    "`predictor fit`"
                ),
            )
        )
    if workload.dtype != platform.dtype:
        notices.append(
            Notice(
                code="other_dtype",
                message=(
                    f"the model was fitted on {platform.dtype}; for {workload.dtype} "
                    "only the bytes moved are scaled"
                ),
            )
        )
    notices.extend(
        Notice(code="out_of_range", message=reason) for reason in verdict.reasons[:3]
    )
    return tuple(notices)


def _carbon_sentence(carbon: CarbonIntensity, pue: float) -> str:
    number = f"{carbon.carbon_intensity_g_per_kwh:g} gCO2e/kWh"
    if carbon.region is None:
        return f"{number} ({carbon.source}), PUE {pue:g}"
    return f"{number} in {carbon.region} ({carbon.year}, {carbon.source}), PUE {pue:g}"


def _assumptions(
    chosen: ChosenModel,
    carbon: CarbonIntensity,
    pue: float,
    workload: Workload,
    default_workload: bool,
) -> tuple[Notice, ...]:
    notices = [
        Notice(
            code="workload",
            message=(
                f"{workload.mode}, {workload.epochs} epoch(s) of {workload.samples:,} "
                f"samples in batches of {workload.batch_size}"
                + (" (defaults)" if default_workload else "")
            ),
        ),
        Notice(
            code="linear",
            message=(
                "energy is a cold part (compilation, first batches) plus steps times "
                "the energy of a step; a part-filled last batch counts by its share"
            ),
        ),
        Notice(
            code="not_counted",
            message=(
                "reading and augmenting data, validation, checkpoints, idle time and "
                "the making of the hardware are not counted"
            ),
        ),
        Notice(code="carbon", message=_carbon_sentence(carbon, pue)),
    ]
    if chosen.model.steps["energy_j"].chosen == "boosting":
        notices.append(
            Notice(
                code="layer_shares",
                message="layers' shares come from the physical regressor",
            )
        )
    return tuple(notices)
