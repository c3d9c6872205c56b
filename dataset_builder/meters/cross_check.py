"""A meter whose numbers are compared with counters that are read beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from dataset_builder.meters.counters import (
    GPU_UPDATE_S,
    RAPL_UPDATE_S,
    Counter,
    Value,
    counted_energy,
    read_counters,
)
from dataset_builder.meters.readings import (
    CountedEnergy,
    EnergyMeter,
    MeterDescription,
    Reading,
    tier_source,
)
from predictor.errors import MeasurementError

LARGEST_DISAGREEMENT = 0.02
"""Relative difference that a counter's update at either end does not explain."""


class CrossCheckedMeter:
    """A meter, with counters read directly around the same work.

    Parameters
    ----------
    meter : EnergyMeter
        Whose numbers are returned.
    counters : sequence of Counter
        Compared with it where it reads a counter of the same component.
    clock : callable, default=time.perf_counter
        Time in s.

    Notes
    -----
    A reading is doubted, and says why, where a counter was not readable, stood still,
    went backwards, jumped or may have started again twice, and where the two differ by
    more than 2 % and what the time between them and one update explain.
    """

    def __init__(
        self,
        meter: EnergyMeter,
        counters: Sequence[Counter],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._meter = meter
        self._counters = tuple(counters)
        self._clock = clock

    def measure(self, work: Callable[[], object]) -> Reading:
        """Run the work once and return what the meter says of it.

        Parameters
        ----------
        work : callable
            Takes no argument; returns only when the device has finished.

        Returns
        -------
        reading : Reading
            The meter's, with `counted` and, where needed, a doubt.

        Raises
        ------
        MeasurementError
            If the meter fails; says what the counters showed meanwhile.
        """
        return self._measure(lambda: self._meter.measure(work))

    def measure_idle(self, seconds: float) -> Reading:
        """Do nothing for a while and return what that took.

        Parameters
        ----------
        seconds : float
            How long in s.

        Returns
        -------
        reading : Reading
            As `measure` returns it.

        Raises
        ------
        MeasurementError
            If the meter fails.
        """
        return self._measure(lambda: self._meter.measure_idle(seconds))

    def describe(self) -> MeterDescription:
        """Return where the meter's numbers come from.

        Returns
        -------
        description : MeterDescription
            The meter's.
        """
        return self._meter.describe()

    def _measure(self, read_meter: Callable[[], Reading]) -> Reading:
        start_s = self._clock()
        before = read_counters(self._counters)
        begun_s = self._clock()
        try:
            reading = read_meter()
        except MeasurementError as error:
            _, doubt = self._counted(before, begun_s)
            raise MeasurementError(f"{error}; {doubt}" if doubt else str(error)) from (
                error
            )
        counted, doubt = self._counted(before, begun_s)
        reading = replace(
            reading,
            counted=counted,
            metering_s=self._clock() - start_s - reading.duration_s,
        )
        doubt = reading.doubt or doubt or self._disagreement(reading, counted)
        return replace(reading, doubt=doubt)

    def _counted(
        self, before: Sequence[Value], begun_s: float
    ) -> tuple[CountedEnergy, str | None]:
        after = read_counters(self._counters)
        duration_s = self._clock() - begun_s
        return counted_energy(self._counters, before, after, duration_s)

    def _disagreement(self, reading: Reading, counted: CountedEnergy) -> str | None:
        tiers = self.describe()
        for name, tier, energy_j, counted_j in (
            ("processor", tiers.cpu_tier, reading.cpu_energy_j, counted.cpu_energy_j),
            ("GPU", tiers.gpu_tier, reading.gpu_energy_j, counted.gpu_energy_j),
        ):
            if tier_source(tier) != "measured" or energy_j is None or not counted_j:
                continue
            update_s = RAPL_UPDATE_S if name == "processor" else GPU_UPDATE_S
            explained_s = reading.metering_s + update_s
            difference = abs(energy_j - counted_j) / counted_j
            if difference > LARGEST_DISAGREEMENT + explained_s / reading.duration_s:
                return (
                    f"the meter's energy of the {name} is {energy_j:.4g} J, its "
                    f"counter's {counted_j:.4g} J: {100 * difference:.1f} % apart"
                )
        return None
