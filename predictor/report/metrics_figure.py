"""A picture of what a step takes against MACs, and against the prediction."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from predictor.dataset import Measurement, Target
from predictor.errors import MissingExtraError
from predictor.evaluation import CHOSEN, Evaluation
from predictor.report.terminal import printable

_COLOURS = {"training": "#c2410c", "inference": "#1d4ed8"}
_MARKS = {"training": "o", "inference": "s"}
_TITLES = {"energy_j": "energy of a step, J", "duration_s": "time of a step, s"}
_BAND = 1.2
_SETTINGS: Any = {
    "svg.hashsalt": "watt-ahead",
    "svg.fonttype": "none",
    "font.size": 9,
}
_INFO = {"Date": None, "Creator": "watt-ahead"}  # the same picture every time


def metrics_figure(
    measurements: Sequence[Measurement], evaluation: Evaluation, *, target: Target
) -> str:
    """Draw rows against their MACs, and against what the model says of them.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.
    evaluation : Evaluation
        Predictions of these rows.
    target : {"energy_j", "duration_s"}
        What a step took.

    Returns
    -------
    svg : str
        A picture of two panels with logarithmic axes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError(
            "a picture needs matplotlib; install it with: "
            "pip install 'watt-ahead[report]'"
        ) from error
    mpl.use("svg")
    from matplotlib import pyplot

    shown = [
        one
        for one in evaluation.predictions
        if one.regressor == CHOSEN and one.target == target
    ]
    rows = [measurements[one.row] for one in shown]
    modes = np.array([row.workload.mode for row in rows])
    actual = np.array([one.actual for one in shown])
    predicted = np.array([one.predicted for one in shown])
    macs = np.array([row.network.macs * row.workload.batch_size for row in rows])
    with mpl.rc_context(_SETTINGS):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True)
        for mode in dict.fromkeys(modes):
            some = modes == mode
            style = {"s": 22, "alpha": 0.75, "color": _COLOURS[mode], "label": mode}
            left.scatter(macs[some], actual[some], marker=_MARKS[mode], **style)
            right.scatter(predicted[some], actual[some], marker=_MARKS[mode], **style)
        for place in _farthest(macs, actual):
            name = printable(str(rows[place].row.get("name") or ""), 24)
            left.annotate(
                name,
                (macs[place], actual[place]),
                textcoords="offset points",
                xytext=(-6, 6 if actual[place] > np.median(actual) else -12),
                ha="right",
                fontsize=8,
            )
        ends = np.array([actual.min(), actual.max()])
        right.plot(ends, ends, color="black", linewidth=0.8)
        right.fill_between(
            ends, ends / _BAND, ends * _BAND, color="black", alpha=0.12, linewidth=0
        )
        for panel in (left, right):
            panel.set(xscale="log", yscale="log")
            panel.grid(visible=True, which="major", linewidth=0.3)
        left.set(xlabel="MACs of a step", ylabel=f"measured {_TITLES[target]}")
        left.set_title("what FLOPs say")
        right.set(xlabel=f"predicted {_TITLES[target]}")
        right.set_title("what this predictor says (grey: within 20 %)")
        left.legend(frameon=False)
        figure.tight_layout()
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=_INFO)
        pyplot.close(figure)
    return buffer.getvalue()


def _farthest(macs: np.ndarray, actual: np.ndarray) -> list[int]:
    """Return the rows that take most and least for what they compute."""
    per_mac = np.log(actual) - np.log(np.maximum(macs, 1))
    return [int(per_mac.argmax()), int(per_mac.argmin())] if len(macs) > 1 else []
