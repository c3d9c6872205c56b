"""Encoders: BERT, RoBERTa and DistilBERT."""

from __future__ import annotations

from collections.abc import Mapping

from predictor.architecture import Architecture
from predictor.readers.building import NetworkBuilder
from predictor.readers.huggingface.blocks import (
    Block,
    FeedForward,
    stacked,
    usual_attention,
)
from predictor.readers.huggingface.config import MOST_BLOCKS, Config, Family
from predictor.readers.huggingface.heads import ENCODER_HEADS, encoder_head
from predictor.readers.huggingface.sequences import (
    embedded,
    embedded_words,
    positions_of,
    vocabulary_table,
)
from predictor.readers.request import Request


def _bert(config: Config, request: Request, family: str) -> Architecture:
    head = config.head(ENCODER_HEADS)
    # RoBERTa numbers positions from behind the padding's.
    first = 2 if family == "roberta" else 0
    longest = config.size("max_position_embeddings", 512)
    width, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    net = NetworkBuilder(family)
    table = vocabulary_table(net, vocabulary, width)
    positions = positions_of(request, longest - first)
    kinds = config.size("type_vocab_size", 2)
    rate = config.share("hidden_dropout_prob", 0.1)
    tokens = embedded_words(net, table, positions, width)
    tokens = tokens.then("Add", embedded(net, positions, longest, width, "position"))
    tokens = tokens.then("Add", embedded(net, positions, kinds, width, "type"))
    tokens = tokens.then("LayerNormalization").dropped(rate)
    heads = config.size("num_attention_heads")
    activation = config.activation("hidden_act", "gelu")
    block = Block(
        attention=usual_attention(
            width, heads, dropout=config.share("attention_probs_dropout_prob", 0.1)
        ),
        feed_forward=FeedForward(
            units=config.size("intermediate_size"), activation=activation, bias=True
        ),
        norm="LayerNormalization",
        norm_first=False,
        dropout=rate,
    )
    tokens = stacked(block, tokens, config.size("num_hidden_layers", most=MOST_BLOCKS))
    pooled = head == "Model" or (
        head == "ForSequenceClassification" and family == "bert"
    )
    if pooled:
        tokens = tokens.first().dense(width, activation="tanh", name="pooler")
    elif head == "ForSequenceClassification":
        tokens = tokens.first().dense(width, activation="tanh", name="classifier_in")
    if head == "Model":
        return net.finish(tokens.tensor)
    return net.finish(encoder_head(tokens, config, head, table, activation))


def _distilbert(config: Config, request: Request, family: str) -> Architecture:
    head = config.head(ENCODER_HEADS)
    longest = config.size("max_position_embeddings", 512)
    width = config.size("dim")
    net = NetworkBuilder(family)
    table = vocabulary_table(net, config.size("vocab_size"), width)
    positions = positions_of(request, longest)
    rate = config.share("dropout", 0.1)
    tokens = embedded_words(net, table, positions, width)
    tokens = tokens.then("Add", embedded(net, positions, longest, width, "position"))
    tokens = tokens.then("LayerNormalization").dropped(rate)
    activation = config.activation("activation", "gelu")
    block = Block(
        attention=usual_attention(
            width,
            config.size("n_heads"),
            dropout=config.share("attention_dropout", 0.1),
        ),
        feed_forward=FeedForward(
            units=config.size("hidden_dim"), activation=activation, bias=True
        ),
        norm="LayerNormalization",
        norm_first=False,
        dropout=rate,
    )
    tokens = stacked(block, tokens, config.size("n_layers", most=MOST_BLOCKS))
    if head == "Model":
        return net.finish(tokens.tensor)
    if head == "ForSequenceClassification":
        tokens = tokens.first().dense(width, activation="relu", name="classifier_in")
    return net.finish(encoder_head(tokens, config, head, table, activation))


FAMILIES: Mapping[str, Family] = {
    "bert": _bert,
    "distilbert": _distilbert,
    "roberta": _bert,
}
"""How a network is built, by ``model_type``."""
