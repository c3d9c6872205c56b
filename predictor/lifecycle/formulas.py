"""The formulas of the paper's life-cycle model."""

import math
from collections.abc import Iterable

from predictor.errors import UsageError


def training_energy_j(
    inference_energy_j: float, *, samples: float, epochs: float, overhead: float
) -> float:
    """Return the energy of a training from that of an inference.

    Parameters
    ----------
    inference_energy_j : float
        Energy of one inference in J.
    samples : float
        Samples in one epoch.
    epochs : float
        Passes over the samples.
    overhead : float
        Energy of loss, back-propagation and update over that of the forward pass.

    Returns
    -------
    training_energy_j : float
        Energy in J.

    Notes
    -----
    ``T = I * D * E * (1 + o)`` of Gitzel et al. 2023. Energy that does not depend on
    the work, such as compiling, is not part of it.

    Examples
    --------
    >>> training_energy_j(2.0, samples=100, epochs=3, overhead=4.0)
    3000.0
    """
    return inference_energy_j * samples * epochs * (1.0 + overhead)


def training_overhead(training_energy_j: float, *, inference_energy_j: float) -> float:
    """Return the overhead of training over inference on the same samples.

    Parameters
    ----------
    training_energy_j : float
        Energy of training on some samples in J.
    inference_energy_j : float
        Energy of inference on as many samples in J, above 0.

    Returns
    -------
    overhead : float
        Energy of loss, back-propagation and update over that of the forward pass.

    Raises
    ------
    UsageError
        If the energy of inference is not above 0.

    Notes
    -----
    ``o`` of Gitzel et al. 2023, who saw about 4 for large networks.

    Examples
    --------
    >>> training_overhead(50.0, inference_energy_j=10.0)
    4.0
    """
    if not inference_energy_j > 0:
        raise UsageError(
            f"the energy of inference must be above 0 J, got {inference_energy_j!r}"
        )
    return training_energy_j / inference_energy_j - 1.0


def overhead_share(overhead: float) -> float:
    """Return the overhead of training as a share of the energy of training.

    Parameters
    ----------
    overhead : float
        Energy of loss, back-propagation and update over that of the forward pass.

    Returns
    -------
    share : float
        The same energy over that of the whole training.

    Examples
    --------
    >>> overhead_share(4.0)
    0.8
    """
    return overhead / (1.0 + overhead)


def search_energy_j(training_energies_j: Iterable[float]) -> float:
    """Return the energy of an architecture search.

    Parameters
    ----------
    training_energies_j : iterable of float
        Energy of each training tried in J.

    Returns
    -------
    search_energy_j : float
        Their sum in J; 0 without any.

    Notes
    -----
    ``CT`` of Gitzel et al. 2023.

    Examples
    --------
    >>> search_energy_j([100.0, 200.0, 50.0])
    350.0
    """
    return math.fsum(training_energies_j)


def lifecycle_energy_j(
    *,
    search_energy_j: float = 0.0,
    training_energy_j: float,
    inference_energy_j: float,
    inferences: float,
) -> float:
    """Return the energy of a network over its life.

    Parameters
    ----------
    search_energy_j : float, default=0.0
        Energy of the architecture search in J.
    training_energy_j : float
        Energy of the final training in J.
    inference_energy_j : float
        Energy of one inference in J.
    inferences : float
        Inferences over the network's life.

    Returns
    -------
    lifecycle_energy_j : float
        IT energy in J.

    Notes
    -----
    ``EC = CT + T + e * I`` of Gitzel et al. 2023. There the power usage effectiveness
    is part of ``I`` and so scales every term alike; here it is applied once, to the
    result, by `predictor.carbon.facility_energy_j` or `emissions_gco2e`.

    Examples
    --------
    >>> lifecycle_energy_j(
    ...     search_energy_j=500.0,
    ...     training_energy_j=100.0,
    ...     inference_energy_j=0.5,
    ...     inferences=1000,
    ... )
    1100.0
    """
    return search_energy_j + training_energy_j + inferences * inference_energy_j


def break_even_inferences(
    invested_energy_j: float, *, inference_energy_j: float
) -> float:
    """Return after how many inferences use has taken as much as was invested.

    With the difference of two networks in both arguments, it is the number of
    inferences from which on the more thrifty one has paid for its training.

    Parameters
    ----------
    invested_energy_j : float
        Energy spent once, such as that of search and training, in J.
    inference_energy_j : float
        Energy taken, or saved, by one inference in J, above 0.

    Returns
    -------
    inferences : float
        The number, not rounded; 0 where nothing was invested.

    Raises
    ------
    UsageError
        If the energy of an inference is not above 0.

    Examples
    --------
    >>> break_even_inferences(600.0, inference_energy_j=0.5)
    1200.0
    """
    if not inference_energy_j > 0:
        raise UsageError(
            f"the energy of an inference must be above 0 J, got {inference_energy_j!r}"
        )
    return max(invested_energy_j, 0.0) / inference_energy_j


def static_share(idle_power_w: float, *, duration_s: float, energy_j: float) -> float:
    """Return the part of an energy that would be drawn without computing.

    Parameters
    ----------
    idle_power_w : float
        Power of the idle machine in W.
    duration_s : float
        How long the work takes in s.
    energy_j : float
        IT energy of the work in J, above 0.

    Returns
    -------
    share : float
        Static energy over all energy; the rest is dynamic. Above 1 where the idle
        power exceeds the mean power of the work, and so cannot be right.

    Raises
    ------
    UsageError
        If the energy is not above 0.

    Examples
    --------
    >>> static_share(20.0, duration_s=10.0, energy_j=250.0)
    0.8
    """
    if not energy_j > 0:
        raise UsageError(f"the energy must be above 0 J, got {energy_j!r}")
    return idle_power_w * duration_s / energy_j
