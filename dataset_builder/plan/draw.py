"""How a point of the unit cube becomes sizes and choices."""

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

DIMENSIONS = 32
"""Coordinates of a point: more than any family uses."""

NICE_SHARE = 0.75
"""Share of networks with sizes as people choose them: multiples of 8, powers of 2."""


class Draw:
    """One point of the design; every method uses up one coordinate.

    Parameters
    ----------
    point : iterable of float
        Coordinates in [0, 1).

    Examples
    --------
    >>> draw = Draw([0.0, 0.0, 0.9999])
    >>> draw.choice(["a", "b"]), draw.integer(1, 256), draw.integer(1, 256)
    ('a', 1, 256)
    """

    def __init__(self, point: Iterable[float]) -> None:
        self._coordinates = iter(point)

    def share(self) -> float:
        """Return a number in [0, 1).

        Returns
        -------
        share : float
            The next coordinate.
        """
        return float(next(self._coordinates))

    def flag(self, share: float = 0.5) -> bool:
        """Return True in a share of the cases.

        Parameters
        ----------
        share : float, default=0.5
            The share, from 0 to 1.

        Returns
        -------
        flag : bool
            Whether the coordinate lies below `share`.
        """
        return self.share() < share

    def choice(self, items: Sequence[Item]) -> Item:
        """Return one of several items, each as often; repeat an item to weigh it.

        Parameters
        ----------
        items : sequence
            What to choose from.

        Returns
        -------
        item : object
            One of them.
        """
        return items[int(self.share() * len(items))]

    def integer(self, lowest: int, highest: int) -> int:
        """Return an integer, log-uniform.

        Parameters
        ----------
        lowest, highest : int
            Inclusive limits, at least 1.

        Returns
        -------
        value : int
            The integer.
        """
        low, high = math.log(lowest - 0.5), math.log(highest + 0.5)
        value = round(math.exp(low + (high - low) * self.share()))
        return min(max(value, lowest), highest)

    def size(self, lowest: int, highest: int, *, nice: bool) -> int:
        """Return a log-uniform size, rounded where people round.

        Parameters
        ----------
        lowest, highest : int
            Inclusive limits, at least 1.
        nice : bool
            Whether to round to a power of 2 below 24 and to a multiple of 8 above.

        Returns
        -------
        value : int
            The size.
        """
        value = self.integer(lowest, highest)
        return min(max(nice_size(value), lowest), highest) if nice else value


def nice_size(value: int) -> int:
    """Round a size as people do.

    Parameters
    ----------
    value : int
        A size, at least 1.

    Returns
    -------
    rounded : int
        A power of 2 below 24, a multiple of 8 to 256, of 32 to 1024, else of 128.

    Examples
    --------
    >>> [nice_size(value) for value in (3, 13, 37, 700, 1500)]
    [4, 16, 40, 704, 1536]
    """
    if value < 24:
        return int(2 ** round(math.log2(value)))
    unit = 8 if value <= 256 else 32 if value <= 1024 else 128
    return max(unit, (value + unit // 2) // unit * unit)
