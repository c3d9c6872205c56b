"""The fields of a ``config.json``, read with errors that name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from predictor.architecture import Architecture
from predictor.errors import ArchitectureError
from predictor.readers.request import Request

LARGEST_SIZE = 100_000_000
MOST_BLOCKS = 160
"""The deepest published network that we know, Llama 3.1 405B, has 126."""

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu",
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "quick_gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
"""Keras' names of activations, by Hugging Face's."""


class Config:
    """A configuration, with errors that name the field.

    Parameters
    ----------
    values : mapping
        The parsed JSON.
    where : str, default=""
        Before the names of fields in messages.
    """

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values = values
        self._where = where

    def _error(self, key: str, allowed: str) -> ArchitectureError:
        got = self._values.get(key)
        return ArchitectureError(
            f"config field {self._where + key!r} must be {allowed}, got {got!r:.60}"
        )

    def size(
        self, key: str, default: int | None = None, *, most: int = LARGEST_SIZE
    ) -> int:
        """Return a whole number.

        Parameters
        ----------
        key : str
            Name of the field.
        default : int, optional
            What a missing field or null stands for; without one it is an error.
        most : int, default=LARGEST_SIZE
            The largest that is allowed.

        Returns
        -------
        size : int
            At least 1.

        Raises
        ------
        ArchitectureError
            If the field is missing or no such number.
        """
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not 1 <= value <= most
        ):
            raise self._error(key, f"a whole number from 1 to {most}")
        return value

    def share(self, key: str, default: float) -> float:
        """Return a rate such as that of a dropout.

        Parameters
        ----------
        key : str
            Name of the field.
        default : float
            What a missing field stands for.

        Returns
        -------
        share : float
            From 0 to below 1.

        Raises
        ------
        ArchitectureError
            If the field is no such number.
        """
        value = self._values.get(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 <= value < 1):
            raise self._error(key, "a number from 0 to below 1")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false.

        Parameters
        ----------
        key : str
            Name of the field.
        default : bool
            What a missing field stands for.

        Returns
        -------
        flag : bool
            The value.

        Raises
        ------
        ArchitectureError
            If the field is neither.
        """
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._error(key, "true or false")
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a text.

        Parameters
        ----------
        key : str
            Name of the field.
        default : str, default=""
            What a missing field stands for.

        Returns
        -------
        text : str
            The value.

        Raises
        ------
        ArchitectureError
            If the field is no text.
        """
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._error(key, "text")
        return value

    def activation(self, key: str, default: str) -> str:
        """Return Keras' name of an activation.

        Parameters
        ----------
        key : str
            Name of the field.
        default : str
            What a missing field stands for.

        Returns
        -------
        activation : str
            As Keras calls it.

        Raises
        ------
        ArchitectureError
            If it is not known.
        """
        name = self.text(key, default)
        if name not in ACTIVATIONS:
            raise self._error(key, f"one of {', '.join(ACTIVATIONS)}")
        return ACTIVATIONS[name]

    def inside(self, key: str) -> Config:
        """Return a configuration inside this one.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        config : Config
            Empty where there is none.

        Raises
        ------
        ArchitectureError
            If the field is no object.
        """
        value = self._values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise self._error(key, "an object")
        return Config(value, f"{self._where}{key}.")

    def labels(self) -> int:
        """Return how many classes a classifier tells apart.

        Returns
        -------
        labels : int
            Two where the configuration does not say.

        Raises
        ------
        ArchitectureError
            If the field is no list or object.
        """
        named = self._values.get("id2label")
        if named is None:
            return self.size("num_labels", 2)
        if not isinstance(named, Mapping | list) or not named:
            raise self._error("id2label", "an object that is not empty")
        return len(named)

    def head(self, allowed: Sequence[str]) -> str:
        """Return what stands on top of the network.

        Parameters
        ----------
        allowed : sequence of str
            Ends of class names; ``"Model"`` means nothing.

        Returns
        -------
        head : str
            One of `allowed`.

        Raises
        ------
        ArchitectureError
            If the first of ``architectures`` ends like none of them.
        """
        written = self._values.get("architectures") or [allowed[0]]
        first = written[0] if isinstance(written, list) else written
        for head in allowed:
            if isinstance(first, str) and first.endswith(head):
                return head
        raise self._error("architectures", f"a class that ends in {', '.join(allowed)}")


Family = Callable[[Config, Request, str], Architecture]
"""Builds a network from its fields, for a request; also told its ``model_type``."""
