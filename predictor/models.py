"""Where fitted models are found, and which one answers."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from predictor.artefact import MANIFEST, digest_of, load_model
from predictor.errors import ModelFileError
from predictor.fitted_model import FittedModel
from predictor.hardware import this_hardware

Tier = Literal["calibrated", "transferred", "generic"]

_PACKAGE = Path(__file__).parent
SHIPPED = (_PACKAGE / "_models", _PACKAGE.parent / "models")
"""Inside an installed package, and beside the package in a checkout."""

DEFAULT_MODEL = "epyc-2core-jax"
"""The shipped model that answers where the machine has none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModel:
    """A fitted model and why it answers.

    Parameters
    ----------
    model : FittedModel
        The model.
    digest : str
        SHA-256 that names it.
    tier : {"calibrated", "transferred", "generic"}
        ``generic`` where it was fitted on other hardware than this machine's; on this
        machine's, ``transferred`` where the fit started from another platform's model,
        else ``calibrated``.
    folder : Path
        Where it was read.
    """

    model: FittedModel
    digest: str
    tier: Tier
    folder: Path


def user_models_folder() -> Path:
    """Return where this user's own fitted models are kept.

    Returns
    -------
    folder : Path
        ``$XDG_DATA_HOME/watt-ahead/models`` or its default by platform.
    """
    from platformdirs import user_data_path

    return Path(user_data_path("watt-ahead", appauthor=False)) / "models"


def known_models() -> dict[str, Path]:
    """Return all fitted models that can be named.

    Returns
    -------
    folders : dict of str to Path
        By name; the user's own hide shipped ones of the same name.
    """
    folders: dict[str, Path] = {}
    for root in (user_models_folder(), *SHIPPED):
        try:
            inside = sorted(root.iterdir())
        except OSError:  # missing, or somebody else's home
            continue
        for folder in inside:
            if os.path.isfile(folder / MANIFEST):
                folders.setdefault(folder.name, folder)
    return folders


@lru_cache(maxsize=8)
def _load(folder: Path, changed_ns: int) -> tuple[FittedModel, str]:
    return load_model(folder), digest_of(folder)


def choose_model(
    folder: str | os.PathLike[str] | None = None, *, hardware: str | None = None
) -> ChosenModel:
    """Find the fitted model that answers.

    Parameters
    ----------
    folder : path, optional
        Folder of a fitted model.
    hardware : str, optional
        Name, or a part of the hardware's name, of one of `known_models`.

    Returns
    -------
    chosen : ChosenModel
        That model; without arguments one of the user's own for this hardware, else
        the shipped default.

    Raises
    ------
    ModelFileError
        If there is none, or it cannot be read.
    """
    if folder is None:
        folder = _folder_by_name(hardware)
    path = Path(folder)
    try:
        changed_ns = (path / MANIFEST).stat().st_mtime_ns
    except OSError:
        changed_ns = 0
    model, digest = _load(path, changed_ns)
    tier: Tier = "calibrated" if model.base is None else "transferred"
    if model.platform.hardware != this_hardware():
        tier = "generic"
    return ChosenModel(model=model, digest=digest, tier=tier, folder=path)


def _folder_by_name(hardware: str | None) -> Path:
    folders = known_models()
    if hardware is not None:
        wanted = hardware.casefold()
        for name, path in folders.items():
            if wanted == name.casefold():
                return path
        for path in folders.values():
            if wanted in _load(path, 0)[0].platform.hardware.casefold():
                return path
        raise ModelFileError(
            f"no fitted model for hardware {hardware!r}; known are "
            f"{', '.join(folders) or 'none'}. Make one with `predictor fit`"
        )
    own = user_models_folder()
    for path in folders.values():
        if path.parent == own:
            model, _ = _load(path, 0)
            if model.platform.hardware == this_hardware():
                return path
    if DEFAULT_MODEL in folders:
        return folders[DEFAULT_MODEL]
    raise ModelFileError(
        f"no fitted model found below {sys.prefix}; give one by --model, or make one "
        "with `dataset_builder sweep` and `predictor fit`"
    )
