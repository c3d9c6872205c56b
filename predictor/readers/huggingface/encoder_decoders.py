"""Encoders whose output a decoder looks at: T5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from predictor.architecture import Architecture
from predictor.errors import ArchitectureError
from predictor.readers.building import NetworkBuilder
from predictor.readers.huggingface.blocks import (
    Attention,
    Block,
    FeedForward,
    Tokens,
    stacked,
)
from predictor.readers.huggingface.config import (
    ACTIVATIONS,
    MOST_BLOCKS,
    Config,
    Family,
)
from predictor.readers.huggingface.heads import decoder_head
from predictor.readers.huggingface.sequences import (
    embedded,
    embedded_words,
    positions_of,
    vocabulary_table,
)
from predictor.readers.request import Request


def _t5(config: Config, request: Request, family: str) -> Architecture:
    head = config.head(("ForConditionalGeneration", "WithLMHeadModel", "Model"))
    width, vocabulary = config.size("d_model"), config.size("vocab_size")
    heads = config.size("num_heads")
    positions = positions_of(request, None)
    form = config.text("feed_forward_proj", "relu")
    gated = form.startswith("gated-")
    name = form.removeprefix("gated-")
    if name not in ACTIVATIONS:
        raise ArchitectureError(
            f"config field 'feed_forward_proj' must be one of "
            f"{', '.join(ACTIVATIONS)}, with or without 'gated-', got {form!r:.60}"
        )
    rate = config.share("dropout_rate", 0.1)
    block = Block(
        attention=Attention(
            heads=heads,
            key_heads=heads,
            size=config.size("d_kv", 64),
            bias=False,
            output_bias=False,
            dropout=rate,
        ),
        feed_forward=FeedForward(
            units=config.size("d_ff"),
            activation=ACTIVATIONS[name],
            bias=False,
            gated=gated,
        ),
        norm="RMSNormalization",
        norm_first=True,
        dropout=rate,
    )
    net = NetworkBuilder(family)
    table = vocabulary_table(net, vocabulary, width)
    depth = config.size("num_layers", most=MOST_BLOCKS)
    buckets = config.size("relative_attention_num_buckets", 32)

    def side(name: str, block: Block, blocks: int, memory: Tokens | None) -> Tokens:
        with net.scope(name):
            # Biases of the scores by distance, shared by all blocks of a side.
            embedded(net, 2 * positions - 1, buckets, heads, "distance")
            words = embedded_words(net, table, positions, width).dropped(rate)
            tokens = stacked(block, words, blocks, memory=memory)
            return tokens.then("RMSNormalization").dropped(rate)

    memory = side("encoder", block, depth, None)
    crossed = replace(block, crossed=True)
    blocks = config.size("num_decoder_layers", depth, most=MOST_BLOCKS)
    tokens = side("decoder", crossed, blocks, memory)
    if head == "Model":
        return net.finish(tokens.tensor)
    tied = config.flag("tie_word_embeddings", True)
    return decoder_head(
        tokens, config, "ForCausalLM", table if tied else None, vocabulary
    )


FAMILIES: Mapping[str, Family] = {"t5": _t5}
"""How a network is built, by ``model_type``."""
