"""What is done with a network, independent of the network."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from predictor.errors import WorkloadError

Mode = Literal["training", "inference"]

MODES: tuple[Mode, ...] = get_args(Mode)
BYTES_PER_ELEMENT = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
"""Storage size of one element, by dtype of the computation."""

OPTIMIZER_SLOTS = {
    "sgd": 0,
    "momentum": 1,
    "rmsprop": 1,
    "adagrad": 1,
    "adam": 2,
    "adamw": 2,
    "adamax": 2,
    "nadam": 2,
    "radam": 2,
    "adadelta": 2,
    "ftrl": 2,
    "lion": 1,
    "rprop": 2,
    "asgd": 1,
    "sparseadam": 2,
}
"""State tensors each optimizer keeps per weight, each read and written once a step."""

LARGEST_COUNT = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A training or inference job.

    Parameters
    ----------
    mode : {"training", "inference"}, default="training"
        Whether gradients are computed.
    batch_size : int, default=32
        Samples per step, at least 1.
    samples : int, default=1000
        Samples in one epoch, at least 1.
    epochs : int, default=1
        Passes over the samples, at least 1.
    optimizer : str, default="sgd"
        One of `OPTIMIZER_SLOTS`; without effect in inference.
    dtype : str, default="float32"
        One of `BYTES_PER_ELEMENT`: the dtype of the computation.

    Raises
    ------
    WorkloadError
        If a number is below 1 or not an integer, or a name is unknown.

    Examples
    --------
    >>> Workload(mode="training", batch_size=128, samples=50_000, epochs=3).steps
    1173
    """

    mode: Mode = "training"
    batch_size: int = 32
    samples: int = 1000
    epochs: int = 1
    optimizer: str = "sgd"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("batch_size", "samples", "epochs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise WorkloadError(f"{name} must be an integer, got {value!r}")
            if not 1 <= value <= LARGEST_COUNT:
                raise WorkloadError(f"{name} must be 1 to 2**63-1, got {value!r}")
        for name, allowed in (
            ("mode", MODES),
            ("optimizer", OPTIMIZER_SLOTS),
            ("dtype", BYTES_PER_ELEMENT),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise WorkloadError(
                    f"{name} must be one of {', '.join(allowed)}; got {value!r}"
                )

    @property
    def steps(self) -> int:
        """Number of steps over all epochs, a part-filled last batch counted whole."""
        return self.epochs * math.ceil(self.samples / self.batch_size)

    @property
    def full_batches(self) -> float:
        """Number of full batches over all epochs.

        A part-filled last batch counts by its share, so twice the samples are
        exactly twice the work.
        """
        return self.epochs * self.samples / self.batch_size
