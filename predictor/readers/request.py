"""What a description leaves open and the reader is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.architecture import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Sizes that a network's description does not say.

    Parameters
    ----------
    input_shapes : tuple of Shape, default=()
        Shape of each input without the batch axis; by default as described.
    sequence_length : int, optional
        Of a transformer's configuration: positions of a sequence.
    decode : bool, default=False
        Of a decoder's configuration: whether a sample is one new token, with keys and
        values of all others kept.
    """

    input_shapes: tuple[Shape, ...] = ()
    sequence_length: int | None = None
    decode: bool = False
