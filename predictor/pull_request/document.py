"""What a change does to energy, as a versioned document."""

from __future__ import annotations

import os
from dataclasses import asdict

from predictor.answer import Estimate
from predictor.intervals import Quantity
from predictor.notices import assumptions_of, warnings_of
from predictor.pull_request.changes import ChangeReport, NetworkChange
from predictor.units import joules_to_kwh

SCHEMA_VERSION = 1


def change_document(report: ChangeReport) -> dict[str, object]:
    """Return the versioned document that ``--format json`` prints.

    Parameters
    ----------
    report : ChangeReport
        What changed.

    Returns
    -------
    document : dict
        Schema version 1; a quantity is estimate, lower and upper.
    """
    terms, limits = report.terms, report.limits
    model = terms.chosen.model
    platform = model.platform
    totals = {
        f"{side}_energy_kwh": _numbers(report.total(side), joules_to_kwh(1.0))
        for side in ("base", "head")
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "base": report.base,
        "head": report.head,
        "workload": asdict(terms.workload) | {"steps": terms.workload.steps},
        "hardware": {
            "name": platform.hardware,
            "backend": platform.backend,
            "tier": terms.chosen.tier,
            "energy_source": platform.energy_source,
        },
        "confidence_level": terms.confidence_level,
        "carbon": asdict(terms.carbon) | {"pue": terms.pue},
        "model": {
            "name": model.name,
            "regressor": model.steps["energy_j"].chosen,
            "digest": terms.chosen.digest,
            "rows": model.rows,
        },
        "networks": [_network(one) for one in report.changes],
        "totals": totals,
        "same": [_text(path) for path in report.same],
        "unanswered": [
            {"path": _text(one.path), "side": one.side, "reason": _text(one.reason)}
            for one in report.unanswered
        ],
        "limits": {
            "max_increase": limits.max_increase,
            "threshold": limits.threshold,
            "max_energy_kwh": limits.budgets.energy_kwh,
            "max_emissions_gco2e": limits.budgets.emissions_gco2e,
            "max_duration_h": limits.budgets.duration_h,
            "max_cost": limits.budgets.cost,
            "on": limits.budgets.on,
        },
        "exceeded": [_text(sentence) for sentence in report.exceeded],
        "is_notable": report.is_notable,
        "warnings": [
            asdict(one) for one in warnings_of(terms.chosen, None, terms.workload)
        ],
        "assumptions": [
            asdict(one)
            for one in assumptions_of(
                terms.chosen, terms.carbon, terms.pue, terms.workload
            )
        ],
    }


def _network(change: NetworkChange) -> dict[str, object]:
    ratio = change.ratio
    return {
        "path": _text(change.path),
        "old_path": None if change.old_path is None else _text(change.old_path),
        "change": change.kind,
        "base": _side(change.base),
        "head": _side(change.head),
        "energy_ratio": None if ratio is None else _numbers(ratio.energy),
        "probability_more": change.probability_more,
        "misleading": list(change.misleading),
        "exceeded": list(change.exceeded),
    }


def _side(answer: Estimate | None) -> dict[str, object] | None:
    if answer is None:
        return None
    return {
        "name": answer.network.architecture.name,
        "format": answer.network.format,
        "sha256": answer.network.sha256,
        "params": answer.counts.params,
        "macs": answer.counts.macs,
        "energy_kwh": _numbers(answer.energy_kwh),
        "duration_s": _numbers(answer.duration_s),
        "emissions_gco2e": _numbers(answer.emissions_gco2e),
        "cost": _numbers(answer.cost),
        "in_domain": answer.verdict.in_domain,
    }


def _numbers(quantity: Quantity | None, factor: float = 1) -> dict[str, float] | None:
    return None if quantity is None else quantity.scaled(factor).to_dict()


def _text(path: str) -> str:
    # A path is bytes to git; those that are no text have no place in JSON.
    return os.fsencode(path).decode("utf-8", "replace")
