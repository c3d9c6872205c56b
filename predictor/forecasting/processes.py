"""Which of several processes that train together this one is."""

from __future__ import annotations

import os
from collections.abc import Mapping

_RANKS = (
    *("RANK", "JAX_PROCESS_ID", "OMPI_COMM_WORLD_RANK"),
    *("PMIX_RANK", "PMI_RANK", "SLURM_PROCID"),
)
_SIZES = ("WORLD_SIZE", "JAX_NUM_PROCESSES", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS")
"""As torchrun, JAX, Open MPI, PMI and Slurm set them, the most particular first."""


def process_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return this process's number among those that train together.

    Parameters
    ----------
    environment : mapping of str to str, optional
        Environment variables; by default those of the process.

    Returns
    -------
    rank : int
        0 where nothing says otherwise.

    Examples
    --------
    >>> process_rank({"RANK": "3", "SLURM_PROCID": "0"}), process_rank({})
    (3, 0)
    """
    return _first_number(environment, _RANKS, 0)


def process_count(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes train together.

    Parameters
    ----------
    environment : mapping of str to str, optional
        Environment variables; by default those of the process.

    Returns
    -------
    processes : int
        1 where nothing says otherwise.

    Examples
    --------
    >>> process_count({"WORLD_SIZE": "8"}), process_count({})
    (8, 1)
    """
    return _first_number(environment, _SIZES, 1)


def _first_number(
    environment: Mapping[str, str], names: tuple[str, ...], default: int
) -> int:
    for name in names:
        value = environment.get(name, "")
        if value.isascii() and value.isdecimal():
            return int(value)
    return default
