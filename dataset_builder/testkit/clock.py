"""A clock that only goes when it is told to."""

from __future__ import annotations


class FakeClock:
    """Time that passes by sleeping.

    Parameters
    ----------
    now_s : float, default=0.0
        Where it starts, in s.

    Examples
    --------
    >>> clock = FakeClock()
    >>> clock.sleep(1.5)
    >>> clock()
    1.5
    """

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        """Return the time now.

        Returns
        -------
        now_s : float
            In s.
        """
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let time pass.

        Parameters
        ----------
        seconds : float
            How much, in s.
        """
        self.now_s += seconds
