"""From a ``config.json`` to the network that it describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from predictor.architecture import Architecture
from predictor.errors import ArchitectureError, UsageError
from predictor.readers.huggingface import (
    decoders,
    encoder_decoders,
    encoders,
    vision,
)
from predictor.readers.huggingface.config import Config
from predictor.readers.request import Request

_FAMILIES = {
    **decoders.FAMILIES,
    **encoder_decoders.FAMILIES,
    **encoders.FAMILIES,
    **vision.FAMILIES,
}


def read_config(
    description: Mapping[str, Any], request: Request
) -> tuple[Architecture, tuple[str, ...]]:
    """Build the network that a Hugging Face configuration describes.

    Parameters
    ----------
    description : mapping
        The parsed ``config.json``.
    request : Request
        Length of a sequence, and whether one token is decoded.

    Returns
    -------
    architecture : Architecture
        Every parameter of the original; kernels as an implementation without fusion
        starts them. Masks and biases by distance are not priced, and projections that
        some implementations fuse (GPT-2) are three.
    assumptions : tuple of str
        What the configuration leaves open.

    Raises
    ------
    ArchitectureError
        If the family or a head is not known, or a field is missing or out of range.
    UsageError
        If the request does not suit the family.

    Examples
    --------
    >>> from predictor.counting import count_network
    >>> tiny = {
    ...     "model_type": "gpt2",
    ...     "n_embd": 8,
    ...     "n_layer": 2,
    ...     "n_head": 2,
    ...     "vocab_size": 100,
    ...     "n_positions": 16,
    ... }
    >>> network, assumptions = read_config(tiny, Request())
    >>> count_network(network).params, assumptions[0]
    (2688, 'a sample is a sequence of 16 positions')
    """
    family = Config(description).text("model_type")
    build = _FAMILIES.get(family)
    if build is None:
        raise ArchitectureError(
            f"model_type {family!r:.60} is not known; known are "
            f"{', '.join(sorted(_FAMILIES))}"
        )
    if request.decode and family not in decoders.FAMILIES:
        raise UsageError(
            f"decoding token by token is priced for decoders only "
            f"({', '.join(decoders.FAMILIES)}), not for {family!r}; leave it out"
        )
    network = build(Config(description), request, family)
    fed: dict[str, Any] = {
        layer.name.rpartition("/")[2]: layer.settings["batch_shape"]
        for layer in (network.nodes[place].layer for place in network.inputs)
    }
    said = []
    if "cached_keys" in fed:
        kept = fed["cached_keys"][2]
        said = [f"a sample is one new token; keys and values of {kept} are kept"]
    elif "token_ids" in fed:
        said = [f"a sample is a sequence of {fed['token_ids'][1]} positions"]
    if family == "mixtral":
        said.append("positions choose all experts equally often")
    return network, tuple(said)
