"""Life cycles, assessed: what each phase takes, and which variant pays off."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from predictor.errors import UsageError
from predictor.estimation import check_terms
from predictor.intervals import CONFIDENCE_LEVEL, Quantity
from predictor.lifecycle.comparing import energy_ratio, pay_off
from predictor.lifecycle.description import (
    Answering,
    Description,
    Given,
    Phase,
    Place,
    Search,
    Use,
    Variant,
    Work,
)
from predictor.lifecycle.energies import NOTHING, Sum, exactly, share_of, summed
from predictor.lifecycle.formulas import break_even_inferences, training_overhead
from predictor.lifecycle.parsing import read_description
from predictor.lifecycle.pricing import Pricing
from predictor.lifecycle.remarks import assumptions_about, static_warnings
from predictor.lifecycle.result import (
    AssessedVariant,
    Assessment,
    PhaseAnswer,
    VariantComparison,
)
from predictor.lifecycle.tables import LARGEST, SMALLEST
from predictor.models import choose_model


def assess_lifecycle(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    model: str | os.PathLike[str] | None = None,
    hardware: str | None = None,
    region: str | None = None,
    carbon_intensity_g_per_kwh: float | None = None,
    pue: float | None = None,
    price_per_kwh: float | None = None,
    confidence_level: float | None = None,
    idle_power_w: float | None = None,
    strict: bool = False,
) -> Assessment:
    """Assess the life cycles that a description holds.

    Parameters
    ----------
    source : path or mapping
        The description, in TOML or JSON, or what was parsed from one.
    model, hardware, region, carbon_intensity_g_per_kwh, pue, price_per_kwh, \
confidence_level : optional
        As of `predictor.estimate`; each goes before what the description says. A
        region or a carbon intensity holds for every variant.
    idle_power_w : float, optional
        Power of the idle machine in W.
    strict : bool, default=False
        Whether to refuse an answer outside the fitted range.

    Returns
    -------
    assessment : Assessment
        Of every variant, and of each against the first.

    Raises
    ------
    UsageError
        If an option is out of its range.
    InputFileError
        If the description or a network cannot be read.
    ModelFileError
        If there is no usable fitted model.
    OutOfDomainError
        If `strict` and a phase is outside the fitted range.

    Notes
    -----
    ``EC = CT + T + e * I`` of Gitzel et al. 2023. ``T = I * D * E * (1 + o)`` where
    the description gives ``I`` and ``o``; else ``T`` and ``I`` are predicted, each
    with the energy of compiling and of first batches once for each training, and once
    for use. Energies are those of the machines; the power usage effectiveness comes in
    with emissions and money. Ends of intervals are added, as if all predictions erred
    to the same side.

    Examples
    --------
    >>> training = {
    ...     "inference_energy_j": 0.5, "samples": 1000, "epochs": 10, "overhead": 4
    ... }
    >>> use = {"inferences": 75_000}
    >>> described = {"variants": {"mine": {"training": training, "use": use}}}
    >>> mine = assess_lifecycle(described).variants[0]
    >>> mine.energy_j.estimate, mine.break_even_inferences.estimate
    (62500.0, 50000.0)
    """
    place = Place(
        region=region,
        carbon_intensity_g_per_kwh=carbon_intensity_g_per_kwh,
        pue=pue,
        price_per_kwh=price_per_kwh,
    )
    answering = Answering(
        model=None if model is None else os.fspath(model),
        hardware=hardware,
        confidence_level=confidence_level,
        idle_power_w=idle_power_w,
    )
    return assess(read_description(source).overridden(place, answering), strict=strict)


def assess(description: Description, *, strict: bool = False) -> Assessment:
    """Assess the life cycles of a description that was read.

    Parameters
    ----------
    description : Description
        With all that is to be heard.
    strict : bool, default=False
        Whether to refuse an answer outside the fitted range.

    Returns
    -------
    assessment : Assessment
        As of `assess_lifecycle`.

    Raises
    ------
    UsageError
        If an option is out of its range.
    InputFileError
        If a network cannot be read.
    ModelFileError
        If there is no usable fitted model.
    OutOfDomainError
        If `strict` and a phase is outside the fitted range.
    """
    said = description.answering
    level = CONFIDENCE_LEVEL if said.confidence_level is None else said.confidence_level
    check_terms(confidence_level=level, pue=1.0)
    idle_power_w = said.idle_power_w
    if idle_power_w is not None and not SMALLEST <= idle_power_w <= LARGEST:
        raise UsageError(
            f"idle power must be finite and above 0 W, got {idle_power_w!r}"
        )
    chosen = None
    if any(map(_is_predicted, description.variants)):
        chosen = choose_model(said.model, hardware=said.hardware)
    pricing = Pricing(chosen=chosen, confidence_level=level, strict=strict)
    variants = tuple(
        _assessed(one, pricing, idle_power_w) for one in description.variants
    )
    return Assessment(
        name=description.name,
        variants=variants,
        comparisons=tuple(_compared(one, variants[0], pricing) for one in variants[1:]),
        chosen=chosen,
        confidence_level=level,
        idle_power_w=idle_power_w,
        warnings=(*pricing.warnings(), *static_warnings(variants, idle_power_w)),
        assumptions=assumptions_about(variants, pricing, idle_power_w),
    )


def _is_predicted(variant: Variant) -> bool:
    search = [phase for phase, _ in variant.search.trainings] if variant.search else []
    used = [variant.use.work] if variant.use else []
    return any(isinstance(one, Work) for one in (*search, variant.training, *used))


def _assessed(
    variant: Variant, pricing: Pricing, idle_power_w: float | None
) -> AssessedVariant:
    carbon, pue = variant.place.settled()
    sums: dict[str, Sum] = {}
    if variant.search is not None:
        sums["search"] = _searched(variant.search, pricing)
    if variant.training is not None:
        part = pricing.part(variant.training, "training")
        sums["training"] = Sum(parts=(part,))
    inference_j, cold_use_j = None, NOTHING
    if variant.use is not None:
        sums["use"], inference_j = _used(variant.use, pricing)
        cold_use_j = sums["use"].cold_energy_j
    whole = Sum(parts=tuple(part for one in sums.values() for part in one.parts))
    phases = {}
    for name, one in sums.items():
        others = Sum(
            parts=tuple(
                part for key, rest in sums.items() if key != name for part in rest.parts
            )
        )
        phases[name] = PhaseAnswer(
            sum=one,
            share=share_of(one.energy_j, others.energy_j),
            static_share=one.static_share(idle_power_w),
        )
    once = [sums[name].energy_j for name in ("search", "training") if name in sums]
    invested_j = summed(once)
    return AssessedVariant(
        variant=variant,
        carbon=carbon,
        pue=pue,
        phases=phases,
        whole=whole,
        inference_energy_j=inference_j,
        invested_energy_j=invested_j.plus(cold_use_j),
        break_even_inferences=(
            None
            if inference_j is None or not once
            else _break_even(invested_j, cold_use_j, inference_j)
        ),
        overhead=_overhead(variant.training, pricing),
        static_share=whole.static_share(idle_power_w),
    )


def _searched(search: Search, pricing: Pricing) -> Sum:
    return Sum(
        parts=tuple(
            pricing.part(phase, "training").times(times)
            for phase, times in search.trainings
        )
    )


def _used(use: Use, pricing: Pricing) -> tuple[Sum, Quantity]:
    """Return what all inferences take, and one of them without the cold part."""
    part = pricing.part(use.work, "inference")
    if isinstance(use.work, Work):
        each = 1 / use.work.workload.samples
        one = pricing.steady_energy_j(use.work).scaled(each)
    else:
        one, part = exactly(use.work.energy_j), part.times(use.inferences)
    return Sum(parts=(part,) if use.inferences else ()), one


def _break_even(
    invested_j: Quantity, cold_use_j: Quantity, inference_j: Quantity
) -> Quantity:
    """Return after how many inferences use has taken as much as search and training."""
    return Quantity(
        estimate=break_even_inferences(
            invested_j.estimate - cold_use_j.estimate,
            inference_energy_j=inference_j.estimate,
        ),
        lower=break_even_inferences(
            invested_j.lower - cold_use_j.upper, inference_energy_j=inference_j.upper
        ),
        upper=break_even_inferences(
            invested_j.upper - cold_use_j.lower, inference_energy_j=inference_j.lower
        ),
    )


def _overhead(training: Phase | None, pricing: Pricing) -> Quantity | None:
    """Return ``o``: training over inference on the same samples, less one."""
    if training is None:
        return None
    if isinstance(training, Given):
        return None if training.overhead is None else exactly(training.overhead)
    forward = pricing.steady_energy_j(
        replace(
            training,
            workload=replace(training.workload, mode="inference"),
            where=f"{training.where} (its forward pass)",
        )
    )
    trained = pricing.steady_energy_j(training)
    return Quantity(
        estimate=training_overhead(
            trained.estimate, inference_energy_j=forward.estimate
        ),
        lower=max(
            0.0, training_overhead(trained.lower, inference_energy_j=forward.upper)
        ),
        upper=training_overhead(trained.upper, inference_energy_j=forward.lower),
    )


def _compared(
    one: AssessedVariant, first: AssessedVariant, pricing: Pricing
) -> VariantComparison:
    ratio = None
    if first.energy_j.estimate:
        ratio = energy_ratio(
            one.whole.parts,
            first.whole.parts,
            model=None if pricing.chosen is None else pricing.chosen.model,
            confidence_level=pricing.confidence_level,
        )
    paid = None
    if one.inference_energy_j is not None and first.inference_energy_j is not None:
        paid = pay_off(
            one.invested_energy_j,
            one.inference_energy_j,
            against_invested_j=first.invested_energy_j,
            against_inference_j=first.inference_energy_j,
        )
    emissions_ratio = None
    if ratio is not None and first.emissions_factor_g_per_j:
        factor = one.emissions_factor_g_per_j / first.emissions_factor_g_per_j
        emissions_ratio = ratio.scaled(factor) if factor < LARGEST else None
    return VariantComparison(
        name=one.variant.name,
        against=first.variant.name,
        energy_ratio=ratio,
        emissions_ratio=emissions_ratio,
        pay_off=paid,
    )
