"""How a network description becomes a Keras model with data, and back."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from dataset_builder.plan.configuration import Configuration
from predictor.errors import MeasurementError

DATA_LIMIT_BYTES = 256 * 1024**2
"""Most memory for the samples of one epoch; longer windows take more epochs."""

BLOCK_BYTES = 4 * 1024**2
"""Random numbers made afresh; the rest of an array repeats them."""

KERAS_OPTIMIZERS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "sgd": ("SGD", {"learning_rate": 1e-4}),
    "momentum": ("SGD", {"learning_rate": 1e-4, "momentum": 0.9}),
    "rmsprop": ("RMSprop", {"learning_rate": 1e-4}),
    "adagrad": ("Adagrad", {"learning_rate": 1e-4}),
    "adam": ("Adam", {"learning_rate": 1e-4}),
    "adamw": ("AdamW", {"learning_rate": 1e-4}),
}

DRAWING_INITIALIZERS = (
    "VarianceScaling",
    "RandomUniform",
    "RandomNormal",
    "TruncatedNormal",
    "Orthogonal",
)
"""Keras' initializers that draw numbers; the others derive from the first."""

Array = npt.NDArray[Any]


def build_model(item: Configuration) -> Any:
    """Build and compile a configuration's network with Keras.

    Parameters
    ----------
    item : Configuration
        Network, dtype, optimizer and loss.

    Returns
    -------
    model : keras.Model
        With random weights, compiled for training.

    Raises
    ------
    MeasurementError
        If Keras refuses the description.
    """
    import keras

    policy = "mixed_bfloat16" if item.dtype == "bfloat16" else item.dtype
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    try:
        with _plain_weights():
            model = keras.models.model_from_json(json.dumps(item.network))
    except (TypeError, ValueError, KeyError) as error:
        raise MeasurementError(
            f"Keras cannot build network {item.network_sha256[:12]}: {error}"
        ) from error
    if item.mode == "training":
        name, settings = KERAS_OPTIMIZERS[item.optimizer]
        loss: Any = "mse"
        if item.loss == "classification":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=getattr(keras.optimizers, name)(**settings), loss=loss)
    return model


class KerasJob:
    """Training or inference of a Keras model on synthetic samples in memory.

    What runs is what users run: ``model.fit`` or ``model.predict`` over arrays, whole
    batches only.

    Parameters
    ----------
    model : keras.Model
        Built, and compiled for training.
    item : Configuration
        Mode, batch size, epochs and loss.
    data_limit_bytes : int, default=256 MiB
        Most memory for the samples of one epoch.
    """

    def __init__(
        self,
        model: Any,
        item: Configuration,
        *,
        data_limit_bytes: int = DATA_LIMIT_BYTES,
    ) -> None:
        self._model = model
        self._item = item
        vocabulary = smallest_vocabulary(item.network)
        self._inputs = [
            _Samples(_shape(tensor), str(tensor.dtype), vocabulary)
            for tensor in model.inputs
        ]
        self._targets: list[_Samples] = []
        for tensor in model.outputs:
            shape = _shape(tensor)
            if item.mode == "training" and item.loss == "classification":
                self._targets.append(_Samples(shape[:-1], "int32", shape[-1]))
            else:
                self._targets.append(_Samples(shape, "float32", 0))
        sample_bytes = sum(part.sample_bytes for part in self._inputs + self._targets)
        self._largest = max(1, data_limit_bytes // (sample_bytes * item.batch_size))
        self._samples = self._epochs = self._calls = 0

    def layout(self, steps: int) -> tuple[int, int, int]:
        """Return how a number of steps is spread over samples, epochs and calls.

        Parameters
        ----------
        steps : int
            Steps wanted.

        Returns
        -------
        samples, epochs, calls : int
            Samples of one epoch, epochs of one call, and calls; their product over
            the batch size is at least `steps`.
        """
        training = self._item.mode == "training"
        passes = self._item.epochs if steps >= 4 * self._item.epochs else 1
        if -(-steps // passes) > self._largest:
            passes = -(-steps // self._largest)
        samples = -(-steps // passes) * self._item.batch_size
        return (samples, passes, 1) if training else (samples, 1, passes)

    def prepare(self, steps: int) -> int:
        """Make the arrays of the next run.

        Parameters
        ----------
        steps : int
            Steps wanted.

        Returns
        -------
        steps : int
            Steps that the next run does.
        """
        self._samples, self._epochs, self._calls = self.layout(steps)
        for part in self._inputs:
            part.grow(self._samples)
        if self._item.mode == "training":
            for part in self._targets:
                part.grow(self._samples)
        total = self._samples * self._epochs * self._calls
        return total // self._item.batch_size

    def run(self) -> None:
        """Train or infer over the prepared arrays and wait for the device."""
        x = _single([part.take(self._samples) for part in self._inputs])
        batch_size = self._item.batch_size
        if self._item.mode == "inference":
            for _ in range(self._calls):
                self._model.predict(x, batch_size=batch_size, verbose=0)
            return
        y = _single([part.take(self._samples) for part in self._targets])
        self._model.fit(
            x,
            y,
            batch_size=batch_size,
            epochs=self._epochs,
            shuffle=False,
            verbose=0,
        )
        synchronise(self._model)


@contextlib.contextmanager
def _plain_weights() -> Iterator[None]:
    # Initializers compile a program for every shape, 0.3 s each with JAX. Numbers of
    # the same scale from NumPy serve as well: no kernel's time depends on them.
    import keras

    kinds = [getattr(keras.initializers, name) for name in DRAWING_INITIALIZERS]
    kinds += [keras.initializers.Zeros, keras.initializers.Ones]
    originals = [kind.__call__ for kind in kinds]

    def fill(self: Any, shape: Any, dtype: Any = None, **options: Any) -> Any:
        del options
        value = float(isinstance(self, keras.initializers.Ones))
        values = np.full(tuple(shape), value, np.float32)
        return keras.ops.convert_to_tensor(values, dtype=dtype or "float32")

    def draw(self: Any, shape: Any, dtype: Any = None, **options: Any) -> Any:
        del self, options
        sizes = tuple(int(size) for size in shape)
        weights = _Samples(sizes, "float32", 0)
        weights.grow(1)
        fan_in = max(1, math.prod(sizes[:-1]))
        values = weights.take(1)[0] / np.float32(math.sqrt(fan_in))
        return keras.ops.convert_to_tensor(values, dtype=dtype or "float32")

    try:
        for kind in kinds:
            fills = kind in (keras.initializers.Zeros, keras.initializers.Ones)
            kind.__call__ = fill if fills else draw
        yield
    finally:
        for kind, original in zip(kinds, originals, strict=True):
            kind.__call__ = original


def synchronise(model: Any) -> None:
    """Wait until the device has finished a model's updates.

    Parameters
    ----------
    model : keras.Model
        Whose weights are waited for.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        for weight in model.weights:
            jax.block_until_ready(weight.value)  # type: ignore[no-untyped-call]
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()


def smallest_vocabulary(description: object) -> int:
    """Return the fewest rows of any embedding, so that tokens are valid for all.

    Parameters
    ----------
    description : object
        Parsed Keras JSON.

    Returns
    -------
    rows : int
        2 where there is no embedding.

    Examples
    --------
    >>> smallest_vocabulary({"class_name": "Embedding", "config": {"input_dim": 50}})
    50
    """
    found: list[int] = []

    def visit(item: object) -> None:
        if isinstance(item, Mapping):
            if item.get("class_name") == "Embedding":
                found.append(int(cast(Any, item)["config"]["input_dim"]))
            for value in item.values():
                visit(value)
        elif isinstance(item, list):
            for value in item:
                visit(value)

    visit(description)
    return min(found, default=2)


class _Samples:
    """A synthetic array that grows and never shrinks."""

    def __init__(self, shape: tuple[int, ...], dtype: str, values: int) -> None:
        whole = dtype.startswith(("int", "uint"))
        self._dtype = np.dtype(dtype if whole else "float32")
        self._shape = shape
        self._values = values if whole else 0
        self._array: Array = np.empty((0, *shape), self._dtype)
        self.sample_bytes = max(1, math.prod(shape)) * self._dtype.itemsize

    def grow(self, samples: int) -> None:
        if len(self._array) >= samples:
            return
        random = np.random.default_rng(1)
        array = np.empty((samples, *self._shape), self._dtype)
        flat = array.reshape(-1)
        fresh = min(flat.size, BLOCK_BYTES // self._dtype.itemsize)
        block: Array
        if self._values:
            block = random.integers(0, self._values, fresh, dtype=np.int64)
        else:
            block = random.standard_normal(fresh, dtype=np.float32)
        for start in range(0, flat.size, fresh):
            part = flat[start : start + fresh]
            part[...] = block[: part.size]
        self._array = array

    def take(self, samples: int) -> Array:
        return self._array[:samples]


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(tensor.shape)[1:]
    if any(axis is None for axis in shape):
        raise MeasurementError(
            f"a tensor of the network has the open shape {shape}; give its input a "
            "fixed size to measure it"
        )
    return tuple(int(axis) for axis in shape)


def _single(arrays: list[Array]) -> Any:
    return arrays[0] if len(arrays) == 1 else arrays
