"""Which fitted model answers here, and how this machine gets one of its own."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from predictor.doctor.check import Check, Fix
from predictor.errors import PredictorError
from predictor.models import ChosenModel, choose_model, known_models, user_models_folder

_SWEEP = "dataset_builder sweep --plan calibrate --out data/mine"


def check_model() -> Check:
    """Say what `predictor estimate` answers with on this machine.

    Returns
    -------
    check : Check
        With the commands that make a model of this machine, where it has none.
    """
    try:
        known = sorted(known_models())
        chosen = choose_model()
    except (PredictorError, OSError) as error:
        return Check(
            name="model",
            state="missing",
            finding=f"no estimate without --model: {error}",
            fixes=_calibration(),
            facts={"name": None, "tier": None},
        )
    return Check(
        name="model",
        state="ok" if chosen.tier == "calibrated" else "note",
        finding=_sentence(chosen),
        fixes=() if chosen.tier == "calibrated" else _calibration(),
        facts={**_facts(chosen), "known_models": known},
    )


def _sentence(chosen: ChosenModel) -> str:
    model, platform = chosen.model, chosen.model.platform
    energy = model.steps["energy_j"]
    errors = energy.errors[energy.chosen]
    fit = {
        "calibrated": "calibrated: it was fitted on hardware like this machine's",
        "transferred": "transferred: it was fitted on a device of this class",
        "generic": f"generic: it speaks for {platform.hardware}, not this machine",
    }[chosen.tier]
    return (
        f"{model.name}, {fit}; energy {platform.energy_source} ({platform.backend}, "
        f"{platform.dtype}); {model.rows} rows; on left-out networks median error "
        f"{errors.median_ape:.1%}, MAPE {errors.mape:.1%}"
    )


def _facts(chosen: ChosenModel) -> dict[str, object]:
    model, platform = chosen.model, chosen.model.platform
    energy = model.steps["energy_j"]
    errors = energy.errors[energy.chosen]
    return {
        "name": model.name,
        "tier": chosen.tier,
        "folder": str(chosen.folder),
        "digest": chosen.digest,
        "hardware": platform.hardware,
        "backend": platform.backend,
        "dtype": platform.dtype,
        "source": platform.source,
        "energy_source": platform.energy_source,
        "rows": model.rows,
        "median_ape": errors.median_ape,
        "mape": errors.mape,
    }


def _calibration() -> tuple[Fix, ...]:
    folder, purpose = _own_folder()
    return (
        Fix(purpose="measure this machine, about 10 minutes", command=_SWEEP),
        Fix(
            purpose=purpose,
            command=(
                f"predictor fit data/mine/runs.jsonl -o {shlex.quote(str(folder))}"
            ),
        ),
    )


def _own_folder() -> tuple[Path, str]:
    """Return where a model of this machine goes, and what that brings."""
    folder = user_models_folder() / "mine"
    there = next(path for path in folder.parents if os.path.exists(path))
    if os.access(there, os.W_OK):
        return folder, "fit a model of it, which answers from then on"
    return (
        Path("models", "mine"),
        "fit a model of it, and name it by --model, as your home cannot be written",
    )
