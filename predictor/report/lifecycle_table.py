"""Life cycles as table, JSON or CSV."""

from __future__ import annotations

import textwrap

from predictor.intervals import Quantity
from predictor.lifecycle.comparing import PayOff
from predictor.lifecycle.description import Search
from predictor.lifecycle.energies import Sum
from predictor.lifecycle.formulas import overhead_share
from predictor.lifecycle.result import (
    AssessedVariant,
    Assessment,
    VariantComparison,
)
from predictor.report.quantities import (
    COUNT,
    ENERGY_WH,
    MASS_G,
    Scale,
    readable,
    readable_interval,
)
from predictor.report.tabular import Form, csv_text, document_text, table_lines
from predictor.report.terminal import printable, terminal_width
from predictor.units import joules_to_kwh

CSV_COLUMNS = (
    *("variant", "phase", "basis", "energy_j", "energy_j_lower", "energy_j_upper"),
    *("share", "duration_s", "facility_energy_kwh"),
    *("emissions_gco2e", "emissions_gco2e_lower", "emissions_gco2e_upper", "cost"),
    *("static_share", "inferences", "inference_energy_j", "overhead"),
    *("break_even_inferences", "energy_ratio"),
    *("energy_ratio_lower", "energy_ratio_upper"),
)
"""Columns of the CSV."""

LIFE = "life"
"""Name of the sum of all phases."""

_LONGEST_NAME = 60
_GIVEN = "given"


def render_lifecycle(assessment: Assessment, form: Form) -> str:
    """Write an assessment.

    Parameters
    ----------
    assessment : Assessment
        What to show.
    form : {"table", "json", "csv"}
        How.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "json":
        return document_text(assessment.to_dict())
    if form == "csv":
        return csv_text(CSV_COLUMNS, _csv_rows(assessment))
    lines = [printable(assessment.name)]
    if assessment.chosen is not None:
        platform = assessment.chosen.model.platform
        lines.append(
            f"on {printable(platform.hardware)}, {platform.backend}; energy "
            f"{platform.energy_source}, {assessment.chosen.tier} model"
        )
    for variant in assessment.variants:
        lines += ["", *_variant(variant, assessment.confidence_level)]
    sentences = [_comparison(one) for one in assessment.comparisons]
    sentences += [f"warning: {one.message}" for one in assessment.warnings]
    sentences += [f"{one.label}: {one.message}" for one in assessment.assumptions]
    lines.append("")
    for sentence in sentences:
        lines += textwrap.wrap(printable(sentence, 600), terminal_width())
    return "\n".join(lines) + "\n"


def _variant(variant: AssessedVariant, level: float) -> list[str]:
    rows = [
        [
            name,
            _energy(phase.sum.energy_j),
            _range(phase.sum, phase.sum.energy_j.scaled(joules_to_kwh(1e3)), ENERGY_WH),
            _percent(phase.share),
            readable(variant.emissions_gco2e(phase.sum.energy_j).estimate, MASS_G),
        ]
        for name, phase in variant.phases.items()
    ]
    whole = variant.whole
    rows.append(
        [
            LIFE,
            _energy(whole.energy_j),
            _range(whole, whole.energy_j.scaled(joules_to_kwh(1e3)), ENERGY_WH),
            "100%" if whole.energy_j.estimate else "-",
            readable(variant.emissions_gco2e(whole.energy_j).estimate, MASS_G),
        ]
    )
    titles = ["", "energy", f"{level:.0%} interval", "share", "emissions"]
    lines = [printable(variant.variant.name, _LONGEST_NAME)]
    lines += table_lines(titles, rows)
    facts = [
        f"{label}: {text}"
        for label, text in _facts(variant).items()
        if text is not None
    ]
    for fact in facts:
        lines += textwrap.wrap(fact, terminal_width(), subsequent_indent="  ")
    return lines


def _facts(variant: AssessedVariant) -> dict[str, str | None]:
    """Return what there is to say beside the energies."""
    whole, use = variant.whole, variant.variant.use
    energy_j = whole.energy_j
    site_wh = variant.facility_energy_kwh(energy_j).scaled(1e3)
    emissions = variant.emissions_gco2e(energy_j)
    facts: dict[str, str | None] = {
        "emissions": _told(emissions, MASS_G) if whole.basis != "given" else None,
        "drawn by the site": _told(site_wh, ENERGY_WH) if variant.pue != 1 else None,
    }
    cost = variant.cost(energy_j)
    if cost is not None:
        facts["cost"] = _plain(cost)
    if variant.variant.search is not None:
        facts["search"] = _searched(variant.variant.search)
    if variant.overhead is not None:
        share = overhead_share(variant.overhead.estimate)
        times = f"{_plain(variant.overhead)} times the forward pass"
        facts["overhead of training"] = f"{times}, {share:.0%} of training"
    if use is not None and variant.inference_energy_j is not None:
        each_wh = variant.inference_energy_j.scaled(joules_to_kwh(1e3))
        number = readable(use.inferences, COUNT)
        facts["use"] = f"{number} inferences of {_told(each_wh, ENERGY_WH)}"
    if variant.break_even_inferences is not None:
        facts["use outweighs the rest"] = (
            f"after {_told(variant.break_even_inferences, COUNT)} inferences"
        )
    if variant.static_share is not None:
        static = variant.static_share
        facts["static share"] = f"{static.estimate:.0%} of the energy" + (
            ""
            if static.lower == static.upper
            else f" ({static.lower:.0%} to {static.upper:.0%})"
        )
    return facts


def _searched(search: Search) -> str:
    number = f"{search.number:,} training{'' if search.number == 1 else 's'}"
    if search.kind == "random":
        return (
            f"{number} drawn from a grid of {search.candidates:,} by seed {search.seed}"
        )
    if search.kind == "grid":
        return f"all {number} of a grid"
    if search.kind == "equal":
        return f"{number}, all equal"
    return f"{number} listed" if search.kind == "listed" else "its energy is given"


def _energy(energy_j: Quantity) -> str:
    return readable(joules_to_kwh(1e3) * energy_j.estimate, ENERGY_WH)


def _range(taken: Sum, quantity: Quantity, scale: Scale) -> str:
    return _GIVEN if taken.basis == "given" else readable_interval(quantity, scale)


def _told(quantity: Quantity, scale: Scale) -> str:
    estimate = readable(quantity.estimate, scale)
    if quantity.lower == quantity.upper:
        return estimate
    return f"{estimate} ({readable_interval(quantity, scale)})"


def _percent(share: Quantity | None) -> str:
    if share is None:
        return "-"
    return f"{share.estimate:.0%}" if share.estimate >= 0.1 else f"{share.estimate:.1%}"


def _plain(quantity: Quantity) -> str:
    if quantity.lower == quantity.upper:
        return f"{quantity.estimate:.3g}"
    return f"{quantity.estimate:.3g} ({quantity.lower:.3g} to {quantity.upper:.3g})"


def _comparison(comparison: VariantComparison) -> str:
    name = printable(comparison.name, _LONGEST_NAME)
    against = printable(comparison.against, _LONGEST_NAME)
    sentence = f"{name} against {against}: "
    ratio, emissions = comparison.energy_ratio, comparison.emissions_ratio
    if ratio is None:
        return f"{sentence}{against} takes no energy"
    sentence += f"{_plain(ratio)} times the energy"
    if (
        emissions is not None
        and abs(emissions.estimate / (ratio.estimate or 1) - 1) > 1e-9
    ):
        sentence += f", {_plain(emissions)} times the emissions"
    if comparison.pay_off is not None:
        sentence += f"; {_paid(comparison.pay_off)}"
    return sentence


def _paid(paid: PayOff) -> str:
    if paid.takes_less == "equal":
        return "the same at any number of inferences"
    if paid.takes_less == "always":
        return "it takes less at any number of inferences"
    if paid.takes_less == "never":
        return "it takes more at any number of inferences"
    assert paid.inferences is not None
    assert paid.lower is not None
    number = readable(paid.inferences, COUNT)
    if paid.upper is None:
        ends = f" (at least {readable(paid.lower, COUNT)}; the end is open)"
    elif paid.lower == paid.upper:
        ends = ""
    else:
        ends = f" ({readable(paid.lower, COUNT)} to {readable(paid.upper, COUNT)})"
    if paid.takes_less == "until":
        return f"it takes less up to {number} inferences{ends}"
    return f"it has paid for its extra training after {number} inferences{ends}"


def _csv_rows(assessment: Assessment) -> list[dict[str, object]]:
    ratios = {one.name: one.energy_ratio for one in assessment.comparisons}
    rows = []
    for variant in assessment.variants:
        name = variant.variant.name
        for phase, answer in variant.phases.items():
            share = answer.share
            rows.append(
                {
                    **_csv_energies(variant, answer.sum, phase),
                    "share": None if share is None else share.estimate,
                    "static_share": _estimate(answer.static_share),
                }
            )
        use, ratio = variant.variant.use, ratios.get(name)
        rows.append(
            {
                **_csv_energies(variant, variant.whole, LIFE),
                "share": 1.0 if variant.energy_j.estimate else None,
                "static_share": _estimate(variant.static_share),
                "inferences": None if use is None else use.inferences,
                "inference_energy_j": _estimate(variant.inference_energy_j),
                "overhead": _estimate(variant.overhead),
                "break_even_inferences": _estimate(variant.break_even_inferences),
                "energy_ratio": _estimate(ratio),
                "energy_ratio_lower": None if ratio is None else ratio.lower,
                "energy_ratio_upper": None if ratio is None else ratio.upper,
            }
        )
    return rows


def _csv_energies(
    variant: AssessedVariant, taken: Sum, phase: str
) -> dict[str, object]:
    energy_j = taken.energy_j
    emissions = variant.emissions_gco2e(energy_j)
    return {
        "variant": variant.variant.name,
        "phase": phase,
        "basis": taken.basis,
        "energy_j": energy_j.estimate,
        "energy_j_lower": energy_j.lower,
        "energy_j_upper": energy_j.upper,
        "duration_s": _estimate(taken.duration_s),
        "facility_energy_kwh": variant.facility_energy_kwh(energy_j).estimate,
        "emissions_gco2e": emissions.estimate,
        "emissions_gco2e_lower": emissions.lower,
        "emissions_gco2e_upper": emissions.upper,
        "cost": _estimate(variant.cost(energy_j)),
    }


def _estimate(quantity: Quantity | None) -> float | None:
    return None if quantity is None else quantity.estimate
