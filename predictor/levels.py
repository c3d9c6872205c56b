"""One platform on several days: data sets brought to the level of the first."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from predictor.dataset import TARGETS, Measurement, Target
from predictor.hardware import Platform
from predictor.metrics import by_configuration

FEWEST_COMMON = 20
"""Configurations that two data sets must share, or nothing is known of their levels."""

Levels = Mapping[str, Mapping[Target, float]]
"""By data set and target: what its steps take over what the first one's take."""


def level_factors(measurements: Sequence[Measurement]) -> dict[Platform, Levels]:
    """Return how much more the same steps took in one data set than in another.

    A machine is faster on one day than on another: neighbours, temperature, drivers.
    Configurations that were measured in both tell by how much.

    Parameters
    ----------
    measurements : sequence of Measurement
        Rows of any number of data sets and platforms. The data set that comes first
        is the reference of its platform.

    Returns
    -------
    levels : dict of Platform to mapping
        Medians of the ratios; data sets that share fewer than `FEWEST_COMMON`
        configurations with the reference are left out.
    """
    reference: dict[Platform, str] = {}
    for item in measurements:
        reference.setdefault(item.platform, _source(item))
    ratios: dict[Platform, dict[str, dict[Target, list[float]]]] = {}
    for items in by_configuration(measurements).values():
        platform = items[0].platform
        parts: dict[str, list[Measurement]] = {}
        for item in items:
            parts.setdefault(_source(item), []).append(item)
        first = parts.pop(reference[platform], [])
        for source, others in parts.items():
            for target in TARGETS:
                there, here = _mean(first, target), _mean(others, target)
                if there is not None and here is not None:
                    known = ratios.setdefault(platform, {}).setdefault(source, {})
                    known.setdefault(target, []).append(here / there)
    return {
        platform: {
            source: {
                target: statistics.median(values) for target, values in targets.items()
            }
            for source, targets in sources.items()
            if max(map(len, targets.values())) >= FEWEST_COMMON
        }
        for platform, sources in ratios.items()
    }


def levelled(
    measurements: Sequence[Measurement], levels: Mapping[Platform, Levels]
) -> list[Measurement]:
    """Return measurements as if all had been made with the reference.

    Parameters
    ----------
    measurements : sequence of Measurement
        The rows.
    levels : mapping
        As `level_factors` returns them.

    Returns
    -------
    measurements : list of Measurement
        Energies and times divided by the level of their data set; the rows that they
        were read from are as before.
    """
    return [
        _divided(item, levels.get(item.platform, {}).get(_source(item), {}))
        for item in measurements
    ]


def _divided(item: Measurement, factors: Mapping[Target, float]) -> Measurement:
    energy, duration = (factors.get(target, 1.0) for target in TARGETS)
    if energy == duration == 1.0:
        return item

    def over(value: float | None, factor: float) -> float | None:
        return None if value is None else value / factor

    return replace(
        item,
        energy_j=item.energy_j / energy,
        duration_s=over(item.duration_s, duration),
        cold_energy_j=over(item.cold_energy_j, energy),
        cold_duration_s=over(item.cold_duration_s, duration),
    )


def _source(item: Measurement) -> str:
    return str(item.row.get("source_dataset"))


def _mean(items: Sequence[Measurement], target: Target) -> float | None:
    values = [value for item in items if (value := item.step(target)) is not None]
    return statistics.fmean(values) if values else None
