"""What the reader of an estimate must know: warnings and assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.carbon import CarbonIntensity
from predictor.domain import Verdict
from predictor.models import ChosenModel
from predictor.prediction import share_source
from predictor.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the reader of an estimate must know.

    Parameters
    ----------
    code : str
        Stable short name.
    message : str
        One sentence.
    """

    code: str
    message: str


def warnings_of(
    chosen: ChosenModel, verdict: Verdict | None, workload: Workload
) -> tuple[Notice, ...]:
    """Return what limits an answer.

    Parameters
    ----------
    chosen : ChosenModel
        The fitted model that answers.
    verdict : Verdict or None
        Whether the workload lies in the fitted range; None where that is said apart.
    workload : Workload
        What is done.

    Returns
    -------
    warnings : tuple of Notice
        Most general first.
    """
    platform = chosen.model.platform
    notices = []
    if platform.energy_source == "modelled":
        notices.append(
            Notice(
                code="modelled_energy",
                message=(
                    "energy was modelled, not measured: no counter was readable on "
                    f"{platform.hardware}, so CodeCarbon's power model stands in; "
                    "times are measured"
                ),
            )
        )
    if chosen.tier == "generic":
        notices.append(
            Notice(
                code="other_hardware",
                message=(
                    f"this speaks for {platform.hardware} with {platform.backend}, not "
                    "for this machine; measure here with `dataset_builder sweep` and "
                    "`predictor fit`"
                ),
            )
        )
    if workload.dtype != platform.dtype:
        notices.append(
            Notice(
                code="other_dtype",
                message=(
                    f"the model was fitted on {platform.dtype}; for {workload.dtype} "
                    "only the bytes moved are scaled"
                ),
            )
        )
    reasons = verdict.reasons[:3] if verdict else ()
    notices.extend(Notice(code="out_of_range", message=reason) for reason in reasons)
    return tuple(notices)


def carbon_sentence(carbon: CarbonIntensity, pue: float) -> str:
    """Say where electricity comes from.

    Parameters
    ----------
    carbon : CarbonIntensity
        Of the electricity.
    pue : float
        Power usage effectiveness of the site.

    Returns
    -------
    sentence : str
        With region, year and source, as far as they are known.

    Examples
    --------
    >>> from predictor.carbon import carbon_intensity
    >>> carbon_sentence(carbon_intensity(override_g_per_kwh=20.0), 1.58)
    '20 gCO2e/kWh (given by the user), PUE 1.58'
    """
    number = f"{carbon.carbon_intensity_g_per_kwh:g} gCO2e/kWh"
    place = "" if carbon.region is None else f" in {carbon.region}"
    said = carbon.source if carbon.year is None else f"{carbon.year}, {carbon.source}"
    return f"{number}{place} ({said}), PUE {pue:g}"


def assumptions_of(
    chosen: ChosenModel,
    carbon: CarbonIntensity,
    pue: float,
    workload: Workload | None = None,
    default_workload: bool = False,
    network: Sequence[str] = (),
) -> tuple[Notice, ...]:
    """Return what an answer rests on.

    Parameters
    ----------
    chosen : ChosenModel
        The fitted model that answers.
    carbon : CarbonIntensity
        Of the electricity.
    pue : float
        Power usage effectiveness of the site.
    workload : Workload, optional
        What is done, where it is one thing.
    default_workload : bool, default=False
        Whether nobody said what is done.
    network : sequence of str, optional
        What was taken for granted in reading the network.

    Returns
    -------
    assumptions : tuple of Notice
        The workload first.
    """
    notices = []
    if workload is not None:
        notices.append(
            Notice(
                code="workload",
                message=(
                    f"{workload.mode}, {workload.epochs} epoch(s) of "
                    f"{workload.samples:,} samples in batches of {workload.batch_size}"
                    + (" (defaults)" if default_workload else "")
                ),
            )
        )
    notices += [
        *(Notice(code="network", message=message) for message in network),
        Notice(
            code="linear",
            message=(
                "energy is a cold part (compilation, first batches) plus steps times "
                "the energy of a step; a part-filled last batch counts by its share"
            ),
        ),
        Notice(
            code="not_counted",
            message=(
                "reading and augmenting data, validation, checkpoints, idle time and "
                "the making of the hardware are not counted"
            ),
        ),
        Notice(code="carbon", message=carbon_sentence(carbon, pue)),
    ]
    shares = share_source(chosen.model.steps["energy_j"])
    if shares != chosen.model.steps["energy_j"].chosen:
        notices.append(
            Notice(
                code="layer_shares",
                message=f"layers' shares come from the {shares} regressor",
            )
        )
    return tuple(notices)
