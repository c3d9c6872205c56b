"""Exact counts of what a network computes, for one sample."""

from predictor.counting.approximation import OnUnknown
from predictor.counting.counts import LayerCount, NetworkCount
from predictor.counting.network import count_network
from predictor.counting.rules import rules_beside

__all__ = [
    "LayerCount",
    "NetworkCount",
    "OnUnknown",
    "count_network",
    "known_kinds",
]


def known_kinds() -> tuple[str, ...]:
    """Return the layer kinds that have a counting rule.

    Returns
    -------
    kinds : tuple of str
        Keras' class names in alphabetical order; operations of functional graphs
        are named like ``"ops.Add"``. Nested networks are walked and not listed.

    Examples
    --------
    >>> "Conv2D" in known_kinds()
    True
    """
    return tuple(sorted([*rules_beside(""), *rules_beside("onnx.")]))
