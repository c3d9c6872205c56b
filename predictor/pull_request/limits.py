"""How much more a changed network may take."""

from __future__ import annotations

import re
from dataclasses import dataclass

from predictor.answer import Estimate
from predictor.budgets import Budgets
from predictor.comparison import Ratio
from predictor.errors import UsageError

LARGEST_PERCENTAGE = 1e6


def parsed_percentage(text: str, option: str) -> float:
    """Read a percentage.

    Parameters
    ----------
    text : str
        Such as ``"20%"``; without the sign it could be meant as a fraction.
    option : str
        Its name, for the message.

    Returns
    -------
    fraction : float
        Such as 0.2.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> parsed_percentage("20%", "--max-increase")
    0.2
    """
    found = re.fullmatch(r"\s*(\d{1,7}(?:\.\d{1,7})?)\s*%\s*", text, re.ASCII)
    if not found or float(found[1]) > LARGEST_PERCENTAGE:
        raise UsageError(f"{option} must be a percentage such as 20%, got {text!r:.60}")
    return float(found[1]) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimits:
    """What changed networks may take, and what counts as a change.

    Parameters
    ----------
    max_increase : float or None
        Largest increase of a network's energy, as a fraction; None for no limit.
    threshold : float
        A change of energy of at most this, as a fraction, counts as none.
    budgets : Budgets
        What every changed network may take, and on what limits are held.
    """

    max_increase: float | None = None
    threshold: float = 0.01
    budgets: Budgets

    def exceeded_by(self, head: Estimate, ratio: Ratio | None) -> tuple[str, ...]:
        """Return a sentence for each limit that a network exceeds.

        Parameters
        ----------
        head : Estimate
            Of the network as it is after the change.
        ratio : Ratio or None
            Its energy over that before the change, where there was a network.

        Returns
        -------
        sentences : tuple of str
            Empty within all limits.
        """
        sentences = self.budgets.exceeded_by(head)
        if ratio is not None and self.max_increase is not None:
            on = self.budgets.on
            value = ratio.energy.upper if on == "upper" else ratio.energy.estimate
            if value > 1 + self.max_increase:
                sentences.insert(
                    0,
                    f"energy {value:.3g} times that of the base ({on}) exceeds the "
                    f"allowed increase of {100 * self.max_increase:.4g}%",
                )
        return tuple(sentences)
