"""What can be changed about a job, and what it is asked with then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from predictor.answer import Estimate
from predictor.errors import UsageError
from predictor.estimation import estimate
from predictor.freezing import parsed_frozen
from predictor.workload import Workload

MOST_VALUES = 100
"""Values of one lever that are tried at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What `predictor.estimate` is asked.

    Parameters
    ----------
    network : path, mapping, Keras model or PyTorch module
        As `predictor.estimate` takes it.
    workload : Workload
        What is done.
    arguments : mapping of str to object
        Its other arguments.
    """

    network: Any
    workload: Workload
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def ask(self) -> Estimate:
        """Return the answer.

        Returns
        -------
        answer : Estimate
            Of this question.
        """
        return estimate(self.network, workload=self.workload, **self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A lever and the value it is set to.

    Parameters
    ----------
    lever : str
        One of `LEVERS`.
    value : int, float or str
        What it is set to.

    Examples
    --------
    >>> str(Change(lever="batch-size", value=64))
    'batch-size=64'
    """

    lever: str
    value: float | str

    def __str__(self) -> str:
        return f"{self.lever}={self.value}"

    def applied(self, question: Question) -> Question:
        """Return the question with this lever set.

        Parameters
        ----------
        question : Question
            What is asked without it.

        Returns
        -------
        question : Question
            The same with this one thing changed.
        """
        name = LEVERS[self.lever].argument
        if name in Workload.__dataclass_fields__:
            changed: dict[str, Any] = {name: self.value}
            return replace(question, workload=replace(question.workload, **changed))
        undone = LEVERS[self.lever].undoes
        arguments = {**question.arguments, **dict.fromkeys(undone), name: self.value}
        return replace(question, arguments=arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """How a lever is named where it acts.

    Parameters
    ----------
    argument : str
        Field of `Workload`, or argument of `predictor.estimate`.
    kind : callable
        Makes a value of its text, or raises ValueError.
    undoes : tuple of str
        Arguments that would go before it.
    """

    argument: str
    kind: Callable[[str], float | str] = str
    undoes: tuple[str, ...] = ()


LEVERS: Mapping[str, Lever] = {
    "batch-size": Lever(argument="batch_size", kind=int),
    "epochs": Lever(argument="epochs", kind=int),
    "samples": Lever(argument="samples", kind=int),
    "mode": Lever(argument="mode"),
    "optimizer": Lever(argument="optimizer"),
    "dtype": Lever(argument="dtype"),
    "frozen": Lever(argument="frozen", kind=parsed_frozen),
    "region": Lever(argument="region", undoes=("carbon_intensity_g_per_kwh",)),
    "carbon-intensity": Lever(argument="carbon_intensity_g_per_kwh", kind=float),
    "pue": Lever(argument="pue", kind=float),
    "price": Lever(argument="price_per_kwh", kind=float),
    "hardware": Lever(argument="hardware", undoes=("model",)),
    "model": Lever(argument="model", undoes=("hardware",)),
}
"""By the name that users write."""

_TAKES: Mapping[object, str] = {int: "a whole number", float: "a number"}


def parsed_changes(texts: Sequence[str]) -> list[Change]:
    """Read changes as users write them.

    Parameters
    ----------
    texts : sequence of str
        Such as ``"batch-size=16,64"``.

    Returns
    -------
    changes : list of Change
        In the order written.

    Raises
    ------
    UsageError
        If a text is no lever with values of its kind.

    Examples
    --------
    >>> [str(change) for change in parsed_changes(["batch-size=16,64", "region=SWE"])]
    ['batch-size=16', 'batch-size=64', 'region=SWE']
    """
    changes = []
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("_", "-")
        if name not in LEVERS or not equals:
            raise UsageError(
                f"{text!r:.60} is no lever with values, such as batch-size=16,64; "
                f"levers are {', '.join(LEVERS)}"
            )
        for value in values.split(","):
            changes.append(Change(lever=name, value=_parsed(name, value.strip())))
    if len(changes) > MOST_VALUES:
        raise UsageError(
            f"{len(changes)} values are to be tried; at most {MOST_VALUES} at once"
        )
    return changes


def _parsed(name: str, value: str) -> float | str:
    kind = LEVERS[name].kind
    try:
        if value:
            return kind(value)
    except UsageError:  # it says itself what is wrong
        raise
    except ValueError:
        pass
    raise UsageError(
        f"the lever {name} takes {_TAKES.get(kind, 'a name')}, got {value!r:.60}"
    )
