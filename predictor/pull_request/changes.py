"""What changed networks take, before and after."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from predictor.answer import Estimate
from predictor.carbon import CarbonIntensity
from predictor.comparison import SURE, Ratio, energy_ratio
from predictor.errors import PredictorError
from predictor.features import describe_steps
from predictor.intervals import Quantity
from predictor.models import ChosenModel
from predictor.pull_request.candidates import Candidate, candidates
from predictor.pull_request.limits import ChangeLimits
from predictor.pull_request.repository import FileChange
from predictor.workload import Workload

_SAME = Quantity(estimate=1, lower=1, upper=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChange:
    """A network that is other than it was, new, or gone.

    Parameters
    ----------
    path : str
        Of its file, from the top of the repository; where it is gone, as it was.
    old_path : str or None
        Before the change, where the file was renamed too.
    base, head : Estimate or None
        Before and after; one of them may be None.
    ratio : Ratio or None
        Energy after over energy before.
    probability_more : float or None
        How likely it takes more than before; 0 where a step does just the same.
    exceeded : tuple of str
        A sentence for each limit it exceeds.
    """

    path: str
    old_path: str | None
    base: Estimate | None
    head: Estimate | None
    ratio: Ratio | None
    probability_more: float | None
    exceeded: tuple[str, ...]

    @property
    def kind(self) -> str:
        """One of ``changed``, ``added``, ``removed``."""
        if self.base is None:
            return "added"
        return "removed" if self.head is None else "changed"

    @property
    def misleading(self) -> tuple[str, ...]:
        """Which of ``macs`` and ``params`` surely moved the other way than energy."""
        if self.ratio is None or self.probability_more is None:
            return ()
        assert self.base is not None  # there is no ratio without both
        assert self.head is not None
        ratio, more = self.ratio.energy.estimate, self.probability_more
        if max(more, 1 - more) < SURE or ratio == 1:
            return ()
        return tuple(
            metric
            for metric in ("macs", "params")
            if (getattr(self.head.counts, metric) - getattr(self.base.counts, metric))
            * (ratio - 1)
            < 0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A file for which there is no answer.

    Parameters
    ----------
    path : str
        From the top of the repository.
    side : {"base", "head"}
        Before or after the change.
    reason : str
        One sentence.
    """

    path: str
    side: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for every answer, and for there being none.

    Parameters
    ----------
    workload : Workload
        What is done with each network.
    chosen : ChosenModel
        The fitted model that answers.
    carbon : CarbonIntensity
        Of the electricity.
    pue : float
        Power usage effectiveness of the site.
    confidence_level : float
        Of every interval.
    """

    workload: Workload
    chosen: ChosenModel
    carbon: CarbonIntensity
    pue: float
    confidence_level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReport:
    """What a change does to the energy of a repository's networks.

    Parameters
    ----------
    base, head : str
        Hashes of the commits; ``.`` for the working tree.
    changes : tuple of NetworkChange
        Those that exceed a limit first, then by how much their energy changed; then
        those that are new or gone.
    same : tuple of str
        Paths of files that changed and hold the same network as before.
    unanswered : tuple of Unanswered
        Files that could not be read or priced.
    terms : Terms
        What the answers rest on.
    limits : ChangeLimits
        What was allowed.
    """

    base: str
    head: str
    changes: tuple[NetworkChange, ...]
    same: tuple[str, ...]
    unanswered: tuple[Unanswered, ...]
    terms: Terms
    limits: ChangeLimits

    @property
    def exceeded(self) -> list[str]:
        """A sentence with its path for each limit that is exceeded."""
        return [
            f"{one.path}: {sentence}"
            for one in self.changes
            for sentence in one.exceeded
        ]

    @property
    def outside(self) -> list[str]:
        """Paths of networks outside the fitted range, before or after."""
        return [
            one.path
            for one in self.changes
            if any(side and not side.verdict.in_domain for side in (one.base, one.head))
        ]

    @property
    def is_notable(self) -> bool:
        """Whether there is anything to say: more than changes below the threshold."""
        return bool(self.unanswered) or any(map(self._is_notable, self.changes))

    def _is_notable(self, change: NetworkChange) -> bool:
        if change.ratio is None or change.exceeded:
            return True
        return abs(change.ratio.energy.estimate - 1) > self.limits.threshold

    def total(self, side: str) -> Quantity | None:
        """Return the energy of all networks in `changes` together.

        Parameters
        ----------
        side : {"base", "head"}
            Before or after.

        Returns
        -------
        energy_j : Quantity or None
            In J. The ends of the intervals are added up, as if all errors went the
            same way; None where there is no network.
        """
        total = None
        for change in self.changes:
            answer: Estimate | None = getattr(change, side)
            if answer is not None:
                energy_j = answer.energy_j
                total = energy_j if total is None else total.plus(energy_j)
        return total


def compare_networks(
    top: Path,
    files: Sequence[FileChange],
    *,
    base: str,
    head: str,
    globs: Sequence[str],
    answer: Callable[[Path], Estimate],
    terms: Terms,
    limits: ChangeLimits,
) -> ChangeReport:
    """Price changed networks before and after.

    Parameters
    ----------
    top : Path
        Of the repository.
    files : sequence of FileChange
        What changed.
    base, head : str
        Hashes of the commits; ``.`` for the working tree.
    globs : sequence of str
        Which files are networks; none for all that read as such.
    answer : callable
        Estimates what a network's file takes.
    terms : Terms
        What the answers rest on.
    limits : ChangeLimits
        What is allowed.

    Returns
    -------
    report : ChangeReport
        With every file that is a network on one side at least.

    Raises
    ------
    UsageError
        If too many files may be networks, or a limit cannot be checked.
    """
    changes: list[NetworkChange] = []
    same: list[str] = []
    unanswered: list[Unanswered] = []
    with candidates(top, files, globs) as pairs:
        for pair in pairs:
            answers, problems = _answers(pair, answer)
            unanswered += problems
            before, after = answers
            if any(one.side == "head" for one in problems) or not (before or after):
                continue
            paths = [one.path for one in pair if one]
            if before and after and before.network.sha256 == after.network.sha256:
                same.append(paths[-1])
                continue
            changes.append(_change(paths, before, after, limits))
    return ChangeReport(
        base=base,
        head=head,
        changes=tuple(sorted(changes, key=_order)),
        same=tuple(sorted(same)),
        unanswered=tuple(unanswered),
        terms=terms,
        limits=limits,
    )


def _answers(
    pair: Iterable[Candidate | None], answer: Callable[[Path], Estimate]
) -> tuple[list[Estimate | None], list[Unanswered]]:
    """Return the answers of base and head, and what went wrong if it is a network."""
    sides = dict(zip(("base", "head"), pair, strict=True))
    answers: dict[str, Estimate] = {}
    problems = []
    if any(one.likeness != "other" for one in sides.values() if one):
        for side, one in sides.items():
            if one is None:
                continue
            try:
                if not one.problem:
                    answers[side] = answer(one.file)
                    continue
                reason = one.problem
            except PredictorError as error:
                reason = str(error)
            reason = reason.replace(repr(str(one.file)), repr(one.path))
            reason = reason.removeprefix(f"cannot read {one.path!r}: ")
            problems.append(Unanswered(path=one.path, side=side, reason=reason))
    announced = {
        side for side, one in sides.items() if one and one.likeness == "network"
    }
    if not announced and not answers:
        problems = []
    # What was no network before is no news; what is none any more is.
    problems = [one for one in problems if one.side == "head" or "base" in announced]
    return [answers.get(side) for side in sides], problems


def _change(
    paths: Sequence[str],
    before: Estimate | None,
    after: Estimate | None,
    limits: ChangeLimits,
) -> NetworkChange:
    ratio, more = None, None
    if before and after:
        if _same_work(before, after):
            ratio, more = Ratio(energy=_SAME, probability_less=0.0), 0.0
        else:
            ratio = energy_ratio(after, before)
            more = 1 - ratio.probability_less
    renamed = before is not None and after is not None and paths[0] != paths[-1]
    return NetworkChange(
        path=paths[-1],
        old_path=paths[0] if renamed else None,
        base=before,
        head=after,
        ratio=ratio,
        probability_more=more,
        exceeded=limits.exceeded_by(after, ratio) if after else (),
    )


def _same_work(one: Estimate, other: Estimate) -> bool:
    """Say whether networks differ only in what costs nothing, such as names."""
    first, second = (
        describe_steps([(each.counts, each.workload)]) for each in (one, other)
    )
    return np.array_equal(first.operations, second.operations) and np.array_equal(
        first.steps, second.steps
    )


def _order(change: NetworkChange) -> tuple[bool, str, float, str]:
    size = 0.0
    if change.ratio is not None:
        size = abs(math.log(change.ratio.energy.estimate))
    kind = "" if change.kind == "changed" else change.kind
    return not change.exceeded, kind, -size, change.path
