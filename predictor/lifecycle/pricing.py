"""What a phase takes, predicted once for each step that phases have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from predictor.counting import NetworkCount
from predictor.errors import (
    ArchitectureError,
    InputFileError,
    OutOfDomainError,
    UsageError,
)
from predictor.estimation import check_mode
from predictor.freezing import counted_network
from predictor.intervals import (
    LARGEST_LOG_HALF_WIDTH,
    Quantity,
    log_half_width,
)
from predictor.lifecycle.description import Phase, Work
from predictor.lifecycle.energies import NOTHING, Part, exactly
from predictor.models import ChosenModel
from predictor.notices import Notice, warnings_of
from predictor.readers import NetworkFile, Request
from predictor.step_price import StepPrice, price_step
from predictor.workload import Mode, Workload

_ONE_OF_MANY = re.compile(r"\.(grid|trainings)\[[0-9]+\]$")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Step:
    """A step and what is spent before the first."""

    price: StepPrice
    log_half_width: float
    power_log_half_width: float
    workload: Workload


class Pricing:
    """Prices phases with one fitted model.

    Parameters
    ----------
    chosen : ChosenModel or None
        The model; None where everything is given.
    confidence_level : float
        Of every interval.
    strict : bool
        Whether to refuse an answer outside the fitted range.
    """

    def __init__(
        self, *, chosen: ChosenModel | None, confidence_level: float, strict: bool
    ) -> None:
        self.chosen = chosen
        self.confidence_level = confidence_level
        self.strict = strict
        self._steps: dict[object, _Step] = {}
        self._networks: dict[object, tuple[NetworkFile, NetworkCount]] = {}
        self._outside: dict[str, dict[_Step, None]] = {}

    def part(self, phase: Phase, mode: Mode) -> Part:
        """Return what a phase takes.

        Parameters
        ----------
        phase : Phase
            Given or to be predicted.
        mode : {"training", "inference"}
            What is done in it.

        Returns
        -------
        part : Part
            Its energy and time.

        Raises
        ------
        InputFileError
            If the network cannot be read or counted.
        OutOfDomainError
            If `strict` and it is outside the fitted range.
        """
        if not isinstance(phase, Work):
            duration_s = phase.duration_s
            return Part(
                mode=mode,
                energy_j=exactly(phase.energy_j),
                duration_s=None if duration_s is None else exactly(duration_s),
                is_given=True,
            )
        step, times = self._step(phase), phase.workload.full_batches
        price = step.price
        whole = {target: price.total(target, times) for target in price.steady}
        if not all(math.isfinite(one.upper) for one in whole.values()):
            raise InputFileError(
                f"{phase.where}: its energy is beyond what a number can hold; check "
                "samples, epochs and sizes"
            )
        return Part(
            mode=mode,
            energy_j=whole["energy_j"],
            cold_energy_j=price.cold.get("energy_j", NOTHING),
            duration_s=whole.get("duration_s"),
            log_half_width=step.log_half_width,
            power_log_half_width=step.power_log_half_width,
            widening=price.widening,
            step=step,
        )

    def steady_energy_j(self, work: Work) -> Quantity:
        """Return what work takes without its cold part.

        Parameters
        ----------
        work : Work
            To be predicted.

        Returns
        -------
        energy_j : Quantity
            IT energy in J.
        """
        steady = self._step(work).price.steady["energy_j"]
        return steady.scaled(work.workload.full_batches)

    def warnings(self) -> tuple[Notice, ...]:
        """Return what limits the prices so far.

        Returns
        -------
        warnings : tuple of Notice
            Most general first.
        """
        if self.chosen is None:
            return ()
        found: dict[Notice, None] = {}
        for step in self._steps.values():
            found.update(dict.fromkeys(warnings_of(self.chosen, None, step.workload)))
        for where, steps in self._outside.items():
            worst = max(steps, key=lambda step: step.price.verdict.distance)
            reasons = "; ".join(worst.price.verdict.reasons[:2])
            if len(steps) > 1:
                reasons = f"{len(steps)} kinds of steps are outside; worst: {reasons}"
            found[Notice(code="out_of_range", message=f"{where}: {reasons}")] = None
        return tuple(found)

    def notes(self) -> tuple[str, ...]:
        """Return what was taken for granted in reading the networks.

        Returns
        -------
        notes : tuple of str
            Each once.
        """
        files = [file for file, _ in self._networks.values()]
        return tuple(dict.fromkeys(note for file in files for note in file.assumptions))

    def _step(self, work: Work) -> _Step:
        job = work.workload
        frozen = work.frozen if job.mode == "training" else None
        network = (
            work.network if isinstance(work.network, str) else id(work.network),
            (type(frozen), frozen),
            repr(sorted(work.reading.items())),
        )
        key = (network, job.mode, job.batch_size, job.optimizer, job.dtype)
        step = self._steps.get(key)
        if step is None:
            with _told_where(work.where):
                if network not in self._networks:
                    self._networks[network] = _counted(work)
                step = self._priced(job, *self._networks[network], _request(work))
            self._steps[key] = step
        if not step.price.verdict.in_domain:
            phase = _ONE_OF_MANY.sub("", work.where.rpartition(": ")[2])
            self._outside.setdefault(phase, {})[step] = None
        return step

    def _priced(
        self, job: Workload, file: NetworkFile, counts: NetworkCount, request: Request
    ) -> _Step:
        assert self.chosen is not None  # whoever has work has chosen a model
        check_mode(request, job)
        fitted = self.chosen.model
        price = price_step(
            fitted,
            counts,
            job,
            name=file.architecture.name,
            confidence_level=self.confidence_level,
            strict=self.strict,
        )
        energies = [
            targets["energy_j"]
            for targets in (fitted.steps, fitted.cold)
            if "energy_j" in targets
        ]
        half_widths = [
            log_half_width(one.residuals[one.chosen], self.confidence_level)
            for one in energies
        ]
        power = log_half_width(fitted.power_residuals, self.confidence_level)
        return _Step(
            price=price,
            log_half_width=min(
                max(half_widths) * price.widening, LARGEST_LOG_HALF_WIDTH
            ),
            power_log_half_width=min(power * price.widening, LARGEST_LOG_HALF_WIDTH),
            workload=job,
        )


def _request(work: Work) -> Request:
    reading = work.reading
    return Request(
        input_shapes=tuple(map(tuple, reading.get("input_shapes", ()))),
        sequence_length=reading.get("sequence_length"),
        decode=reading.get("decode", False),
    )


def _counted(work: Work) -> tuple[NetworkFile, NetworkCount]:
    return counted_network(
        work.network,
        _request(work),
        on_unknown=work.reading.get("on_unknown", "error"),
        frozen=work.frozen if work.workload.mode == "training" else None,
    )


@contextmanager
def _told_where(where: str) -> Iterator[None]:
    """Put the phase before what is said of its network."""
    try:
        yield
    except (InputFileError, ArchitectureError, UsageError) as error:
        raise InputFileError(f"{where}: {error}") from error
    except OutOfDomainError as error:
        raise OutOfDomainError(f"{where}: {error}") from error
