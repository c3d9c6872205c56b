"""Any training loop, followed from its first epoch to its last."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from predictor.budgets import Budgets
from predictor.forecasting.following import Following
from predictor.forecasting.options import Options
from predictor.hardware import MODELLED
from predictor.workload import Workload

_T = TypeVar("_T")


def forecast(
    network: Any,
    *,
    workload: Workload,
    input_shapes: Sequence[Sequence[int]] = (),
    record: str | os.PathLike[str] | None = None,
    budgets: Budgets | None = None,
    over_budget: str = "warn",
    energy_counter_j: Callable[[], float] | None = None,
    energy_source: str = MODELLED,
    tracker: Any = None,
    **answering: Any,
) -> ForecastLoop:
    """Forecast a training in its script, and record what it really took.

    Parameters
    ----------
    network : path, mapping, Keras model or PyTorch module
        As of `predictor.estimate`.
    workload : Workload
        What is done.
    input_shapes : sequence of sequence of int, default=()
        Shape of each input without the batch axis; needed of a PyTorch module.
    record : path, optional
        File to which one line, forecast and actual, is appended at the end.
    budgets : Budgets, optional
        Limits of what the whole training may take.
    over_budget : {"warn", "stop"}, default="warn"
        Above a budget: say so, or end the epochs too.
    energy_counter_j : callable, optional
        Returns J since any moment; by default this machine's counters are read, where
        they can be.
    energy_source : str, default="modelled"
        Meter behind `energy_counter_j`, such as ``"wall"``.
    tracker : object, optional
        A CodeCarbon tracker in use, to read energy from; it counts as modelled.
    **answering : object
        Other arguments of `predictor.estimate`, such as `model` or `region`.

    Returns
    -------
    loop : ForecastLoop
        To be entered, and asked for its `epochs`.

    Notes
    -----
    Nothing in here stops the training: what fails is said once, and that is all. Only
    the first of several processes does anything. Times of a GPU are right where each
    epoch ends with a number that the program waits for, such as the loss.

    Examples
    --------
    >>> with forecast("net.json", workload=Workload(epochs=3)) as run:
    ...     for epoch in run.epochs(range(3)):
    ...         pass  # train
    """
    options = Options(
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
    return ForecastLoop(network, options)


class ForecastLoop:
    """A loop over epochs that is followed.

    Parameters
    ----------
    network : path, mapping, Keras model or PyTorch module
        What is trained.
    options : Options
        What is asked.
    """

    def __init__(self, network: Any, options: Options) -> None:
        self._network = network
        self._following = Following(options)

    def __enter__(self) -> ForecastLoop:
        self._following.start(self._network)
        self._network = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._following.finish("finished" if kind is None else "failed")

    @property
    def stop_wanted(self) -> bool:
        """Whether a budget asks for the end of the training."""
        return self._following.stop_wanted

    def epochs(self, iterable: Iterable[_T]) -> Iterator[_T]:
        """Go through epochs; after one that a budget ends, there is no other.

        Parameters
        ----------
        iterable : iterable
            Such as ``range(10)``; its length, where it has one, is how many there
            will be.

        Yields
        ------
        epoch : object
            From the iterable. An epoch that is left by ``break`` is not counted.
        """
        following = self._following
        if isinstance(iterable, Sized):
            following.plan(len(iterable))
        if self.stop_wanted:
            return
        for epoch in iterable:
            following.begin_epoch()
            yield epoch
            following.end_epoch()
            if following.stop_wanted:
                return

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave out what is no training, such as validation.

        Yields
        ------
        nothing : None
            Time and energy until the end are not those of the epoch's steps.
        """
        self._following.set_aside()
        try:
            yield
        finally:
            self._following.take_up()
