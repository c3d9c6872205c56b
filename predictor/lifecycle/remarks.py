"""What the reader of an assessment must know."""

from __future__ import annotations

from predictor.lifecycle.pricing import Pricing
from predictor.lifecycle.result import AssessedVariant
from predictor.notices import Notice, assumptions_of, carbon_sentence


def static_warnings(
    variants: tuple[AssessedVariant, ...], idle_power_w: float | None
) -> list[Notice]:
    """Say of which variants the static share is not known, though it was asked for.

    Parameters
    ----------
    variants : tuple of AssessedVariant
        What was assessed.
    idle_power_w : float or None
        Power of the idle machine in W; None where nobody asked.

    Returns
    -------
    warnings : list of Notice
        One for each such variant.
    """
    if idle_power_w is None:
        return []
    return [
        Notice(
            code="static_unknown",
            message=(
                f"{one.variant.name}: its static share is not known: a duration is "
                f"missing, or {idle_power_w:g} W idle are more than its mean power"
            ),
        )
        for one in variants
        if one.static_share is None
    ]


def assumptions_about(
    variants: tuple[AssessedVariant, ...],
    pricing: Pricing,
    idle_power_w: float | None,
) -> tuple[Notice, ...]:
    """Return what an assessment rests on.

    Parameters
    ----------
    variants : tuple of AssessedVariant
        What was assessed.
    pricing : Pricing
        With what its prices rest on.
    idle_power_w : float or None
        Power of the idle machine in W; None where nobody said.

    Returns
    -------
    assumptions : tuple of Notice
        Most general first.
    """
    carbons: dict[str, list[str]] = {}
    for one in variants:
        sentence = carbon_sentence(one.carbon, one.pue)
        carbons.setdefault(sentence, []).append(one.variant.name)
    notices = [
        Notice(
            code="intervals",
            message=(
                "ends of intervals are added, as if all predictions erred to the same "
                "side; in shares, overheads and break-evens they err to opposite "
                "sides; what is given has no interval"
            ),
        ),
    ]
    if pricing.chosen is not None:
        first = variants[0]
        notices += [
            one
            for one in assumptions_of(
                pricing.chosen, first.carbon, first.pue, network=pricing.notes()
            )
            if one.code in ("network", "linear", "not_counted")
        ]
    if idle_power_w is None:
        notices.append(
            Notice(
                code="static_unknown",
                message=(
                    "the static share is not known: say the power of the idle machine "
                    "(idle_power_w under [answer])"
                ),
            )
        )
    for sentence, names in carbons.items():
        where = "" if len(carbons) == 1 else f"{', '.join(names)}: "
        notices.append(Notice(code="carbon", message=f"{where}{sentence}"))
    return tuple(notices)
