"""Hugging Face's ``config.json``: transformers described by a dozen numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from predictor.architecture import Architecture, Layer, TensorRef
from predictor.errors import ArchitectureError, UsageError
from predictor.readers.building import NetworkBuilder
from predictor.readers.request import Request
from predictor.readers.transformer import Attention, Block, FeedForward, Tokens

USUAL_SEQUENCE_LENGTH = 512
"""Taken where none is given, or the longest that the network allows if that is less."""

LARGEST_SIZE = 100_000_000
MOST_BLOCKS = 2_000

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu",
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "quick_gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}


class Config:
    """A configuration, with errors that name the field.

    Parameters
    ----------
    values : mapping
        The parsed JSON.
    where : str, default=""
        Before the names of fields in messages.
    """

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values = values
        self._where = where

    def _error(self, key: str, allowed: str) -> ArchitectureError:
        got = self._values.get(key)
        return ArchitectureError(
            f"config field {self._where + key!r} must be {allowed}, got {got!r:.60}"
        )

    def size(
        self, key: str, default: int | None = None, *, most: int = LARGEST_SIZE
    ) -> int:
        """Return a whole number.

        Parameters
        ----------
        key : str
            Name of the field.
        default : int, optional
            What a missing field or null stands for; without one it is an error.
        most : int, default=LARGEST_SIZE
            The largest that is allowed.

        Returns
        -------
        size : int
            At least 1.

        Raises
        ------
        ArchitectureError
            If the field is missing or no such number.
        """
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not 1 <= value <= most
        ):
            raise self._error(key, f"a whole number from 1 to {most}")
        return value

    def share(self, key: str, default: float) -> float:
        """Return a rate such as that of a dropout.

        Parameters
        ----------
        key : str
            Name of the field.
        default : float
            What a missing field stands for.

        Returns
        -------
        share : float
            From 0 to below 1.

        Raises
        ------
        ArchitectureError
            If the field is no such number.
        """
        value = self._values.get(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and 0 <= value < 1):
            raise self._error(key, "a number from 0 to below 1")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false.

        Parameters
        ----------
        key : str
            Name of the field.
        default : bool
            What a missing field stands for.

        Returns
        -------
        flag : bool
            The value.

        Raises
        ------
        ArchitectureError
            If the field is neither.
        """
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._error(key, "true or false")
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a text.

        Parameters
        ----------
        key : str
            Name of the field.
        default : str, default=""
            What a missing field stands for.

        Returns
        -------
        text : str
            The value.

        Raises
        ------
        ArchitectureError
            If the field is no text.
        """
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self._error(key, "text")
        return value

    def activation(self, key: str, default: str) -> str:
        """Return Keras' name of an activation.

        Parameters
        ----------
        key : str
            Name of the field.
        default : str
            What a missing field stands for.

        Returns
        -------
        activation : str
            As Keras calls it.

        Raises
        ------
        ArchitectureError
            If it is not known.
        """
        name = self.text(key, default)
        if name not in _ACTIVATIONS:
            raise self._error(key, f"one of {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS[name]

    def inside(self, key: str) -> Config:
        """Return a configuration inside this one.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        config : Config
            Empty where there is none.

        Raises
        ------
        ArchitectureError
            If the field is no object.
        """
        value = self._values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise self._error(key, "an object")
        return Config(value, f"{self._where}{key}.")

    def labels(self) -> int:
        """Return how many classes a classifier tells apart.

        Returns
        -------
        labels : int
            Two where the configuration does not say.

        Raises
        ------
        ArchitectureError
            If the field is no list or object.
        """
        named = self._values.get("id2label")
        if named is None:
            return self.size("num_labels", 2)
        if not isinstance(named, Mapping | list) or not named:
            raise self._error("id2label", "an object that is not empty")
        return len(named)

    def head(self, allowed: Sequence[str]) -> str:
        """Return what stands on top of the network.

        Parameters
        ----------
        allowed : sequence of str
            Ends of class names; ``"Model"`` means nothing.

        Returns
        -------
        head : str
            One of `allowed`.

        Raises
        ------
        ArchitectureError
            If the first of ``architectures`` ends like none of them.
        """
        written = self._values.get("architectures") or [allowed[0]]
        first = written[0] if isinstance(written, list) else written
        for head in allowed:
            if isinstance(first, str) and first.endswith(head):
                return head
        raise self._error("architectures", f"a class that ends in {', '.join(allowed)}")


def _positions(request: Request, longest: int | None) -> int:
    """Return the length of a sequence; None stands for any."""
    most = longest or LARGEST_SIZE
    if request.sequence_length is None:
        return min(USUAL_SEQUENCE_LENGTH, most)
    if not 1 <= request.sequence_length <= most:
        raise UsageError(
            f"the sequence length must be from 1 to {most} here, "
            f"got {request.sequence_length}"
        )
    return request.sequence_length


def _refuse_decode(request: Request, family: str) -> None:
    if request.decode:
        raise UsageError(
            f"decoding token by token is priced for decoders only "
            f"({', '.join(sorted(_DECODERS))}), not for {family!r}; leave it out"
        )


Family = Callable[[Config, Request, str], Architecture]


def _embedded(
    net: NetworkBuilder, positions: int, rows: int, width: int, name: str
) -> Tokens:
    table = net.layer("Embedding", name=name, input_dim=rows, output_dim=width)
    looked_up = net.add(table, net.input((positions,), name=f"{name}_ids"))
    return Tokens(net=net, tensor=looked_up, positions=positions, width=width)


def _vocabulary(net: NetworkBuilder, rows: int, width: int) -> Layer:
    return net.layer(
        "ReversibleEmbedding", name="word", input_dim=rows, output_dim=width
    )


def _words(net: NetworkBuilder, table: Layer, positions: int, width: int) -> Tokens:
    looked_up = net.add(table, net.input((positions,), name="token_ids"))
    return Tokens(net=net, tensor=looked_up, positions=positions, width=width)


def _scores(tokens: Tokens, table: Layer) -> TensorRef:
    """Compare with every word of the vocabulary, by the table of its embeddings."""
    return tokens.net.add(table, tokens.tensor, arguments={"reverse": True})


def _encoder_head(
    tokens: Tokens, config: Config, head: str, table: Layer, activation: str
) -> TensorRef:
    if head == "ForMaskedLM":
        inner = tokens.dense(tokens.width, activation=activation, name="transform")
        scores = _scores(inner.then("LayerNormalization"), table)
        return tokens.net.add("Bias", scores)
    if head == "ForQuestionAnswering":
        return tokens.dense(2, name="span").tensor
    return tokens.dense(config.labels(), name="classifier").tensor


_ENCODER_HEADS = (
    "Model",
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
)


def _bert(config: Config, request: Request, family: str) -> Architecture:
    _refuse_decode(request, family)
    head = config.head(_ENCODER_HEADS)
    # RoBERTa numbers positions from behind the padding's.
    first = 2 if family == "roberta" else 0
    longest = config.size("max_position_embeddings", 512)
    width, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    net = NetworkBuilder(family)
    table = _vocabulary(net, vocabulary, width)
    positions = _positions(request, longest - first)
    kinds = config.size("type_vocab_size", 2)
    rate = config.share("hidden_dropout_prob", 0.1)
    tokens = _words(net, table, positions, width)
    tokens = tokens.then("Add", _embedded(net, positions, longest, width, "position"))
    tokens = tokens.then("Add", _embedded(net, positions, kinds, width, "type"))
    tokens = tokens.then("LayerNormalization").dropped(rate)
    heads = config.size("num_attention_heads")
    activation = config.activation("hidden_act", "gelu")
    block = Block(
        attention=_heads(
            width, heads, dropout=config.share("attention_probs_dropout_prob", 0.1)
        ),
        feed_forward=FeedForward(
            units=config.size("intermediate_size"), activation=activation, bias=True
        ),
        norm="LayerNormalization",
        norm_first=False,
        dropout=rate,
    )
    tokens = _stacked(block, tokens, config.size("num_hidden_layers", most=MOST_BLOCKS))
    pooled = head == "Model" or (
        head == "ForSequenceClassification" and family == "bert"
    )
    if pooled:
        tokens = tokens.first().dense(width, activation="tanh", name="pooler")
    elif head == "ForSequenceClassification":
        tokens = tokens.first().dense(width, activation="tanh", name="classifier_in")
    if head == "Model":
        return net.finish(tokens.tensor)
    return net.finish(_encoder_head(tokens, config, head, table, activation))


def _distilbert(config: Config, request: Request, family: str) -> Architecture:
    _refuse_decode(request, family)
    head = config.head(_ENCODER_HEADS)
    longest = config.size("max_position_embeddings", 512)
    width = config.size("dim")
    net = NetworkBuilder(family)
    table = _vocabulary(net, config.size("vocab_size"), width)
    positions = _positions(request, longest)
    rate = config.share("dropout", 0.1)
    tokens = _words(net, table, positions, width)
    tokens = tokens.then("Add", _embedded(net, positions, longest, width, "position"))
    tokens = tokens.then("LayerNormalization").dropped(rate)
    activation = config.activation("activation", "gelu")
    block = Block(
        attention=_heads(
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
    tokens = _stacked(block, tokens, config.size("n_layers", most=MOST_BLOCKS))
    if head == "Model":
        return net.finish(tokens.tensor)
    if head == "ForSequenceClassification":
        tokens = tokens.first().dense(width, activation="relu", name="classifier_in")
    return net.finish(_encoder_head(tokens, config, head, table, activation))


def _heads(width: int, heads: int, **settings: Any) -> Attention:
    if width % heads:
        raise ArchitectureError(
            f"the width {width} must be a multiple of the {heads} attention heads"
        )
    usual: dict[str, Any] = {
        "heads": heads,
        "key_heads": heads,
        "size": width // heads,
        "bias": True,
        "output_bias": True,
    }
    return Attention(**(usual | settings))


def _stacked(
    block: Block,
    tokens: Tokens,
    times: int,
    *,
    memory: Tokens | None = None,
    cached: int = 0,
    name: str = "block",
) -> Tokens:
    for number in range(times):
        with tokens.net.scope(f"{name}_{number}"):
            tokens = block.of(tokens, memory=memory, cached=cached)
    return tokens


_DECODER_HEADS = ("ForCausalLM", "LMHeadModel", "ForSequenceClassification", "Model")


def _decoder_head(
    tokens: Tokens, config: Config, head: str, table: Layer | None, vocabulary: int
) -> Architecture:
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


def _gpt2(config: Config, request: Request, family: str) -> Architecture:
    width, vocabulary = config.size("n_embd"), config.size("vocab_size")
    longest = config.size("n_positions", 1024)
    length = _positions(request, longest)
    positions, cached = (1, length) if request.decode else (length, 0)
    net = NetworkBuilder(family)
    table = _vocabulary(net, vocabulary, width)
    rate = config.share("embd_pdrop", 0.1)
    tokens = _words(net, table, positions, width)
    tokens = tokens.then("Add", _embedded(net, positions, longest, width, "position"))
    tokens = tokens.dropped(rate)
    block = Block(
        attention=_heads(
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
    tokens = _stacked(
        block, tokens, config.size("n_layer", most=MOST_BLOCKS), cached=cached
    )
    tokens = tokens.then("LayerNormalization")
    return _decoder_head(tokens, config, config.head(_DECODER_HEADS), table, vocabulary)


def _opt(config: Config, request: Request, family: str) -> Architecture:
    width, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    outer = config.size("word_embed_proj_dim", width)
    longest = config.size("max_position_embeddings", 2048)
    length = _positions(request, longest)
    positions, cached = (1, length) if request.decode else (length, 0)
    norm_first = config.flag("do_layer_norm_before", True)
    net = NetworkBuilder(family)
    table = _vocabulary(net, vocabulary, outer)
    tokens = _words(net, table, positions, outer)
    if outer != width:
        tokens = tokens.dense(width, use_bias=False, name="project_in")
    # The first two positions are kept for padding.
    placed = _embedded(net, positions, longest + 2, width, "position")
    tokens = tokens.then("Add", placed)
    bias = config.flag("enable_bias", True)
    block = Block(
        attention=_heads(
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
    tokens = _stacked(
        block, tokens, config.size("num_hidden_layers", most=MOST_BLOCKS), cached=cached
    )
    if norm_first and not config.flag("_remove_final_layer_norm", False):
        tokens = tokens.then("LayerNormalization")
    if outer != width:
        tokens = tokens.dense(outer, use_bias=False, name="project_out")
    return _decoder_head(tokens, config, config.head(_DECODER_HEADS), table, vocabulary)


def _llama(config: Config, request: Request, family: str) -> Architecture:
    """Build Llama, Mistral, Qwen and Mixtral: they differ by flags."""
    width, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    length = _positions(request, config.size("max_position_embeddings", LARGEST_SIZE))
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
    table = _vocabulary(net, vocabulary, width)
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
    tokens = _stacked(
        block,
        _words(net, table, positions, width),
        config.size("num_hidden_layers", most=MOST_BLOCKS),
        cached=cached,
    ).then("RMSNormalization")
    head = config.head(_DECODER_HEADS)
    return _decoder_head(tokens, config, head, table if tied else None, vocabulary)


def _t5(config: Config, request: Request, family: str) -> Architecture:
    _refuse_decode(request, family)
    head = config.head(("ForConditionalGeneration", "WithLMHeadModel", "Model"))
    width, vocabulary = config.size("d_model"), config.size("vocab_size")
    heads = config.size("num_heads")
    positions = _positions(request, None)
    form = config.text("feed_forward_proj", "relu")
    gated = form.startswith("gated-")
    name = form.removeprefix("gated-")
    if name not in _ACTIVATIONS:
        raise ArchitectureError(
            f"config field 'feed_forward_proj' must be one of "
            f"{', '.join(_ACTIVATIONS)}, with or without 'gated-', got {form!r:.60}"
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
            activation=_ACTIVATIONS[name],
            bias=False,
            gated=gated,
        ),
        norm="RMSNormalization",
        norm_first=True,
        dropout=rate,
    )
    net = NetworkBuilder(family)
    table = _vocabulary(net, vocabulary, width)
    depth = config.size("num_layers", most=MOST_BLOCKS)
    buckets = config.size("relative_attention_num_buckets", 32)

    def side(name: str, block: Block, blocks: int, memory: Tokens | None) -> Tokens:
        with net.scope(name):
            # Biases of the scores by distance, shared by all blocks of a side.
            _embedded(net, 2 * positions - 1, buckets, heads, "distance")
            words = _words(net, table, positions, width).dropped(rate)
            tokens = _stacked(block, words, blocks, memory=memory)
            return tokens.then("RMSNormalization").dropped(rate)

    memory = side("encoder", block, depth, None)
    crossed = replace(block, crossed=True)
    blocks = config.size("num_decoder_layers", depth, most=MOST_BLOCKS)
    tokens = side("decoder", crossed, blocks, memory)
    if head == "Model":
        return net.finish(tokens.tensor)
    tied = config.flag("tie_word_embeddings", True)
    return _decoder_head(
        tokens, config, "ForCausalLM", table if tied else None, vocabulary
    )


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
    extra = _embedded(net, 1, 1, width, "class")
    both = net.add("Concatenate", extra.tensor, flat, axis=1)
    tokens = Tokens(net=net, tensor=both, positions=places + 1, width=width)
    placed = _embedded(net, places + 1, places + 1, width, "place")
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
        attention=_heads(
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
    tokens = _stacked(block, tokens, config.size("num_hidden_layers", most=MOST_BLOCKS))
    first = tokens.then("LayerNormalization").first()
    if head == "Model":
        return net.finish(first.dense(width, activation="tanh", name="pooler").tensor)
    return net.finish(first.dense(config.labels(), name="classifier").tensor)


def _refuse_length(request: Request, family: str) -> None:
    _refuse_decode(request, family)
    if request.sequence_length is not None:
        raise UsageError(
            f"{family!r} has as many positions as its images have patches; leave the "
            "sequence length out"
        )


def _clip(config: Config, request: Request, family: str) -> Architecture:
    _refuse_decode(request, family)
    config.head(("Model",))
    text, vision = config.inside("text_config"), config.inside("vision_config")
    shared = config.size("projection_dim", 512)
    net = NetworkBuilder(family)

    def blocks(part: Config, width: int, units: int, heads: int) -> Block:
        return Block(
            attention=_heads(
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
        images = _stacked(
            blocks(vision, width, 3072, 12),
            images.then("LayerNormalization", name="first_norm"),
            vision.size("num_hidden_layers", 12, most=MOST_BLOCKS),
        )
        image = images.first().then("LayerNormalization", name="last_norm")
        image = image.dense(shared, use_bias=False, name="projection")
    with net.scope("text"):
        width = text.size("hidden_size", 512)
        longest = text.size("max_position_embeddings", 77)
        positions = (
            longest if request.sequence_length is None else _positions(request, longest)
        )
        table = _vocabulary(net, text.size("vocab_size", 49408), width)
        tokens = _words(net, table, positions, width)
        placed = _embedded(net, positions, longest, width, "position")
        tokens = _stacked(
            blocks(text, width, 2048, 8),
            tokens.then("Add", placed),
            text.size("num_hidden_layers", 12, most=MOST_BLOCKS),
        )
        words = tokens.then("LayerNormalization", name="last_norm").first()
        words = words.dense(shared, use_bias=False, name="projection")
    scale = _embedded(net, 1, 1, 1, "scale")  # of their products, one learned number
    return net.finish(image.tensor, words.tensor, scale.tensor)


_DECODERS: dict[str, Family] = {
    "gpt2": _gpt2,
    "llama": _llama,
    "mistral": _llama,
    "mixtral": _llama,
    "opt": _opt,
    "qwen2": _llama,
    "qwen3": _llama,
}
_FAMILIES: dict[str, Family] = {
    "bert": _bert,
    "clip": _clip,
    "distilbert": _distilbert,
    "roberta": _bert,
    "t5": _t5,
    "vit": _vit,
    **_DECODERS,
}


def is_config(description: Mapping[str, object]) -> bool:
    """Say whether parsed JSON is the configuration of a transformer.

    Parameters
    ----------
    description : mapping
        Any JSON object.

    Returns
    -------
    is_config : bool
        Whether it names a ``model_type`` and is no Keras network.

    Examples
    --------
    >>> is_config({"model_type": "gpt2", "n_layer": 12})
    True
    """
    return "model_type" in description and "class_name" not in description


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
