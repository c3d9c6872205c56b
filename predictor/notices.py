"""What the reader of an estimate must know: warnings and assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.carbon import WORLD, CarbonIntensity
from predictor.domain import Verdict, other_dtype
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

    @property
    def label(self) -> str:
        """The word before an assumption in a text."""
        return "not counted" if self.code == "not_counted" else "assumed"


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
    unmeasured = other_dtype(workload.dtype, platform.dtype)
    if unmeasured is not None:
        notices.append(Notice(code="other_dtype", message=unmeasured))
    reasons = verdict.reasons if verdict else ()
    shown = [reason for reason in reasons if reason != unmeasured][:3]
    notices.extend(Notice(code="out_of_range", message=reason) for reason in shown)
    return tuple(notices)


def most_important(
    warnings: Sequence[Notice],
    assumptions: Sequence[Notice],
    workload: Workload,
    carbon: CarbonIntensity,
) -> Notice:
    """Return what could change an answer most.

    Parameters
    ----------
    warnings, assumptions : sequence of Notice
        Of the answer.
    workload : Workload
        What is done.
    carbon : CarbonIntensity
        Of the electricity.

    Returns
    -------
    notice : Notice
        Another machine takes several times as much or as little; samples and epochs
        that nobody gave multiply the answer; a layer or range that was never measured
        widens it; the place changes emissions 5 to 40 times (Gitzel et al. 2023). Where
        all of these are settled, what is not counted remains.
    """
    by_code = {one.code: one for one in reversed((*warnings, *assumptions))}
    if workload.samples == Workload().samples and workload.epochs == Workload().epochs:
        by_code["defaults"] = Notice(
            code="workload",
            message=(
                f"{workload.epochs} epoch of {workload.samples:,} samples are "
                "defaults; energy, time and emissions are in proportion to both"
            ),
        )
    if carbon.region == WORLD and carbon.year is not None:
        by_code["world"] = Notice(
            code="carbon",
            message=(
                f"emissions are for the world's mean of "
                f"{carbon.carbon_intensity_g_per_kwh:g} gCO2e/kWh ({carbon.year}); by "
                "place they differ 5 to 40 times (give the region)"
            ),
        )
    order = ("other_hardware", "defaults", "out_of_range", "other_dtype", "world")
    if found := [by_code[code] for code in order if code in by_code]:
        return found[0]
    message = f"not counted: {by_code['not_counted'].message}"
    return Notice(code="not_counted", message=message)


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
    network: Sequence[str] = (),
    *,
    price_per_kwh: float | None = None,
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
    network : sequence of str, optional
        What was taken for granted in reading the network.
    price_per_kwh : float, optional
        Price of a kWh.

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
                    + (" (defaults)" if workload == Workload() else "")
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
                "reading and augmenting data, validation, checkpoints, idle time, and "
                "the making of the hardware"
            ),
        ),
        Notice(code="carbon", message=carbon_sentence(carbon, pue)),
    ]
    if price_per_kwh is not None:
        message = f"cost: {price_per_kwh:g} per kWh, in the currency of that price"
        notices.append(Notice(code="price", message=message))
    shares = share_source(chosen.model.steps["energy_j"])
    if shares != chosen.model.steps["energy_j"].chosen:
        notices.append(
            Notice(
                code="layer_shares",
                message=f"layers' shares come from the {shares} regressor",
            )
        )
    return tuple(notices)
