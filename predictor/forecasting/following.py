"""A training that is followed: forecast, refined, held against budgets, recorded."""

from __future__ import annotations

import functools
import json
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from predictor.answer import Estimate
from predictor.budgets import Budgets
from predictor.forecasting.counters import (
    EnergyCounter,
    machine_counter,
    tracker_counter,
)
from predictor.forecasting.laps import Lap, Stopwatch
from predictor.forecasting.linear import Forecast, forecast_of
from predictor.forecasting.options import Options
from predictor.forecasting.processes import process_count, process_rank
from predictor.forecasting.recording import Actual, append_line, record_of
from predictor.forecasting.refining import refined
from predictor.forecasting.saying import tell
from predictor.forecasting.sentences import (
    ended_sentence,
    forecast_sentence,
    refined_sentence,
)
from predictor.forecasting.surroundings import (
    backend_of,
    device_of,
    hardware_name,
    unwrapped,
    versions_of,
)
from predictor.readers import Request, describe_operators, read_network
from predictor.report.terminal import printable

_P = ParamSpec("_P")
_T = TypeVar("_T")


def guarded(
    method: Callable[Concatenate[Following, _P], _T],
) -> Callable[Concatenate[Following, _P], _T | None]:
    """Keep whatever goes wrong in a method from the training it is called in.

    Parameters
    ----------
    method : callable
        Of `Following`.

    Returns
    -------
    guarded : callable
        Returns None where the method fails, says so once, and does nothing from then
        on.
    """

    @functools.wraps(method)
    def careful(self: Following, *given: _P.args, **named: _P.kwargs) -> _T | None:
        if self.is_silent:
            return None
        try:
            return method(self, *given, **named)
        except Exception as error:  # noqa: BLE001 (a forecast must not stop a training)
            self.is_silent = True
            said = printable(f"{type(error).__name__}: {error}", 300)
            tell(
                logging.WARNING,
                f"no forecast of this training any more, which goes on: {said}",
            )
            return None

    return cast("Callable[Concatenate[Following, _P], _T | None]", careful)


class Following:
    """Follows one training from its start to its end.

    Parameters
    ----------
    options : Options
        What is asked.
    is_quiet : bool, default=False
        Whether nothing but warnings is said.

    Attributes
    ----------
    is_silent : bool
        Whether it does nothing any more: on all processes but the first, after its
        end, and after a failure.
    stop_wanted : bool
        Whether the training is to stop.
    """

    def __init__(self, options: Options, *, is_quiet: bool = False) -> None:
        self.is_silent = False
        self.stop_wanted = False
        self._options = options
        self._is_quiet = is_quiet
        self._process = os.getpid()
        self._laps: list[Lap] = []
        self._said: set[str] = set()
        self._doubt: str | None = None
        self._counter: EnergyCounter | None = None
        self._watch = Stopwatch(None)

    @guarded
    def start(self, network: Any, planned_epochs: int | None = None) -> None:
        """Forecast, and open the counters.

        Parameters
        ----------
        network : path, mapping, Keras model or PyTorch module
            What is trained; not kept.
        planned_epochs : int, optional
            How many epochs there will be; by default those of the workload.
        """
        if process_rank() != 0:
            self.is_silent = True
            return
        options = self._options
        options.check()
        if process_count() > 1:
            self._doubt = "several processes trained, and one of them was read"
        self._planned = planned_epochs or options.workload.epochs
        answering = dict(options.answering)
        shapes = tuple(tuple(shape) for shape in options.input_shapes)
        request = Request(
            input_shapes=shapes,
            sequence_length=answering.get("sequence_length"),
            decode=answering.get("decode", False),
        )
        with warnings.catch_warnings():  # of frameworks that describe their models
            warnings.simplefilter("ignore")
            file = read_network(unwrapped(network), request)
        described = file.description or describe_operators(file.architecture)
        self._description: dict[str, Any] = json.loads(json.dumps(described))
        self._forecast: Forecast = forecast_of(
            self._description,
            replace(options.workload, epochs=self._planned),
            {"input_shapes": shapes, **answering},
        )
        self._tell(forecast_sentence(self._forecast.answer))
        for notice in self._forecast.answer.warnings:
            self._tell(notice.message)
        self._budget_at_start()
        self._backend = backend_of(network)
        fitted_on = self._forecast.answer.chosen.model.platform.backend
        if self._backend not in (fitted_on, "unknown"):
            self._tell(
                f"the model was fitted on {fitted_on}, and {self._backend} computes"
            )
        self._device = device_of(self._backend)
        self._counter = self._opened_counter()
        self._watch = Stopwatch(self._counter)
        self._started_at = datetime.now().astimezone()

    @guarded
    def plan(self, epochs: int) -> None:
        """Say how many epochs there will be, where that is another number.

        Parameters
        ----------
        epochs : int
            At least 1.
        """
        if epochs >= 1 and epochs != self._planned:
            self._planned = epochs
            self._tell(forecast_sentence(self._forecast.after(epochs)))

    @guarded
    def begin_epoch(self) -> None:
        """Begin an epoch."""
        self._watch.begin()

    @guarded
    def set_aside(self) -> None:
        """Begin what is no training."""
        self._watch.set_aside()

    @guarded
    def take_up(self) -> None:
        """Go on with training."""
        self._watch.take_up()

    @guarded
    def end_epoch(self, steps: int | None = None) -> None:
        """End an epoch, refine the forecast and hold it against the budgets.

        Parameters
        ----------
        steps : int, optional
            How many steps it had, where that is known.
        """
        lap = self._watch.end()
        if lap is None:
            return
        self._laps.append(lap)
        work = self._options.workload
        expected = -(-work.samples // work.batch_size)
        if steps is not None and steps != expected and self._doubt is None:
            self._doubt = (
                f"an epoch had {steps} steps, and {work.samples} samples in batches of "
                f"{work.batch_size} are {expected}"
            )
            if not self.stop_wanted:
                tell(logging.WARNING, f"that is not what was forecast: {self._doubt}")
        done = len(self._laps)
        if done >= self._planned:
            return
        is_told = done & (done - 1) == 0  # after 1, 2, 4, 8, ... epochs
        if is_told or self._options.budgets is not None:
            answer = self._refined()
            if is_told:
                self._tell(refined_sentence(answer, done, self._planned, self._laps))
            self._budget_after_epoch(answer)

    @guarded
    def finish(self, outcome: str) -> None:
        """Say what it took, and write it down; nothing is done after that.

        Parameters
        ----------
        outcome : {"finished", "failed"}
            Whether the training came to its end.
        """
        if self._process != os.getpid():  # a copy of the process that trains
            self.is_silent = True
            return
        if self._counter is not None:
            self._counter.close()
        if not self._laps:
            self.is_silent = True
            return
        if outcome == "finished" and len(self._laps) < self._planned:
            outcome = "over budget" if self.stop_wanted else "stopped"
        no_energy = self._no_energy()
        actual = Actual(
            laps=self._laps,
            source=None if self._counter is None else self._counter.source,
            no_energy=no_energy,
            hardware=hardware_name(self._device),
            backend=self._backend,
            started_at=self._started_at,
            planned_epochs=self._planned,
            outcome=outcome,
            doubt=self._doubt,
            versions=versions_of(self._backend),
        )
        forecast = self._forecast.after(len(self._laps))
        self._tell(ended_sentence(forecast, actual))
        if self._options.record is not None:
            record = record_of(self._description, forecast, actual)
            append_line(self._options.record, record)
        self.is_silent = True

    def _tell(self, text: str) -> None:
        if not self._is_quiet:
            tell(logging.INFO, printable(text, 1000))

    def _opened_counter(self) -> EnergyCounter | None:
        options = self._options
        if options.energy_counter_j is not None:
            return EnergyCounter(
                source=options.energy_source, read_j=options.energy_counter_j
            )
        if options.tracker is not None:
            return tracker_counter(options.tracker)
        return machine_counter(self._device)

    def _no_energy(self) -> str | None:
        """Say why there is no energy; None where there is."""
        if self._counter is None:
            return "no energy counter can be read"
        if self._watch.trouble is not None:
            return f"the energy counter failed ({self._watch.trouble})"
        energies = [lap.energy_j for lap in self._laps]
        total = sum(one for one in energies if one is not None)
        if None in energies or not 0 < total < float("inf"):
            return "the energy counter did not grow"
        if sum(lap.duration_s for lap in self._laps) < self._counter.shortest_s:
            return (
                f"the training was shorter than the {self._counter.shortest_s:g} s "
                "that the energy counter needs"
            )
        return None

    def _refined(self) -> Estimate:
        """Return the forecast of the whole, with what was measured so far."""
        forecast, laps = self._forecast, self._laps
        level = self._options.confidence_level
        answer = forecast.after(self._planned)
        durations = [lap.duration_s + lap.aside_s for lap in laps]
        answer = replace(
            answer,
            duration_s=refined(durations, self._planned, forecast.duration_s, level),
        )
        if self._no_energy() is None:
            energies = [(lap.energy_j or 0.0) + (lap.aside_j or 0.0) for lap in laps]
            energy = refined(energies, self._planned, forecast.energy_j, level)
            answer = replace(answer, energy_j=energy)
        return answer

    def _budget_at_start(self) -> None:
        if self._options.budgets is None:
            return
        answer = self._forecast.answer
        self._warn(self._options.budgets.exceeded_by(answer))
        if self._options.over_budget == "stop":
            least = replace(
                answer,
                energy_j=answer.energy_j.at_lower_end(),
                duration_s=answer.duration_s and answer.duration_s.at_lower_end(),
            )
            self._stop(self._options.budgets.exceeded_by(least))

    def _budget_after_epoch(self, answer: Estimate) -> None:
        budgets = self._options.budgets
        if budgets is None:
            return
        if self._no_energy() is not None:  # then it is the forecast of the start
            budgets = Budgets(duration_h=budgets.duration_h, on=budgets.on)
        exceeded = budgets.exceeded_by(answer)
        self._warn(exceeded)
        if self._options.over_budget == "stop":
            self._stop(exceeded)

    def _warn(self, sentences: list[str]) -> None:
        for sentence in sentences:
            budget = sentence.partition(" ")[0]
            if budget not in self._said:
                self._said.add(budget)
                tell(logging.WARNING, f"this training: {sentence}")

    def _stop(self, sentences: list[str]) -> None:
        if sentences and not self.stop_wanted:
            self.stop_wanted = True
            tell(
                logging.WARNING,
                f"this training is stopped after {len(self._laps)} epoch(s): "
                f"{'; '.join(sentences)}",
            )
