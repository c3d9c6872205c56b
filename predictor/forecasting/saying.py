"""How a forecast speaks in somebody else's program: rarely, and as it is set up."""

from __future__ import annotations

import contextlib
import logging
import sys

LOGGER = "predictor"


def tell(level: int, text: str) -> None:
    """Say one sentence.

    Parameters
    ----------
    level : int
        Of `logging`, such as ``logging.INFO``.
    text : str
        One line.

    Notes
    -----
    A program that has set up `logging` decides by the level of the logger
    ``predictor``. In one that has not, sentences of level INFO and above stand on
    stderr, unless that logger was given a higher level.
    """
    logger = logging.getLogger(LOGGER)
    if logger.hasHandlers():
        logger.log(level, text)
    elif level >= (logger.level or logging.INFO):
        # A closed stderr is None, and one that nobody reads raises.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"predictor: {text}\n")
            sys.stderr.flush()
