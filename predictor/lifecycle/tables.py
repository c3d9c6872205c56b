"""Tables of a description: which keys they may have, and what the values must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from predictor.errors import InputFileError

LARGEST_COUNT = 2**63 - 1
SMALLEST, LARGEST = 1e-30, 1e30
"""Of numbers that must be above 0: sums and quotients of such stay finite."""


class Table:
    """A table of a description, with its place for messages.

    Parameters
    ----------
    value : object
        What was parsed; must be a mapping with text as keys.
    where : str
        File and keys that lead here.
    known : collection of str, optional
        Keys it may have; any where left out.

    Raises
    ------
    InputFileError
        If it is no table, or has a key that is not known; a similar one is named.

    Examples
    --------
    >>> table = Table({"epochs": 3}, "a.toml: training", known=("epochs", "samples"))
    >>> table.count("epochs"), table.count("samples", default=7)
    (3, 7)
    >>> Table({"epoch": 3}, "a.toml: training", known=("epochs", "samples"))
    Traceback (most recent call last):
    predictor.errors.InputFileError: a.toml: training: 'epoch' is no key ...
    """

    def __init__(
        self, value: object, where: str, known: Collection[str] | None = None
    ) -> None:
        self.where = where
        if not isinstance(value, Mapping):
            raise self.wrong(f"must be a table, got {value!r:.60}")
        for key in value:
            if not isinstance(key, str):
                raise self.wrong(f"a key must be text, got {key!r:.60}")
            if known is not None and key not in known:
                similar = get_close_matches(key, known, n=1)
                meant = f"; do you mean {similar[0]!r}?" if similar else "."
                raise self.wrong(
                    f"{key!r:.60} is no key that can stand here{meant} "
                    f"Allowed are {', '.join(sorted(known))}"
                )
        self.content: Mapping[str, object] = value

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def wrong(self, message: str) -> InputFileError:
        """Return an error that says where it is.

        Parameters
        ----------
        message : str
            What is wrong.

        Returns
        -------
        error : InputFileError
            To be raised.
        """
        return InputFileError(f"{self.where}: {message}")

    def inside(self, key: str, known: Collection[str] | None = None) -> Table:
        """Return a table in this one, empty where there is none.

        Parameters
        ----------
        key : str
            Its key.
        known : collection of str, optional
            Keys it may have.

        Returns
        -------
        table : Table
            With its place.
        """
        return Table(self.content.get(key, {}), f"{self.where}.{key:.60}", known)

    def number(self, key: str, *, least: float = 0.0) -> float | None:
        """Return a finite number.

        Parameters
        ----------
        key : str
            Its key.
        least : float, default=0.0
            The smallest that is allowed.

        Returns
        -------
        number : float or None
            None where there is none.
        """
        value = self.content.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(f"{key} must be a number, got {value!r:.60}")
        if not least <= value <= LARGEST:
            raise self.wrong(
                f"{key} must be a finite number of at least {least:g} and at most "
                f"{LARGEST:g}, got {value!r:.60}"
            )
        return float(value)

    def positive(self, key: str) -> float | None:
        """Return a finite number above 0.

        Parameters
        ----------
        key : str
            Its key.

        Returns
        -------
        number : float or None
            None where there is none.
        """
        value = self.number(key)
        if value is not None and value < SMALLEST:
            raise self.wrong(
                f"{key} must be above 0, at least {SMALLEST:g}; got {value:g}"
            )
        return value

    def count(self, key: str, *, least: int = 1, default: int | None = None) -> int:
        """Return a whole number; a power of ten such as 1e9 is one.

        Parameters
        ----------
        key : str
            Its key.
        least : int, default=1
            The smallest that is allowed.
        default : int, optional
            Where there is none; without it there must be one.

        Returns
        -------
        count : int
            At most 2**63 - 1.
        """
        value = self.content.get(key, default)
        if value is None:
            raise self.wrong(f"{key} is missing")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(f"{key} must be a whole number, got {value!r:.60}")
        if not least <= value <= LARGEST_COUNT:
            shown = f"{value:.3g}" if abs(value) < 10**300 else "more"
            raise self.wrong(f"{key} must be {least} to 2**63-1, got {shown}")
        return value

    def sizes(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers.

        Parameters
        ----------
        key : str
            Its key.

        Returns
        -------
        sizes : tuple of int
            Each at least 1.
        """
        value = self.content.get(key)
        listed = value if isinstance(value, list | tuple) else [value]
        inside = Table(
            {str(place): one for place, one in enumerate(listed, 1)},
            f"{self.where}.{key}",
        )
        return tuple(inside.count(place) for place in inside.content)

    def text(self, key: str) -> str | None:
        """Return a text that is not empty.

        Parameters
        ----------
        key : str
            Its key.

        Returns
        -------
        text : str or None
            None where there is none.
        """
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{key} must be text, got {value!r:.60}")
        return value
