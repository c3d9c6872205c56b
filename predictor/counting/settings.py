"""Checked access to a layer's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from predictor.errors import ArchitectureError
from predictor.workload import LARGEST_COUNT


@dataclass(frozen=True, slots=True)
class Settings:
    """A layer's configuration, with errors that name layer and key.

    Parameters
    ----------
    layer : str
        The layer's name, for messages.
    values : mapping of str to object
        The configuration as written; a key left out has the default that the rule
        names, which is Keras'.

    Examples
    --------
    >>> settings = Settings("conv", {"filters": 8, "strides": 2})
    >>> settings.integer("filters"), settings.sizes("strides", axes=2, default=1)
    (8, (2, 2))
    >>> Settings("conv", {"filters": True}).integer("filters")
    Traceback (most recent call last):
    predictor.errors.ArchitectureError: layer 'conv': 'filters' must be an integer...
    """

    layer: str
    values: Mapping[str, object]

    def error(self, message: str) -> ArchitectureError:
        """Return an error that names this layer.

        Parameters
        ----------
        message : str
            What is wrong, and what is allowed.

        Returns
        -------
        error : ArchitectureError
            To be raised by the caller.
        """
        return ArchitectureError(f"layer {self.layer!r}: {message}")

    def _checked(self, key: str, value: object, smallest: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"{key!r} must be an integer, got {value!r:.60}")
        if not smallest <= value <= LARGEST_COUNT:
            raise self.error(
                f"{key!r} must be {smallest} to 2**63-1, got {str(value)[:30]}"
            )
        return value

    def integer(
        self, key: str, default: int | None = None, *, smallest: int = 1
    ) -> int:
        """Return an integer setting.

        Parameters
        ----------
        key : str
            Configuration key.
        default : int, optional
            Value where the key is left out; without one the key is required.
        smallest : int, default=1
            Smallest value allowed.

        Returns
        -------
        value : int
            The setting.

        Raises
        ------
        ArchitectureError
            If it is missing, no integer or out of range.
        """
        value = self.values.get(key)
        if value is None:
            if default is None:
                raise self.error(f"setting {key!r} is missing")
            return default
        return self._checked(key, value, smallest)

    def sizes(
        self, key: str, *, axes: int, default: int | None = None, smallest: int = 1
    ) -> tuple[int, ...]:
        """Return a setting of one integer per axis; a single one stands for all.

        Parameters
        ----------
        key : str
            Configuration key.
        axes : int
            Number of axes.
        default : int, optional
            Value of every axis where the key is left out.
        smallest : int, default=1
            Smallest value allowed.

        Returns
        -------
        values : tuple of int, length `axes`
            The setting.

        Raises
        ------
        ArchitectureError
            If it is missing, of another length, no integers or out of range.
        """
        value = self.values.get(key)
        if not isinstance(value, list | tuple):
            return (self.integer(key, default, smallest=smallest),) * axes
        if len(value) != axes:
            raise self.error(f"{key!r} must have {axes} numbers, got {value!r:.60}")
        return tuple(self._checked(key, item, smallest) for item in value)

    def flag(self, key: str, default: bool) -> bool:
        """Return a true-or-false setting.

        Parameters
        ----------
        key : str
            Configuration key.
        default : bool
            Value where the key is left out.

        Returns
        -------
        value : bool
            The setting.

        Raises
        ------
        ArchitectureError
            If it is neither true nor false.
        """
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(f"{key!r} must be true or false, got {value!r:.60}")
        return value

    def text(
        self, key: str, default: str, *, allowed: tuple[str, ...] | None = None
    ) -> str:
        """Return a text setting.

        Parameters
        ----------
        key : str
            Configuration key.
        default : str
            Value where the key is left out.
        allowed : tuple of str, optional
            The values allowed; any where left out.

        Returns
        -------
        value : str
            The setting.

        Raises
        ------
        ArchitectureError
            If it is no text or not allowed.
        """
        value = self.values.get(key)
        if value is None:
            value = default
        if not isinstance(value, str):
            raise self.error(f"{key!r} must be text, got {value!r:.60}")
        if allowed is not None and value not in allowed:
            raise self.error(
                f"{key!r} must be one of {', '.join(allowed)}; got {value!r:.60}"
            )
        return value

    def raw(self, key: str) -> object:
        """Return a setting unchecked, None where it is left out.

        Parameters
        ----------
        key : str
            Configuration key.

        Returns
        -------
        value : object
            The JSON value.
        """
        return self.values.get(key)
