"""Callbacks for training frameworks, none of which is imported."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from predictor.budgets import Budgets
from predictor.forecasting import Following, Options
from predictor.hardware import MODELLED
from predictor.workload import Workload

_QUIET = 0
"""What Keras' `verbose` is where nothing is to be shown."""

_KEPT_BATCHES = 1000
"""More than its threads can be ahead of each other."""


def _no_work(*given: Any, **named: Any) -> None:
    """Do nothing: Keras calls every hook there is.

    Parameters
    ----------
    *given, **named : object
        Not used.
    """


class KerasForecast:
    """A callback of Keras 3 that forecasts a training and records what it took.

    Parameters
    ----------
    workload : Workload
        What is done; the number of epochs is taken from ``fit``.
    input_shapes : sequence of sequence of int, default=()
        Shape of each input without the batch axis, where the model leaves sizes open.
    record : path, optional
        File to which one line, forecast and actual, is appended at the end.
    budgets : Budgets, optional
        Limits of what the whole training may take.
    over_budget : {"warn", "stop"}, default="warn"
        Above a budget: say so, or stop the training too.
    energy_counter_j : callable, optional
        Returns J since any moment; by default this machine's counters are read, where
        they can be.
    energy_source : str, default="modelled"
        Meter behind `energy_counter_j`, such as ``"wall"``.
    tracker : object, optional
        A CodeCarbon tracker in use, to read energy from; it counts as modelled.
    **answering : object
        Other arguments of `predictor.estimate`, such as `model` or `region`.

    Notes
    -----
    Nothing in here stops a training but a budget that was asked to. Only the first of
    several processes does anything. ``fit(verbose=0)`` leaves warnings alone. What is
    done in validation is set aside. Keras does not tell its callbacks of an error:
    then the line is written when the callback is let go of, at the latest when the
    program ends.
    """

    async_safe = True
    """So that Keras need not wait for it: of a batch, the number is kept."""

    on_batch_begin = on_batch_end = staticmethod(_no_work)
    on_train_batch_begin = staticmethod(_no_work)
    on_test_batch_begin = on_test_batch_end = staticmethod(_no_work)
    on_predict_begin = on_predict_end = staticmethod(_no_work)
    on_predict_batch_begin = on_predict_batch_end = staticmethod(_no_work)

    def __init__(
        self,
        workload: Workload,
        *,
        input_shapes: Sequence[Sequence[int]] = (),
        record: str | os.PathLike[str] | None = None,
        budgets: Budgets | None = None,
        over_budget: str = "warn",
        energy_counter_j: Callable[[], float] | None = None,
        energy_source: str = MODELLED,
        tracker: Any = None,
        **answering: Any,
    ) -> None:
        self._options = Options(
            workload=workload,
            input_shapes=input_shapes,
            record=record,
            budgets=budgets,
            over_budget=over_budget,
            energy_counter_j=energy_counter_j,
            energy_source=energy_source,
            tracker=tracker,
            answering=answering,
        )
        self.params: Mapping[str, Any] = {}
        self.model: Any = None
        self._following: Following | None = None
        self._last: Any = None
        self._batches: deque[int] = deque(maxlen=_KEPT_BATCHES)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Take what ``fit`` was given.

        Parameters
        ----------
        params : mapping
            ``verbose``, ``epochs`` and ``steps``.
        """
        self.params = params or {}

    def set_model(self, model: Any) -> None:
        """Take the model.

        Parameters
        ----------
        model : keras.Model
            What is trained.
        """
        self.model = model

    def on_train_begin(self, logs: object = None) -> None:
        """Get ready; how many epochs there are is known with the first.

        Parameters
        ----------
        logs : object, optional
            Not used.
        """
        if self._last is not None:
            self._last()  # a training before that failed
        self._following = None

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Forecast before the first epoch, and begin to measure.

        Parameters
        ----------
        epoch : int
            Its number, from 0; from a later one where a training is resumed.
        logs : object, optional
            Not used.
        """
        if self._following is None:
            self._begin(epoch)
        assert self._following is not None
        self._batches.clear()
        if self._following.stop_wanted:
            self.model.stop_training = True
        self._following.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Keep the number of the batch.

        Parameters
        ----------
        batch : int
            From 0.
        logs : object, optional
            Not used.
        """
        self._batches.append(batch)

    def on_test_begin(self, logs: object = None) -> None:
        """Set validation aside.

        Parameters
        ----------
        logs : object, optional
            Not used.
        """
        if self._following is not None:
            self._following.set_aside()

    def on_test_end(self, logs: object = None) -> None:
        """Go on with training.

        Parameters
        ----------
        logs : object, optional
            Not used.
        """
        if self._following is not None:
            self._following.take_up()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Measure, refine, and stop the training over a budget that asks for it.

        Parameters
        ----------
        epoch : int
            Its number, from 0.
        logs : object, optional
            Not used.
        """
        if self._following is None:
            return
        # Keras may have several threads that tell of batches, in any order.
        steps = max(self._batches) + 1 if self._batches else None
        self._following.end_epoch(steps)
        if self._following.stop_wanted:
            self.model.stop_training = True

    def on_train_end(self, logs: object = None) -> None:
        """Record what it took.

        Parameters
        ----------
        logs : object, optional
            Not used.
        """
        if self._following is not None:
            self._following.finish("finished")
            self._last.detach()
        self._following = self._last = None

    def _begin(self, epoch: int) -> None:
        following = Following(
            self._options, is_quiet=self.params.get("verbose") == _QUIET
        )
        total = self.params.get("epochs")
        planned = total - epoch if isinstance(total, int) and total > epoch else None
        following.start(self.model, planned)
        self._following = following
        self._last = weakref.finalize(self, following.finish, "failed")
