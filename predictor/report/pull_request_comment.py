"""The comment on a pull request: what its networks take, before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from predictor.answer import Estimate
from predictor.intervals import Quantity
from predictor.notices import assumptions_of, warnings_of
from predictor.pull_request.changes import ChangeReport, NetworkChange
from predictor.pull_request.limits import ChangeLimits
from predictor.pull_request.repository import WORKING_TREE
from predictor.report.markdown import code, markdown_table, prose
from predictor.report.quantities import (
    COUNT,
    DURATION_S,
    ENERGY_WH,
    MASS_G,
    Scale,
    readable,
    readable_interval,
)
from predictor.units import joules_to_kwh

MOST_SHOWN = 40
"""Networks, and lines of each list; what is left out is counted."""

_SIDES = {"base": "before", "head": "after"}
_LEFT_OUT = {"other_hardware", "layer_shares"}
"""Notices that say nothing here: the comment is about the platform it names."""
_METRICS = {"macs": "MACs", "params": "parameters"}


def render_comment(report: ChangeReport, *, marker: str, longest: int) -> str:
    """Write a comment.

    Parameters
    ----------
    report : ChangeReport
        What changed.
    marker : str
        First line, which nobody sees and the comment is known by.
    longest : int
        Characters it may have; fewer networks are shown where it would have more.

    Returns
    -------
    markdown : str
        Ends with a line break.
    """
    shown = MOST_SHOWN
    while True:
        text = "\n".join([marker, *_lines(report, shown)]) + "\n"
        if len(text) <= longest or shown == 1:
            return text[:longest]
        shown //= 2


def _lines(report: ChangeReport, shown: int) -> list[str]:
    modelled = report.terms.chosen.model.platform.energy_source == "modelled"
    lines = [
        f"### {'Modelled energy' if modelled else 'Energy'} of changed networks",
        "",
    ]
    if report.exceeded:
        lines += ["**Over budget:**", ""]
        lines += _listed(
            [(one.path, text) for one in report.changes for text in one.exceeded], shown
        )
    if report.changes:
        lines += _table(report.changes[:shown])
        if len(report.changes) > shown:
            lines += ["", f"{len(report.changes) - shown} more networks changed less."]
        lines += ["", *([_totals(report), ""] if len(report.changes) > 1 else [])]
    elif not report.unanswered:
        lines += ["No network changed.", ""]
    lines += _listed(
        [
            (one.path, text)
            for one in report.changes
            for text in _remarks(one, report.limits)
        ],
        shown,
    )
    if report.unanswered:
        lines += ["**Not answered**, and in no sum:", ""]
        lines += _listed(
            [
                (one.path, f"{_SIDES[one.side]}: {code(one.reason, 300)}")
                for one in report.unanswered
            ],
            shown,
        )
    if report.same:
        lines += [f"Written anew, but the same network: {len(report.same)}.", ""]
    return [*lines, *_details(report)]


def _listed(items: Sequence[tuple[str, str]], shown: int) -> list[str]:
    lines = [f"- {code(path)}: {text}" for path, text in items[:shown]]
    if len(items) > shown:
        lines.append(f"- and {len(items) - shown} more")
    return [*lines, ""] if lines else []


def _table(changes: Sequence[NetworkChange]) -> list[str]:
    titles = ["network", "energy", "times the energy", "takes more"]
    titles += ["time", "emissions", "parameters", "MACs"]
    return markdown_table(titles, [_row(one) for one in changes])


def _row(change: NetworkChange) -> list[str]:
    def quantities(of: Callable[[Estimate], Quantity | None], scale: Scale) -> str:
        return _both(change, lambda answer: _quantity(of(answer), scale))

    more = change.probability_more
    return [
        _name(change),
        quantities(_energy_wh, ENERGY_WH),
        _times(change),
        "-" if more is None else f"{more:.0%}",
        quantities(lambda answer: answer.duration_s, DURATION_S),
        quantities(lambda answer: answer.emissions_gco2e, MASS_G),
        _both(change, lambda answer: readable(answer.counts.params, COUNT)),
        _both(change, lambda answer: readable(answer.counts.macs, COUNT)),
    ]


def _name(change: NetworkChange) -> str:
    if change.old_path is not None:
        return f"{code(change.path)}<br>was {code(change.old_path)}"
    kind = "" if change.kind == "changed" else f"<br>{change.kind}"
    return code(change.path) + kind


def _times(change: NetworkChange) -> str:
    if change.ratio is None:
        return "-"
    energy = change.ratio.energy
    if energy.lower == energy.upper:
        return "same work"
    return f"**{energy.estimate:.3g}**<br>{energy.lower:.3g} to {energy.upper:.3g}"


def _both(change: NetworkChange, write: Callable[[Estimate], str]) -> str:
    """Write a value before and after, or once where both read the same."""
    texts = [write(one) for one in (change.base, change.head) if one is not None]
    return texts[0] if len(set(texts)) == 1 else f"{texts[0]}<br>→ {texts[-1]}"


def _energy_wh(answer: Estimate) -> Quantity:
    return answer.energy_kwh.scaled(1e3)


def _quantity(quantity: Quantity | None, scale: Scale) -> str:
    if quantity is None:
        return "-"
    shown = readable(quantity.estimate, scale)
    unit = shown.partition(" ")[2]  # that of the interval too
    return f"{shown} ({readable_interval(quantity, scale).removesuffix(f' {unit}')})"


def _totals(report: ChangeReport) -> str:
    def text(side: str) -> str:
        energy_j = report.total(side)
        if energy_j is None:
            return "nothing"
        return _quantity(energy_j.scaled(1e3 * joules_to_kwh(1.0)), ENERGY_WH)

    return (
        f"One run of all {len(report.changes)} together: {text('base')} before, "
        f"**{text('head')}** after."
    )


def _remarks(change: NetworkChange, limits: ChangeLimits) -> list[str]:
    remarks = []
    if change.kind == "added" and limits.max_increase is not None:
        remarks.append("new, so its energy is held against no earlier one")
    if change.misleading and change.ratio is not None:
        times = change.ratio.energy.estimate
        names = " and ".join(_METRICS[one] for one in change.misleading)
        verb = "fell" if times > 1 else "rose"
        remarks.append(f"its {names} {verb}, but it takes {times:.3g} times the energy")
    outside = [
        when
        for when, answer in (("before", change.base), ("after", change.head))
        if answer is not None and not answer.verdict.in_domain
    ]
    if outside:
        remarks.append(
            f"outside the fitted range {' and '.join(outside)} the change, so with a "
            "wider interval"
        )
    return remarks


def _details(report: ChangeReport) -> list[str]:
    terms = report.terms
    model, work = terms.chosen.model, terms.workload
    platform = model.platform
    notices = [
        *warnings_of(terms.chosen, None, work),
        *assumptions_of(terms.chosen, terms.carbon, terms.pue, work),
    ]
    head = "the working tree" if report.head == WORKING_TREE else f"`{report.head:.12}`"
    return [
        "<details><summary>What these numbers rest on</summary>",
        "",
        f"- {head} against `{report.base:.12}`; in parentheses and below an estimate: "
        f"its {terms.confidence_level:.0%} interval",
        f"- on {prose(platform.hardware)} with {prose(platform.backend)} and "
        f"{work.dtype}; energy {platform.energy_source}, {terms.chosen.tier} model "
        f"{prose(model.name)} (`{terms.chosen.digest:.12}`, {model.rows} rows)",
        *(
            f"- {prose(notice.message, 400)}"
            for notice in notices
            if notice.code not in _LEFT_OUT
        ),
        "",
        "</details>",
    ]
