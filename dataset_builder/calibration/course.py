"""The course of a calibration: rows that fill the space, rounds of choices, an end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder.calibration.choice import (
    ROUND_ROWS,
    Candidate,
    choose_next,
    make_candidate,
)
from dataset_builder.calibration.report import SETTLED_TEXT, factor
from dataset_builder.calibration.stopping import (
    FIRST_ROWS,
    half_width,
    is_settled,
    whole_rounds,
)
from dataset_builder.plan.configuration import Configuration
from dataset_builder.plan.space import calibration_plan
from predictor.dataset import CountedNetworks, Measurement, measurement_of
from predictor.fitting import by_platform

POOL = 150
"""Configurations of the sequence, not measured yet, among which a committee chooses."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a sweep has come to so far.

    Parameters
    ----------
    rows : sequence of Measurement
        Valid rows in the order in which they ended.
    lost : set of str
        Identities of configurations that are given up without a valid row.
    """

    rows: Sequence[Measurement]
    lost: Set[str]


class Calibration:
    """Chooses what to measure by what has been measured.

    The first `FIRST_ROWS` configurations are those of the calibration sequence, which
    fill the space. From then on a committee, fitted anew on every `ROUND_ROWS` further
    valid rows, chooses among the next `POOL` of the sequence, until the interval stops
    shrinking. What is chosen depends on the seed, the valid rows in the order in which
    they ended and the lost configurations, so that an interrupted calibration goes on
    as if it had not been; only a drift corrected in between may change a choice.

    Parameters
    ----------
    seed : int
        Seed of the sequence, the committees and the folds.
    identity : callable
        Returns the identity of a configuration on the platform measured.
    look : callable
        Returns what the sweep has come to.
    done : set of str
        Identities that are not handed out again.
    begun : set of str
        Identities that earlier sessions tried and that are not done.
    say : callable
        Told of each interval and why the calibration ends.

    Attributes
    ----------
    half_widths : list of float
        In log, after the first rows and after every round.
    settled : bool
        Whether the interval has stopped shrinking.
    """

    def __init__(
        self,
        seed: int,
        *,
        identity: Callable[[Configuration], str],
        look: Callable[[], Finished],
        done: Set[str],
        begun: Set[str],
        say: Callable[[str], object],
    ) -> None:
        self._seed = seed
        self._identity = identity
        self._look = look
        self._given = set(done)
        self._begun = begun
        # Whatever was ever chosen stood among the first of the sequence.
        self._reach = FIRST_ROWS + POOL + len(done) + len(begun)
        self._say = say
        self._sequence = map(make_candidate, calibration_plan(seed))
        self._drawn: list[Candidate] = []
        self._basis: object = None
        self._order: list[Configuration] = []
        self.half_widths: list[float] = []
        self.settled = False

    def plan(self) -> Iterator[Configuration]:
        """Choose one configuration after another, each only when it is asked for.

        Yields
        ------
        configuration : Configuration
            The next one to measure; none twice, though earlier ones are not finished.

        Raises
        ------
        DatasetError
            If the first rows hold fewer than two architectures.
        """
        for place in itertools.count():
            if place >= FIRST_ROWS and len(self._look().rows) >= FIRST_ROWS:
                break
            yield from self._new([self._candidate(place).item])
        yield from self._new(self._unfinished())
        while True:
            finished = self._look()
            self.judge(finished)
            if self.settled:
                self._say(f"calibration stops: {SETTLED_TEXT}")
                return
            found = next(self._new(self._choice(finished)), None)
            if found is None:
                return
            yield found

    def judge(self, finished: Finished) -> None:
        """Find the interval after each whole round that it is not known of yet.

        Parameters
        ----------
        finished : Finished
            What the sweep has come to.

        Raises
        ------
        DatasetError
            If the first rows hold fewer than two architectures.
        """
        while not self.settled:
            count = FIRST_ROWS + len(self.half_widths) * ROUND_ROWS
            rows = finished.rows[:count]
            if len(rows) < count:
                return
            self.half_widths.append(half_width(rows, seed=self._seed))
            self._say(
                f"{len(rows)} valid rows: left-out networks within a factor of "
                f"{factor(self.half_widths[-1])}"
            )
            self.settled = is_settled(self.half_widths)

    def _candidate(self, place: int) -> Candidate:
        missing = place + 1 - len(self._drawn)
        self._drawn += itertools.islice(self._sequence, max(0, missing))
        return self._drawn[place]

    def _choice(self, finished: Finished) -> list[Configuration]:
        count = FIRST_ROWS + whole_rounds(len(finished.rows)) * ROUND_ROWS
        basis = (count, frozenset(finished.lost))
        if basis != self._basis:
            rows = finished.rows[:count]
            known = {str(row.row["id"]) for row in rows} | finished.lost
            pool = self._pool(known)
            # A drift may have taken rows away: then the sequence goes on.
            self._order = (
                choose_next(rows, pool, seed=self._seed)
                if len(rows) == count
                else [candidate.item for candidate in pool]
            )
            self._basis = basis
        return self._order

    def _unfinished(self) -> Iterator[Configuration]:
        for place in range(self._reach if self._begun else 0):
            item = self._candidate(place).item
            if self._identity(item) in self._begun:
                yield item

    def _pool(self, known: Set[str]) -> list[Candidate]:
        sequence = map(self._candidate, itertools.count())
        unknown = (one for one in sequence if self._identity(one.item) not in known)
        return list(itertools.islice(unknown, POOL))

    def _new(self, items: Iterable[Configuration]) -> Iterator[Configuration]:
        for item in items:
            identity = self._identity(item)
            if identity not in self._given:
                self._given.add(identity)
                yield item


def valid_measurements(
    rows: Iterable[Row], networks: CountedNetworks, path: Path
) -> list[Measurement]:
    """Return the valid rows of the platform that has most, in the order they ended.

    Parameters
    ----------
    rows : iterable of mapping
        The rows that count of a file.
    networks : CountedNetworks
        Keeps the networks from one call to the next.
    path : Path
        The file.

    Returns
    -------
    measurements : list of Measurement
        As a fit reads them.

    Raises
    ------
    DatasetError
        If a row breaks the format, or its network is not there.
    """
    valid = [row for row in rows if row.get("valid", True)]
    valid.sort(key=lambda row: str(row.get("ended_at", "")))
    measurements = [
        measurement_of(row, networks, path, f"{path}, row {row.get('id')}")
        for row in valid
    ]
    return max(by_platform(measurements).values(), key=len, default=[])
