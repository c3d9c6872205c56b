"""Which configurations teach a model most: those on which a committee disagrees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dataset_builder.plan.configuration import Configuration
from dataset_builder.plan.cost import count_description, guess_step
from predictor.counting import NetworkCount
from predictor.dataset import Measurement, step_table
from predictor.features import QUANTITIES, FloatArray, StepTable, describe_steps
from predictor.fitting import targets_of
from predictor.regressors.physical import KIND_SPREAD, Physical, fit_physical
from predictor.workload import Workload

MEMBERS = 8
"""Fits that vote; each takes a fiftieth of a second."""

ROUND_ROWS = 8
"""Rows chosen by one committee."""

FAMILY_ROWS = 2
"""Most rows of one family in a round: what is alike teaches the same."""

TIE = 0.01
"""Disagreements, in log, closer than this are the same; the quicker step goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration that may be measured.

    Parameters
    ----------
    item : Configuration
        The configuration.
    network : NetworkCount
        Its counted network.
    step_s : float
        Guessed time of a step in s.
    """

    item: Configuration
    network: NetworkCount
    step_s: float

    @property
    def workload(self) -> Workload:
        """One step of it."""
        return Workload(
            mode=self.item.mode,
            batch_size=self.item.batch_size,
            samples=self.item.batch_size,
            optimizer=self.item.optimizer,
            dtype=self.item.dtype,
        )


def make_candidate(item: Configuration) -> Candidate:
    """Count a configuration's network, once for all committees.

    Parameters
    ----------
    item : Configuration
        Of a plan.

    Returns
    -------
    candidate : Candidate
        Ready to be voted on.
    """
    network = count_description(item.network)
    cost = guess_step(
        network,
        mode=item.mode,
        batch_size=item.batch_size,
        optimizer=item.optimizer,
    )
    return Candidate(item=item, network=network, step_s=cost.duration_s)


def disagreement(
    rows: Sequence[Measurement], pool: Sequence[Candidate], *, seed: int
) -> FloatArray:
    """Return how far apart the members of a committee are on each candidate.

    Parameters
    ----------
    rows : sequence of Measurement
        What was measured, on one platform.
    pool : sequence of Candidate
        What may be measured next.
    seed : int
        Seed of the samples that members are fitted on.

    Returns
    -------
    spread : ndarray of shape (n_pool,)
        Standard deviation of the members' predictions of the energy of a step, in log.

    Notes
    -----
    Query by committee (Seung, Opper and Sompolinsky, COLT 1992; Settles, Active
    Learning Literature Survey, 2009). A member is a `physical` regressor on a bootstrap
    sample of architectures: rows of one architecture are much alike, so that samples
    of rows would make members agree too much. On a kind of operation that a member
    has not seen, its price is drawn from the regressor's prior, not set to its centre,
    on which all members would agree.
    """
    random = np.random.default_rng((seed, len(rows)))
    table, target = step_table(rows), targets_of(rows, "energy_j")
    places = defaultdict(list)
    for place, row in enumerate(rows):
        places[row.group].append(place)
    groups = list(places.values())
    asked = describe_steps((one.network, one.workload) for one in pool)
    votes = []
    for _ in range(MEMBERS):
        drawn = random.integers(len(groups), size=len(groups))
        sample = [place for number in drawn for place in groups[number]]
        member = _member(table.take(sample), target[sample], random)
        votes.append(np.log(member.predict(asked)))
    spread: FloatArray = np.std(votes, axis=0)
    return spread


def choose_next(
    rows: Sequence[Measurement], pool: Sequence[Candidate], *, seed: int
) -> list[Configuration]:
    """Order candidates by what measuring them would teach.

    Of the order every `ROUND_ROWS` are a round, in which no architecture comes twice
    and no family more than `FAMILY_ROWS` times; in a round the candidates on which the
    committee disagrees most are taken, the quicker one of equals.

    Parameters
    ----------
    rows : sequence of Measurement
        What was measured, on one platform.
    pool : sequence of Candidate
        What may be measured next.
    seed : int
        Seed of the committee.

    Returns
    -------
    order : list of Configuration
        All of `pool`; the same for the same rows, pool and seed.
    """
    ranks = np.round(disagreement(rows, pool, seed=seed) / TIE)
    left = sorted(
        range(len(pool)),
        key=lambda place: (-ranks[place], pool[place].step_s, place),
    )
    order = []
    while left:
        taken = _round([pool[place].item for place in left])
        order += [pool[left[number]].item for number in taken]
        left = [place for number, place in enumerate(left) if number not in taken]
    return order


def _round(items: Sequence[Configuration]) -> list[int]:
    groups: set[str] = set()
    families: Counter[str] = Counter()
    taken: list[int] = []
    for number, item in enumerate(items):
        if item.group in groups or families[item.family] == FAMILY_ROWS:
            continue
        groups.add(item.group)
        families[item.family] += 1
        taken.append(number)
        if len(taken) == ROUND_ROWS:
            break
    return taken


def _member(
    table: StepTable, target: FloatArray, random: np.random.Generator
) -> Physical:
    model = fit_physical(table, target)
    seen = np.zeros(model.prices.shape, dtype=bool)
    kind, phase = (table.column(name).astype(np.int64) for name in ("kind", "phase"))
    used = np.column_stack([table.column(name) > 0 for name in QUANTITIES])
    np.logical_or.at(seen, (kind, phase), used)
    guess = model.prices * np.exp(KIND_SPREAD * random.standard_normal(seen.shape))
    return replace(model, prices=np.where(seen, model.prices, guess))
