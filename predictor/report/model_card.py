"""An estimate as the block of a model card that says what training emits."""

from __future__ import annotations

import json

from predictor import __version__
from predictor.answer import Estimate
from predictor.report.estimate_lines import sentence
from predictor.report.markdown import escaped
from predictor.report.terminal import printable


def render_model_card(answer: Estimate) -> str:
    """Write the metadata and the sentence of a model card.

    Parameters
    ----------
    answer : Estimate
        What to show.

    Returns
    -------
    text : str
        A YAML header with ``co2_eq_emissions``, as the Hugging Face Hub reads it
        (emissions in g), then a sentence.

    Notes
    -----
    Strings are written as JSON, which is YAML too. What kind of training it is
    (``training_type``) is for the author to say.
    """
    carbon, platform = answer.carbon, answer.chosen.model.platform
    emissions = answer.emissions_gco2e
    source = (
        f"watt-ahead {__version__}, estimated before the run; "
        f"{answer.confidence_level:.0%} interval {emissions.lower:.3g} to "
        f"{emissions.upper:.3g} g; {platform.energy_source} energy; model "
        f"{printable(answer.chosen.model.name)} ({answer.chosen.digest[:12]})"
    )
    fields = {
        "source": source,
        "geographical_location": carbon.region or "not given",
        "hardware_used": printable(platform.hardware),
    }
    lines = [
        "---",
        "co2_eq_emissions:",
        f"  emissions: {emissions.estimate:.4g}",
        *(f"  {name}: {json.dumps(text)}" for name, text in fields.items()),
        "---",
        "",
        escaped(sentence(answer)),
    ]
    return "\n".join(lines) + "\n"
