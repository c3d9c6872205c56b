"""What a sweep asks of the hosts that measure, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from dataset_builder.settings import Backend, Device, trial_variables
from dataset_builder.trial.trials import Outcome, TrialRunner, trial_server
from dataset_builder.trial.worker import TrialOrder
from predictor.hardware import usable_cores

Variables = Mapping[str, str | None]
Serve = Callable[[Callable[[str], Variables]], AbstractContextManager[TrialRunner]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationJob:
    """What a host is asked to measure with; the same for all hosts of a sweep.

    Parameters
    ----------
    backend : {"jax", "torch", "tensorflow"}
        Keras backend.
    device : {"cpu", "gpu"}
        What computes.
    dataset : str
        Name of the data set, for the rows.
    require_counter : bool, default=False
        Refuse where energy would only be modelled.
    serve : callable, default=trial_server
        Starts what runs the trials.
    """

    backend: Backend
    device: Device
    dataset: str
    require_counter: bool = False
    serve: Serve = trial_server

    @property
    def platform(self) -> str:
        """Device and backend, as identities name them."""
        return f"{self.device}/{self.backend}"

    def variables(self, home: str) -> Variables:
        """Return the environment variables of all trials.

        Parameters
        ----------
        home : str
            An empty directory that stands in for the home directory.

        Returns
        -------
        variables : mapping of str to str or None
            What to set and what to remove.
        """
        return trial_variables(
            backend=self.backend,
            device=self.device,
            home=home,
            threads=usable_cores(),
        )

    def fields(self, dtype: str) -> dict[str, object]:
        """Return what a row says of the place, whichever host measures it.

        Parameters
        ----------
        dtype : str
            Dtype of the computation.

        Returns
        -------
        fields : dict
            JSON values.
        """
        return {
            "backend": self.backend,
            "platform": f"{self.platform}/{dtype}",
            "source_dataset": self.dataset,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that a host has measured.

    Parameters
    ----------
    kind : {"row", "anchor", "idle", "selftest"}
        What it is.
    host : str
        The host.
    order : TrialOrder
        What was asked for.
    outcome : Outcome
        The row, or why there is none.
    """

    kind: Literal["row", "anchor", "idle", "selftest"]
    host: str
    order: TrialOrder
    outcome: Outcome


class Executor(Protocol):
    """Anything that measures orders: this host, or a cluster of hosts."""

    def run(self, orders: Iterator[TrialOrder]) -> Iterator[Record]:
        """Measure orders until there are none, then close.

        Parameters
        ----------
        orders : iterator of TrialOrder
            Asked for the next one when a host is free.

        Yields
        ------
        record : Record
            As it is measured.
        """
        ...
