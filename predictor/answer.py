"""The answer to what a workload will take: quantities, layers, provenance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from predictor.carbon import CarbonIntensity, emissions_gco2e
from predictor.counting import NetworkCount
from predictor.domain import Verdict
from predictor.intervals import Quantity
from predictor.models import ChosenModel
from predictor.notices import Notice, most_important
from predictor.prediction import Driver
from predictor.readers import NetworkFile
from predictor.units import joules_to_kwh
from predictor.workload import Workload

SCHEMA_VERSION = 1


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
    driven_by : {"launches", "macs", "bytes"} or None
        What most of that is spent on, by the prices of the ``physical`` regressor:
        starting kernels, arithmetic, or moving data. None where that is not known.
    """

    name: str
    kind: str
    macs: int
    params: int
    energy_share: float
    driven_by: Driver | None


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
    cold_duration_s : Quantity or None
        The same of the time, in s.
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
    cold_duration_s: Quantity | None
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

    @property
    def matters_most(self) -> Notice:
        """The warning or assumption that could change the answer most."""
        return most_important(
            self.warnings, self.assumptions, self.workload, self.carbon
        )

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
            "matters_most": asdict(self.matters_most),
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
        from predictor.report.formats import html_fragment

        return html_fragment(self)
