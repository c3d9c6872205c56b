"""Networks that look at images: ViT, and CLIP, which also reads."""

from __future__ import annotations

from collections.abc import Mapping

from predictor.architecture import Architecture
from predictor.errors import ArchitectureError, UsageError
from predictor.readers.building import NetworkBuilder
from predictor.readers.huggingface.blocks import (
    Block,
    FeedForward,
    Tokens,
    stacked,
    usual_attention,
)
from predictor.readers.huggingface.config import MOST_BLOCKS, Config, Family
from predictor.readers.huggingface.sequences import (
    embedded,
    embedded_words,
    positions_of,
    vocabulary_table,
)
from predictor.readers.request import Request


def _patches(
    net: NetworkBuilder, config: Config, width: int, *, bias: bool, channels: int
) -> Tokens:
    size, patch = config.size("image_size", 224), config.size("patch_size")
    if size < patch:
        raise ArchitectureError(
            f"'image_size' ({size}) must be at least 'patch_size' ({patch})"
        )
    places = (size // patch) ** 2
    image = net.input((size, size, channels), name="image")
    maps = net.add(
        "Conv2D",
        image,
        filters=width,
        kernel_size=patch,
        strides=patch,
        use_bias=bias,
        name="patches",
    )
    flat = net.add("Reshape", maps, target_shape=[places, width])
    extra = embedded(net, 1, 1, width, "class")
    both = net.add("Concatenate", extra.tensor, flat, axis=1)
    tokens = Tokens(net=net, tensor=both, positions=places + 1, width=width)
    placed = embedded(net, places + 1, places + 1, width, "place")
    return tokens.then("Add", placed)


def _vit(config: Config, request: Request, family: str) -> Architecture:
    _refuse_length(request, family)
    head = config.head(("Model", "ForImageClassification"))
    width = config.size("hidden_size")
    rate = config.share("hidden_dropout_prob", 0.0)
    net = NetworkBuilder(family)
    channels = config.size("num_channels", 3)
    tokens = _patches(net, config, width, bias=True, channels=channels).dropped(rate)
    block = Block(
        attention=usual_attention(
            width,
            config.size("num_attention_heads"),
            bias=config.flag("qkv_bias", True),
            dropout=config.share("attention_probs_dropout_prob", 0.0),
        ),
        feed_forward=FeedForward(
            units=config.size("intermediate_size"),
            activation=config.activation("hidden_act", "gelu"),
            bias=True,
        ),
        norm="LayerNormalization",
        norm_first=True,
        dropout=rate,
    )
    tokens = stacked(block, tokens, config.size("num_hidden_layers", most=MOST_BLOCKS))
    first = tokens.then("LayerNormalization").first()
    if head == "Model":
        return net.finish(first.dense(width, activation="tanh", name="pooler").tensor)
    return net.finish(first.dense(config.labels(), name="classifier").tensor)


def _refuse_length(request: Request, family: str) -> None:
    if request.sequence_length is not None:
        raise UsageError(
            f"{family!r} has as many positions as its images have patches; leave the "
            "sequence length out"
        )


def _clip(config: Config, request: Request, family: str) -> Architecture:
    config.head(("Model",))
    text, vision = config.inside("text_config"), config.inside("vision_config")
    shared = config.size("projection_dim", 512)
    net = NetworkBuilder(family)

    def blocks(part: Config, width: int, units: int, heads: int) -> Block:
        return Block(
            attention=usual_attention(
                width,
                part.size("num_attention_heads", heads),
                dropout=part.share("attention_dropout", 0.0),
            ),
            feed_forward=FeedForward(
                units=part.size("intermediate_size", units),
                activation=part.activation("hidden_act", "quick_gelu"),
                bias=True,
            ),
            norm="LayerNormalization",
            norm_first=True,
        )

    with net.scope("vision"):
        width = vision.size("hidden_size", 768)
        images = _patches(
            net, vision, width, bias=False, channels=vision.size("num_channels", 3)
        )
        images = stacked(
            blocks(vision, width, 3072, 12),
            images.then("LayerNormalization", name="first_norm"),
            vision.size("num_hidden_layers", 12, most=MOST_BLOCKS),
        )
        image = images.first().then("LayerNormalization", name="last_norm")
        image = image.dense(shared, use_bias=False, name="projection")
    with net.scope("text"):
        width = text.size("hidden_size", 512)
        longest = text.size("max_position_embeddings", 77)
        positions = longest
        if request.sequence_length is not None:
            positions = positions_of(request, longest)
        table = vocabulary_table(net, text.size("vocab_size", 49408), width)
        tokens = embedded_words(net, table, positions, width)
        placed = embedded(net, positions, longest, width, "position")
        tokens = stacked(
            blocks(text, width, 2048, 8),
            tokens.then("Add", placed),
            text.size("num_hidden_layers", 12, most=MOST_BLOCKS),
        )
        words = tokens.then("LayerNormalization", name="last_norm").first()
        words = words.dense(shared, use_bias=False, name="projection")
    scale = embedded(net, 1, 1, 1, "scale")  # of their products, one learned number
    return net.finish(image.tensor, words.tensor, scale.tensor)


FAMILIES: Mapping[str, Family] = {"clip": _clip, "vit": _vit}
"""How a network is built, by ``model_type``."""
