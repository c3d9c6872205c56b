"""The noise floor: how much one configuration differs between two processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from predictor.dataset import TARGETS, Measurement, Target
from predictor.metrics import by_configuration, repeat_differences

SHORT_STEP_S = 1e-3
"""Steps below this are reported apart: they repeat less well."""

LEAST_SHARE = 0.05
LEAST_COUNT = 10
"""As many configurations must be there twice for the floor to mean something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Relative differences of duplicated configurations.

    Parameters
    ----------
    pairs : int
        Number of pairs, at least one.
    median, ninth_decile, largest : float
        Absolute difference over the mean of the two, as fractions.
    """

    pairs: int
    median: float
    ninth_decile: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """What an A/A comparison says of a file of rows.

    Parameters
    ----------
    configurations, duplicated : int
        How many there are, and how many were measured in two processes or more.
    all_steps, short_steps, long_steps : mapping of str to Differences
        By target; of every pair, of those below `SHORT_STEP_S`, and of the rest.
        What has no pair is left out.
    """

    configurations: int
    duplicated: int
    all_steps: Mapping[Target, Differences]
    short_steps: Mapping[Target, Differences]
    long_steps: Mapping[Target, Differences]

    @property
    def wanted(self) -> int:
        """How many configurations should be there twice."""
        share = int(np.ceil(LEAST_SHARE * self.configurations))
        return min(self.configurations, max(LEAST_COUNT, share))

    @property
    def known(self) -> bool:
        """Whether enough configurations are there twice."""
        return 0 < self.wanted <= self.duplicated


def noise_floor(measurements: Sequence[Measurement]) -> NoiseFloor:
    """Compare what was measured more than once.

    Pairs and their differences are those of `predictor.metrics.repeat_differences`;
    the median of the energy over all steps is the noise floor that ``predictor
    evaluate`` prints for the same rows.

    Parameters
    ----------
    measurements : sequence of Measurement
        Valid rows of one file; two of one configuration come from two processes.

    Returns
    -------
    floor : NoiseFloor
        The differences.
    """
    parts = by_configuration(measurements)
    short: list[Measurement] = []
    long: list[Measurement] = []
    for items in parts.values():
        duration_s = items[0].step("duration_s")
        if duration_s is not None:
            (short if duration_s < SHORT_STEP_S else long).extend(items)
    return NoiseFloor(
        configurations=len(parts),
        duplicated=sum(len(items) > 1 for items in parts.values()),
        all_steps=_differences(measurements),
        short_steps=_differences(short),
        long_steps=_differences(long),
    )


def _differences(measurements: Sequence[Measurement]) -> dict[Target, Differences]:
    found = {target: repeat_differences(measurements, target) for target in TARGETS}
    return {
        target: Differences(
            pairs=len(values),
            median=float(np.median(values)),
            ninth_decile=float(np.quantile(values, 0.9)),
            largest=float(values.max()),
        )
        for target, values in found.items()
        if len(values)
    }
