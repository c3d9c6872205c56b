"""The energy of a network over its life: search, training and use."""

from predictor.lifecycle.formulas import (
    break_even_inferences,
    lifecycle_energy_j,
    overhead_share,
    search_energy_j,
    static_share,
    training_energy_j,
    training_overhead,
)

__all__ = [
    "break_even_inferences",
    "lifecycle_energy_j",
    "overhead_share",
    "search_energy_j",
    "static_share",
    "training_energy_j",
    "training_overhead",
]
