"""The answer: energy, time, power, emissions and money of one workload."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from predictor.answer import Estimate, LayerShare
from predictor.carbon import carbon_intensity, check_pue
from predictor.counting import NetworkCount, OnUnknown
from predictor.errors import UsageError
from predictor.fitted_model import TargetModel
from predictor.freezing import Frozen, counted_network
from predictor.intervals import CONFIDENCE_LEVEL, interval
from predictor.models import choose_model
from predictor.notices import assumptions_of, warnings_of
from predictor.prediction import drivers
from predictor.readers import LiveModel, Request
from predictor.step_price import StepPrice, price_step
from predictor.workload import Workload

OVERHEAD_LAYER = "(start of each step)"


def estimate(
    network: str | os.PathLike[str] | Mapping[str, Any] | LiveModel,
    *,
    workload: Workload | None = None,
    input_shapes: Sequence[Sequence[int]] = (),
    sequence_length: int | None = None,
    decode: bool = False,
    on_unknown: OnUnknown = "error",
    frozen: Frozen | None = None,
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
    network : path, mapping, Keras model or PyTorch module
        A Keras architecture (JSON or ``.keras``), a transformer's ``config.json`` as
        Hugging Face writes it, an ONNX file, the parsed JSON itself, a Keras model in
        memory, or a PyTorch module, of which `input_shapes` must be given.
    workload : Workload, optional
        What is done; by default training with 1,000 samples in batches of 32.
    input_shapes : sequence of sequence of int, optional
        Shape of each input without the batch axis, where the network leaves sizes open.
    sequence_length : int, optional
        Of a transformer's configuration: positions of a sequence.
    decode : bool, default=False
        Of a decoder's configuration: whether a sample is one new token behind
        `sequence_length` - 1 others, whose keys and values are kept.
    on_unknown : {"error", "approximate"}, default="error"
        What to do about a layer without a counting rule: refuse the network, or price
        the layer by its tensors, with intervals twice as wide.
    frozen : str, int or float, optional
        Layers that are not trained: a number or a share of them, the name of the last
        one, or ``"base"`` for all before the last layer with weights; by default what
        the network says. Keras' formats only; without effect in inference.
    model : path, optional
        Folder of a fitted model; by default `choose_model` decides.
    hardware : str, optional
        Name of a known fitted model instead.
    region : str, optional
        Code of the place as of `carbon_intensity`; by default the world's mean.
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
    check_terms(confidence_level=confidence_level, pue=pue, price_per_kwh=price_per_kwh)
    job = workload or Workload()
    carbon = carbon_intensity(region, override_g_per_kwh=carbon_intensity_g_per_kwh)
    shapes = tuple(tuple(shape) for shape in input_shapes)
    request = Request(
        input_shapes=shapes, sequence_length=sequence_length, decode=decode
    )
    check_mode(request, job)
    file, counts = counted_network(
        network,
        request,
        on_unknown=on_unknown,
        frozen=frozen if job.mode == "training" else None,
    )
    taken = (*file.assumptions, *(f"inputs of shape {shape}" for shape in shapes))
    if frozen is not None and job.mode == "training":
        trained = f"{counts.trainable_params:,} of {counts.params:,} parameters"
        taken = (*taken, f"layers are frozen ({frozen}): {trained} are trained")
    chosen = choose_model(model, hardware=hardware)
    fitted = chosen.model
    price = price_step(
        fitted,
        counts,
        job,
        name=file.architecture.name,
        confidence_level=confidence_level,
        strict=strict,
    )
    whole = {target: price.total(target, job.full_batches) for target in price.steady}
    power_w = None
    if "duration_s" in whole:
        power_w = interval(
            whole["energy_j"].estimate / whole["duration_s"].estimate,
            fitted.power_residuals,
            confidence_level,
            widen=price.widening,
        )
    return Estimate(
        network=file,
        counts=counts,
        workload=job,
        chosen=chosen,
        confidence_level=confidence_level,
        energy_j=whole["energy_j"],
        cold_energy_j=price.cold.get("energy_j"),
        cold_duration_s=price.cold.get("duration_s"),
        duration_s=whole.get("duration_s"),
        power_w=power_w,
        carbon=carbon,
        pue=pue,
        price_per_kwh=price_per_kwh,
        layers=_layers(counts, price, fitted.steps["energy_j"]),
        verdict=price.verdict,
        warnings=warnings_of(chosen, price.verdict, job),
        assumptions=assumptions_of(
            chosen, carbon, pue, job, taken, price_per_kwh=price_per_kwh
        ),
    )


def check_terms(
    *, confidence_level: float, pue: float, price_per_kwh: float | None = None
) -> None:
    """Refuse terms of an estimate that are out of their range.

    Parameters
    ----------
    confidence_level : float
        Of every interval, between 0.5 and 0.99 inclusive.
    pue : float
        Power usage effectiveness of the site, at least 1.
    price_per_kwh : float, optional
        Price of a kWh, not negative.

    Raises
    ------
    UsageError
        If one is out of its range.
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


def check_mode(request: Request, workload: Workload) -> None:
    """Refuse to train what is only run.

    Parameters
    ----------
    request : Request
        What is asked of the network.
    workload : Workload
        What is done with it.

    Raises
    ------
    UsageError
        If tokens are decoded one by one in training.
    """
    if request.decode and workload.mode != "inference":
        raise UsageError(
            "decoding token by token is inference; give the mode inference"
        )


def _layers(
    counts: NetworkCount, price: StepPrice, fitted: TargetModel
) -> tuple[LayerShare, ...]:
    table, shares, n_layers = price.table, price.shares, len(counts.layers)
    driven_by = drivers(fitted, table, shares, n_layers)
    by_layer = np.bincount(table.layer, weights=shares, minlength=n_layers)
    layers = [
        LayerShare(
            name=layer.name,
            kind=layer.kind,
            macs=layer.macs,
            params=layer.params,
            energy_share=float(share),
            driven_by=driver,
        )
        for layer, share, driver in zip(counts.layers, by_layer, driven_by, strict=True)
    ]
    rest = LayerShare(
        name=OVERHEAD_LAYER,
        kind="overhead",
        macs=0,
        params=0,
        energy_share=max(0.0, 1.0 - float(by_layer.sum())),
        driven_by=None,
    )
    return (*layers, rest)
