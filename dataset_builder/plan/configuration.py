"""What one trial measures: a network and what is done with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from predictor.readers import network_sha256
from predictor.workload import Mode

Loss = Literal["classification", "regression"]

ID_LENGTH = 16
"""Hexadecimal digits of a configuration's identity: 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One configuration of a plan.

    Parameters
    ----------
    network : mapping
        Keras 3 JSON.
    network_sha256 : str
        Its content hash.
    name : str
        For people: the family, or the real network's name.
    family : str
        Family of the network.
    mode : {"training", "inference"}
        What is done.
    batch_size : int
        Samples per step.
    epochs : int, default=1
        Passes over the samples wanted; more where a window needs them.
    optimizer : str, default="sgd"
        As in `predictor.workload.OPTIMIZER_SLOTS`.
    dtype : str, default="float32"
        ``"float32"``, or ``"bfloat16"`` for Keras' mixed policy.
    loss : {"classification", "regression"}, default="classification"
        What is trained.
    repeat : int, default=0
        0 for the first measurement, 1 for a duplicate.

    Examples
    --------
    >>> first = configuration({"class_name": "Sequential"}, family="dense")
    >>> first.identity("cpu") == first.identity("cpu")
    True
    >>> first.identity("cpu") == first.identity("gpu")
    False
    """

    network: Mapping[str, object]
    network_sha256: str
    name: str
    family: str
    mode: Mode
    batch_size: int
    epochs: int = 1
    optimizer: str = "sgd"
    dtype: str = "float32"
    loss: Loss = "classification"
    repeat: int = 0

    @property
    def group(self) -> str:
        """What all measurements of this network share."""
        return self.network_sha256[:ID_LENGTH]

    def identity(self, platform: str) -> str:
        """Return the content hash of network, workload, platform and repeat.

        Parameters
        ----------
        platform : str
            Device and backend that the configuration is measured on.

        Returns
        -------
        identity : str
            16 hexadecimal digits.
        """
        parts = {
            "network": self.network_sha256,
            "mode": self.mode,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "optimizer": self.optimizer,
            "dtype": self.dtype,
            "loss": self.loss,
            "repeat": self.repeat,
            "platform": platform,
        }
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


def configuration(
    network: Mapping[str, object],
    *,
    family: str,
    name: str | None = None,
    mode: Mode = "training",
    batch_size: int = 32,
    epochs: int = 1,
    optimizer: str = "sgd",
    dtype: str = "float32",
    loss: Loss = "classification",
) -> Configuration:
    """Make a configuration of a network.

    Parameters
    ----------
    network : mapping
        Keras 3 JSON.
    family : str
        Family of the network.
    name : str, optional
        For people; the family where left out.
    mode : {"training", "inference"}, default="training"
        What is done.
    batch_size : int, default=32
        Samples per step.
    epochs : int, default=1
        Passes wanted.
    optimizer : str, default="sgd"
        Name of the optimizer; set to ``"sgd"`` in inference, where it has no effect.
    dtype : str, default="float32"
        Dtype of the computation.
    loss : {"classification", "regression"}, default="classification"
        What is trained.

    Returns
    -------
    configuration : Configuration
        The configuration, with the network's hash.

    Examples
    --------
    >>> configuration({}, family="dense", mode="inference", optimizer="adam").optimizer
    'sgd'
    """
    return Configuration(
        network=network,
        network_sha256=network_sha256(network),
        name=name or family,
        family=family,
        mode=mode,
        batch_size=batch_size,
        epochs=epochs if mode == "training" else 1,
        optimizer=optimizer if mode == "training" else "sgd",
        dtype=dtype,
        loss=loss,
    )
