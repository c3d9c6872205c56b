"""Meters that need no sensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dataset_builder.meters.readings import MeterDescription, Reading

MODELLED = MeterDescription(
    cpu_tier="cpu_load_process", ram_tier="constant", gpu_tier="absent"
)


class ReplayMeter:
    """Return recorded readings, for tests on machines without a counter.

    Parameters
    ----------
    readings : iterable of Reading or Exception
        Returned in order, one per call; an exception is raised after the work.
    description : MeterDescription, optional
        Where the readings came from; by default a load model.

    Examples
    --------
    >>> recorded = Reading(
    ...     cpu_energy_j=30.0,
    ...     ram_energy_j=0.0,
    ...     gpu_energy_j=None,
    ...     duration_s=2.0,
    ...     cpu_time_s=2.0,
    ... )
    >>> ReplayMeter([recorded]).measure(lambda: None).power_w
    15.0
    """

    def __init__(
        self,
        readings: Iterable[Reading | Exception],
        description: MeterDescription = MODELLED,
    ) -> None:
        self._readings: Iterator[Reading | Exception] = iter(readings)
        self._description = description

    def measure(self, work: Callable[[], object]) -> Reading:
        """Run the work and return the next recorded reading.

        Parameters
        ----------
        work : callable
            Called once; its result is ignored.

        Returns
        -------
        reading : Reading
            The next recorded reading.
        """
        work()
        reading = next(self._readings)
        if isinstance(reading, Exception):
            raise reading
        return reading

    def measure_idle(self, seconds: float) -> Reading:
        """Return the next recorded reading, at once.

        Parameters
        ----------
        seconds : float
            Ignored.

        Returns
        -------
        reading : Reading
            The next recorded reading.
        """
        return self.measure(lambda: None)

    def describe(self) -> MeterDescription:
        """Return where the readings came from.

        Returns
        -------
        description : MeterDescription
            As given.
        """
        return self._description
