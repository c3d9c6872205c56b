"""What stands on top of a transformer."""

from __future__ import annotations

from predictor.architecture import Architecture, Layer, TensorRef
from predictor.readers.huggingface.blocks import Tokens
from predictor.readers.huggingface.config import Config

ENCODER_HEADS = (
    "Model",
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
)
"""Ends of class names that an encoder may have."""

DECODER_HEADS = ("ForCausalLM", "LMHeadModel", "ForSequenceClassification", "Model")
"""Ends of class names that a decoder may have."""


def _scores(tokens: Tokens, table: Layer) -> TensorRef:
    """Compare with every word of the vocabulary, by the table of its embeddings."""
    return tokens.net.add(table, tokens.tensor, arguments={"reverse": True})


def encoder_head(
    tokens: Tokens, config: Config, head: str, table: Layer, activation: str
) -> TensorRef:
    """Add what an encoder is used for.

    Parameters
    ----------
    tokens : Tokens
        What the last block makes.
    config : Config
        Says how many classes there are.
    head : str
        One of `ENCODER_HEADS`, not ``"Model"``.
    table : Layer
        Of the words, which it may score.
    activation : str
        Before the words are scored.

    Returns
    -------
    tensor : TensorRef
        The network's output.
    """
    if head == "ForMaskedLM":
        inner = tokens.dense(tokens.width, activation=activation, name="transform")
        return tokens.net.add("Bias", _scores(inner.then("LayerNormalization"), table))
    if head == "ForQuestionAnswering":
        return tokens.dense(2, name="span").tensor
    return tokens.dense(config.labels(), name="classifier").tensor


def decoder_head(
    tokens: Tokens, config: Config, head: str, table: Layer | None, vocabulary: int
) -> Architecture:
    """Add what a decoder is used for, and finish.

    Parameters
    ----------
    tokens : Tokens
        What the last block makes.
    config : Config
        Says how many classes there are.
    head : str
        One of `DECODER_HEADS`.
    table : Layer or None
        Of the words, where it also scores them.
    vocabulary : int
        How many words there are.

    Returns
    -------
    network : Architecture
        The whole network.
    """
    net = tokens.net
    if head == "Model":
        return net.finish(tokens.tensor)
    if head == "ForSequenceClassification":
        last = tokens.first()
        return net.finish(
            last.dense(config.labels(), use_bias=False, name="score").tensor
        )
    if table is None:
        return net.finish(
            tokens.dense(vocabulary, use_bias=False, name="lm_head").tensor
        )
    return net.finish(_scores(tokens, table))
