"""Decoders: GPT-2, OPT, and Llama with all that are built like it."""

from __future__ import annotations

from collections.abc import Mapping

from predictor.architecture import Architecture
from predictor.errors import ArchitectureError
from predictor.readers.building import NetworkBuilder
from predictor.readers.huggingface.blocks import (
    Attention,
    Block,
    FeedForward,
    stacked,
    usual_attention,
)
from predictor.readers.huggingface.config import (
    LARGEST_SIZE,
    MOST_BLOCKS,
    Config,
    Family,
)
from predictor.readers.huggingface.heads import DECODER_HEADS, decoder_head
from predictor.readers.huggingface.sequences import (
    embedded,
    embedded_words,
    positions_of,
    vocabulary_table,
)
from predictor.readers.request import Request


def _gpt2(config: Config, request: Request, family: str) -> Architecture:
    width, vocabulary = config.size("n_embd"), config.size("vocab_size")
    longest = config.size("n_positions", 1024)
    length = positions_of(request, longest)
    positions, cached = (1, length) if request.decode else (length, 0)
    net = NetworkBuilder(family)
    table = vocabulary_table(net, vocabulary, width)
    rate = config.share("embd_pdrop", 0.1)
    tokens = embedded_words(net, table, positions, width)
    tokens = tokens.then("Add", embedded(net, positions, longest, width, "position"))
    tokens = tokens.dropped(rate)
    block = Block(
        attention=usual_attention(
            width, config.size("n_head"), dropout=config.share("attn_pdrop", 0.1)
        ),
        feed_forward=FeedForward(
            units=config.size("n_inner", 4 * width),
            activation=config.activation("activation_function", "gelu_new"),
            bias=True,
        ),
        norm="LayerNormalization",
        norm_first=True,
        dropout=config.share("resid_pdrop", 0.1),
    )
    tokens = stacked(
        block, tokens, config.size("n_layer", most=MOST_BLOCKS), cached=cached
    )
    tokens = tokens.then("LayerNormalization")
    return decoder_head(tokens, config, config.head(DECODER_HEADS), table, vocabulary)


def _opt(config: Config, request: Request, family: str) -> Architecture:
    width, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    outer = config.size("word_embed_proj_dim", width)
    longest = config.size("max_position_embeddings", 2048)
    length = positions_of(request, longest)
    positions, cached = (1, length) if request.decode else (length, 0)
    norm_first = config.flag("do_layer_norm_before", True)
    net = NetworkBuilder(family)
    table = vocabulary_table(net, vocabulary, outer)
    tokens = embedded_words(net, table, positions, outer)
    if outer != width:
        tokens = tokens.dense(width, use_bias=False, name="project_in")
    # The first two positions are kept for padding.
    placed = embedded(net, positions, longest + 2, width, "position")
    tokens = tokens.then("Add", placed)
    bias = config.flag("enable_bias", True)
    block = Block(
        attention=usual_attention(
            width,
            config.size("num_attention_heads"),
            dropout=config.share("attention_dropout", 0.0),
            bias=bias,
            output_bias=bias,
        ),
        feed_forward=FeedForward(
            units=config.size("ffn_dim"),
            activation=config.activation("activation_function", "relu"),
            bias=bias,
        ),
        norm="LayerNormalization",
        norm_first=norm_first,
        dropout=config.share("dropout", 0.1),
    )
    tokens = stacked(
        block, tokens, config.size("num_hidden_layers", most=MOST_BLOCKS), cached=cached
    )
    if norm_first and not config.flag("_remove_final_layer_norm", False):
        tokens = tokens.then("LayerNormalization")
    if outer != width:
        tokens = tokens.dense(outer, use_bias=False, name="project_out")
    return decoder_head(tokens, config, config.head(DECODER_HEADS), table, vocabulary)


def _llama(config: Config, request: Request, family: str) -> Architecture:
    """Build Llama, Mistral, Qwen and Mixtral: they differ by flags."""
    width, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    length = positions_of(request, config.size("max_position_embeddings", LARGEST_SIZE))
    positions, cached = (1, length) if request.decode else (length, 0)
    heads = config.size("num_attention_heads")
    key_heads = config.size("num_key_value_heads", heads)
    if heads % key_heads:
        raise ArchitectureError(
            f"'num_attention_heads' ({heads}) must be a multiple of "
            f"'num_key_value_heads' ({key_heads})"
        )
    size = config.size("head_dim", max(1, width // heads))
    bias = config.flag("attention_bias", family == "qwen2")
    net = NetworkBuilder(family)
    table = vocabulary_table(net, vocabulary, width)
    tied = config.flag("tie_word_embeddings", False)
    mixture = family == "mixtral"
    block = Block(
        attention=Attention(
            heads=heads,
            key_heads=key_heads,
            size=size,
            bias=bias,
            output_bias=bias and family == "llama",
            rotary=True,
            normalised=family == "qwen3",
            dropout=config.share("attention_dropout", 0.0),
        ),
        feed_forward=FeedForward(
            units=config.size("intermediate_size"),
            activation=config.activation("hidden_act", "silu"),
            bias=config.flag("mlp_bias", False),
            gated=True,
            experts=config.size("num_local_experts", 8) if mixture else 0,
            chosen=config.size("num_experts_per_tok", 2) if mixture else 0,
        ),
        norm="RMSNormalization",
        norm_first=True,
    )
    tokens = stacked(
        block,
        embedded_words(net, table, positions, width),
        config.size("num_hidden_layers", most=MOST_BLOCKS),
        cached=cached,
    ).then("RMSNormalization")
    head = config.head(DECODER_HEADS)
    return decoder_head(tokens, config, head, table if tied else None, vocabulary)


FAMILIES: Mapping[str, Family] = {
    "gpt2": _gpt2,
    "llama": _llama,
    "mistral": _llama,
    "mixtral": _llama,
    "opt": _opt,
    "qwen2": _llama,
    "qwen3": _llama,
}
"""How a network is built, by ``model_type``."""
