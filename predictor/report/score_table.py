"""How good forecasts were, as table, JSON or CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby

from predictor.report.tabular import Form, cell, csv_text, document_text, table_lines
from predictor.report.terminal import printable, terminal_width
from predictor.scoring import Score
from predictor.scoring.judging import LEVEL, Drift, score_document

CSV_COLUMNS = (
    *("target", "hardware", "backend", "model", "digest"),
    *("source", "energy_kind", "forecast_kind", "n", "networks"),
    *("mape", "median_ape", "within_20", "worst_ape", "spearman"),
    *("coverage_promised", "coverage_share", "coverage_lower", "coverage_upper"),
    *("coverage_verdict", "bias_ratio", "bias_lower", "bias_upper", "bias_of"),
    *("bias_verdict", "drift_n", "drift_of", "drift_kendall_tau", "drift_p_value"),
    *("drift_change", "drift_span_days", "drift_verdict"),
)
"""Columns of the CSV."""

_TITLES = ["", "n", "networks", "MAPE", "median", "within 20%", "worst"]
_TITLES += ["in interval", "actual / forecast"]
_NAMES = {"energy_j": "energy", "duration_s": "time"}


def render_scores(
    scores: Sequence[Score], form: Form, *, runs: int, left_out: Mapping[str, int]
) -> str:
    """Write how good forecasts were.

    Parameters
    ----------
    scores : sequence of Score
        As of `judge_runs`.
    form : {"table", "json", "csv"}
        How.
    runs : int
        How many runs were judged.
    left_out : mapping of str to int
        How many were not, by reason.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    if form == "json":
        return document_text(score_document(scores, runs, left_out))
    if form == "csv":
        return csv_text(CSV_COLUMNS, [_flat(score) for score in scores])
    width = terminal_width()
    lines = [f"runs judged: {runs}"]
    lines += [f"left out: {count} x {reason}" for reason, count in left_out.items()]
    ordered = sorted(scores, key=_platform)
    for (hardware, backend, model, digest), group in groupby(ordered, key=_platform):
        block = list(group)
        lines += [
            "",
            f"{printable(hardware)}, {printable(backend)}; "
            f"model {printable(model)} ({printable(digest[:12])})",
            *table_lines(_TITLES, [_cells(score) for score in block]),
        ]
        for score in block:
            text = f"{_name(score)}: {'; '.join(_sentences(score))}"
            lines += textwrap.wrap(text, width, subsequent_indent="  ")
    note = (
        f"read: in interval and actual / forecast with their {LEVEL:.0%} intervals, "
        "in which each network counts once"
    )
    return "\n".join([*lines, "", *textwrap.wrap(note, width)]) + "\n"


def _platform(score: Score) -> tuple[str, str, str, str]:
    return score.hardware, score.backend, score.model, score.digest


def _name(score: Score) -> str:
    name = _NAMES[score.target]
    return name if score.source is None else f"{name} ({score.source})"


def _cells(score: Score) -> list[str]:
    coverage, bias = score.coverage, score.bias
    between = f"{coverage.lower:.0%}-{coverage.upper:.0%}"
    ratio = f"{bias.ratio:.3g}"
    if bias.lower is not None and bias.upper is not None:
        ratio += f" ({bias.lower:.3g}-{bias.upper:.3g})"
    return [
        _name(score),
        str(score.n),
        str(score.networks),
        cell(score.mape, "{:.1%}"),
        cell(score.median_ape, "{:.1%}"),
        cell(score.within_20, "{:.0%}"),
        cell(score.worst_ape, "{:.0%}"),
        f"{coverage.share:.0%} ({between}) of {coverage.promised:.0%}",
        ratio,
    ]


def _sentences(score: Score) -> list[str]:
    coverage, bias = score.coverage, score.bias
    sentences = [f"intervals: {coverage.verdict}"]
    if score.forecast_kind != score.energy_kind:
        sentences.insert(
            0, f"actual energy is {score.energy_kind}, forecast {score.forecast_kind}"
        )
    if bias.verdict == "beyond chance":
        sentences.append(
            f"bias beyond chance: multiply forecasts by {bias.ratio:.3g}, or measure "
            "here and fit again"
        )
    elif bias.verdict == "within chance":
        sentences.append("no bias beyond chance")
    else:
        sentences.append(f"bias: {bias.verdict}")
    if bias.of == "runs of one network" and score.n > 1:
        sentences.append("all of one network, which says nothing of others")
    sentences.append(_drift_sentence(score.drift))
    return sentences


def _drift_sentence(drift: Drift) -> str:
    if drift.change is None or drift.span_days is None or drift.p_value is None:
        return f"drift: {drift.verdict}"
    seen = f"over {drift.span_days:.3g} days ({drift.n} runs, p = {drift.p_value:.2g})"
    if drift.verdict == "a trend":
        changed = (
            f"actual / forecast changed by a factor of {drift.change:.3g} {seen}: the "
            "machine has drifted"
        )
        if drift.of == "the same networks":
            return changed
        return f"{changed}, or what is trained has changed"
    return f"drift: {drift.verdict} {seen}"


def _flat(score: Score) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in score.to_dict().items():
        if isinstance(value, dict):
            flat.update({f"{name}_{key}": inside for key, inside in value.items()})
        else:
            flat[name] = value
    return flat
