"""What a fit came to, as text."""

from __future__ import annotations

from pathlib import Path

from predictor.fitted_model import FittedModel
from predictor.regressors import CANDIDATES
from predictor.regressors.blend import BLEND
from predictor.report.terminal import printable


def render_fit(model: FittedModel, folder: Path) -> str:
    """Write what was fitted, how well, and what to do next.

    Parameters
    ----------
    model : FittedModel
        What was fitted.
    folder : Path
        Where it was written.

    Returns
    -------
    text : str
        Ends with a line break.
    """
    floor = model.noise_floor
    lines = [
        f"{model.rows} rows of {model.platform.label} "
        f"(energy {model.platform.energy_source}); noise floor "
        + ("not measured" if floor is None else f"{floor:.1%}")
    ]
    if model.base is not None:
        lines.append(f"started from {model.base}")
    for source, factors in model.levels.items():
        shown = ", ".join(f"{target} {value:.3f}" for target, value in factors.items())
        lines.append(
            f"rows of {printable(source)} divided by {shown}: their level against the "
            "first data set's, where both have the same configuration"
        )
    for part, fitted in (("step", model.steps), ("cold", model.cold)):
        for target, one in fitted.items():
            errors = one.errors[one.chosen]
            others = ", ".join(
                f"{name} {one.errors[name].median_ape:.1%}"
                for name in CANDIDATES
                if name in one.errors and name != one.chosen
            )
            chosen = one.chosen
            if chosen == BLEND:
                members = (f"{weight:.2f} {n}" for n, weight in one.weights.items())
                chosen = f"{chosen} of {', '.join(members)}"
            lines.append(
                f"{part} {target}: {chosen}, median error on left-out networks "
                f"{errors.median_ape:.1%}, MAPE {errors.mape:.1%} ({others})"
            )
    lines.append(f"written to {folder}; use it with `--model {folder}`")
    return "\n".join(lines) + "\n"
