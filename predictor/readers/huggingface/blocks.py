"""The parts that transformers are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from predictor.architecture import TensorRef
from predictor.errors import ArchitectureError
from predictor.readers.building import NetworkBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A sequence inside a network under construction.

    Parameters
    ----------
    net : NetworkBuilder
        What it is part of.
    tensor : TensorRef
        Of shape (positions, width).
    positions, width : int
        Its sizes.
    """

    net: NetworkBuilder
    tensor: TensorRef
    positions: int
    width: int

    def then(self, kind: str, *others: Tokens, **settings: Any) -> Tokens:
        """Add a layer that keeps the shape.

        Parameters
        ----------
        kind : str
            Keras' class name.
        *others : Tokens
            Further inputs.
        **settings : object
            Keras' configuration.

        Returns
        -------
        tokens : Tokens
            What the layer makes.
        """
        inputs = (self.tensor, *(other.tensor for other in others))
        return self.made(self.net.add(kind, *inputs, **settings))

    def dense(self, units: int, **settings: Any) -> Tokens:
        """Add a dense layer.

        Parameters
        ----------
        units : int
            Width of what it makes.
        **settings : object
            Keras' configuration.

        Returns
        -------
        tokens : Tokens
            What the layer makes.
        """
        tensor = self.net.add("Dense", self.tensor, units=units, **settings)
        return Tokens(
            net=self.net, tensor=tensor, positions=self.positions, width=units
        )

    def made(self, tensor: TensorRef) -> Tokens:
        """Return another tensor of this shape.

        Parameters
        ----------
        tensor : TensorRef
            Of shape (positions, width).

        Returns
        -------
        tokens : Tokens
            The tensor with its shape.
        """
        return Tokens(
            net=self.net, tensor=tensor, positions=self.positions, width=self.width
        )

    def dropped(self, rate: float) -> Tokens:
        """Add a dropout where the rate is not 0.

        Parameters
        ----------
        rate : float
            Share dropped in training.

        Returns
        -------
        tokens : Tokens
            What comes out.
        """
        return self.then("Dropout", rate=rate) if rate else self

    def first(self) -> Tokens:
        """Return the first position alone.

        Returns
        -------
        tokens : Tokens
            One position.
        """
        rest = self.positions - 1
        tensor = self.net.add("Cropping1D", self.tensor, cropping=[0, rest])
        return Tokens(net=self.net, tensor=tensor, positions=1, width=self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """How positions look at each other.

    Parameters
    ----------
    heads, key_heads : int
        Heads of the queries, and of the keys and values they share.
    size : int
        Features per head.
    bias, output_bias : bool
        Of the three projections, and of the one behind the heads.
    rotary : bool, default=False
        Whether queries and keys are turned by their position.
    normalised : bool, default=False
        Whether each head's queries and keys are normalised (Qwen 3).
    dropout : float, default=0.0
        Share of the scores dropped in training.
    """

    heads: int
    key_heads: int
    size: int
    bias: bool
    output_bias: bool
    rotary: bool = False
    normalised: bool = False
    dropout: float = 0.0

    def of(
        self, tokens: Tokens, *, memory: Tokens | None = None, cached: int = 0
    ) -> Tokens:
        """Add an attention.

        Parameters
        ----------
        tokens : Tokens
            Where the queries come from.
        memory : Tokens, optional
            Where keys and values come from; by default the tokens themselves.
        cached : int, default=0
            Positions whose keys and values are kept from earlier steps, this one
            among them; 0 where nothing is kept.

        Returns
        -------
        tokens : Tokens
            Of the same shape as `tokens`.
        """
        net, source = tokens.net, memory or tokens
        with net.scope("attention"):
            query = self._projected(tokens, self.heads, "query")
            key = self._projected(source, self.key_heads, "key")
            value = self._projected(source, self.key_heads, "value", turned=False)
            positions = source.positions
            keys, values = key.tensor, value.tensor
            if cached:
                positions = cached
                kept = (self.key_heads, cached, self.size)
                keys = net.input(kept, name="cached_keys")
                values = net.input(kept, name="cached_values")
            else:
                keys = self._by_head(source, keys, positions)
                values = self._by_head(source, values, positions)
            grouped = tokens.positions * self.heads // self.key_heads
            queries = self._by_head(tokens, query.tensor, grouped)
            mixed = net.add(
                "Attention", queries, values, keys, dropout=self.dropout, name="scores"
            )
            width = self.heads * self.size
            together = net.add("Reshape", mixed, target_shape=[tokens.positions, width])
            return Tokens(
                net=net, tensor=together, positions=tokens.positions, width=width
            ).dense(tokens.width, use_bias=self.output_bias, name="output")

    def _projected(
        self, source: Tokens, heads: int, name: str, *, turned: bool = True
    ) -> Tokens:
        made = source.dense(heads * self.size, use_bias=self.bias, name=name)
        if not turned:
            return made
        if self.normalised:
            net, places = source.net, [source.positions * heads, self.size]
            apart = net.add("Reshape", made.tensor, target_shape=places)
            scaled = net.add("RMSNormalization", apart, name=f"{name}_norm")
            shape = [source.positions, heads * self.size]
            made = made.made(net.add("Reshape", scaled, target_shape=shape))
        if self.rotary:  # times the cosine, plus the halves swapped times the sine
            turned_by = made.then("Multiply", made, name=f"{name}_sine")
            straight = made.then("Multiply", made, name=f"{name}_cosine")
            made = straight.then("Add", turned_by, name=f"{name}_rotated")
        return made

    def _by_head(self, source: Tokens, tensor: TensorRef, positions: int) -> TensorRef:
        shape = [self.key_heads, positions, self.size]
        return source.net.add("Reshape", tensor, target_shape=shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForward:
    """What each position goes through for itself.

    Parameters
    ----------
    units : int
        Inner width.
    activation : str
        Keras' name.
    bias : bool
        Of all products.
    gated : bool, default=False
        Whether a second product of the same size multiplies the activation's.
    experts, chosen : int, default=0
        Networks of this form beside each other, of which every position takes
        `chosen`; 0 for a single one.
    """

    units: int
    activation: str
    bias: bool
    gated: bool = False
    experts: int = 0
    chosen: int = 0

    def of(self, tokens: Tokens) -> Tokens:
        """Add the products.

        Parameters
        ----------
        tokens : Tokens
            What goes through.

        Returns
        -------
        tokens : Tokens
            Of the same shape.
        """
        net = tokens.net
        with net.scope("mlp"):
            if self.experts:
                return tokens.then(
                    "SparseExperts",
                    units=self.units,
                    experts=self.experts,
                    experts_per_token=self.chosen,
                    activation=self.activation,
                    name="experts",
                )
            inner = tokens.dense(
                self.units, use_bias=self.bias, activation=self.activation, name="in"
            )
            if self.gated:
                other = tokens.dense(self.units, use_bias=self.bias, name="gated")
                inner = inner.then("Multiply", other)
            return inner.dense(tokens.width, use_bias=self.bias, name="out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Attention and feed-forward network with their normalisations and shortcuts.

    Parameters
    ----------
    attention : Attention
        Of the sequence to itself.
    feed_forward : FeedForward
        Behind it.
    norm : str
        ``"LayerNormalization"`` or ``"RMSNormalization"``.
    norm_first : bool
        Whether the normalisation is inside the shortcut, before the work.
    crossed : bool, default=False
        Whether the sequence also looks at another one, between the two.
    dropout : float, default=0.0
        Behind each part, in training.
    """

    attention: Attention
    feed_forward: FeedForward
    norm: str
    norm_first: bool
    crossed: bool = False
    dropout: float = 0.0

    def of(
        self, tokens: Tokens, *, memory: Tokens | None = None, cached: int = 0
    ) -> Tokens:
        """Add a block.

        Parameters
        ----------
        tokens : Tokens
            What goes through.
        memory : Tokens, optional
            The other sequence, where the block is crossed.
        cached : int, default=0
            As in `Attention.of`.

        Returns
        -------
        tokens : Tokens
            Of the same shape.
        """
        before = self._before(tokens)
        tokens = self._after(tokens, self.attention.of(before, cached=cached))
        if self.crossed and memory is not None:
            before = self._before(tokens)
            tokens = self._after(tokens, self.attention.of(before, memory=memory))
        return self._after(tokens, self.feed_forward.of(self._before(tokens)))

    def _before(self, tokens: Tokens) -> Tokens:
        return tokens.then(self.norm) if self.norm_first else tokens

    def _after(self, tokens: Tokens, worked: Tokens) -> Tokens:
        summed = tokens.then("Add", worked.dropped(self.dropout))
        return summed if self.norm_first else summed.then(self.norm)


def usual_attention(width: int, heads: int, **settings: Any) -> Attention:
    """Return an attention whose heads share the width among them.

    Parameters
    ----------
    width : int
        Features of a position.
    heads : int
        Must divide the width.
    **settings : object
        What differs from one with a bias everywhere.

    Returns
    -------
    attention : Attention
        With as many heads for keys as for queries.

    Raises
    ------
    ArchitectureError
        If the heads do not divide the width.
    """
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


def stacked(
    block: Block,
    tokens: Tokens,
    times: int,
    *,
    memory: Tokens | None = None,
    cached: int = 0,
) -> Tokens:
    """Add blocks one behind the other.

    Parameters
    ----------
    block : Block
        All are alike.
    tokens : Tokens
        What goes into the first.
    times : int
        How many.
    memory : Tokens, optional
        The sequence that a crossed block looks at too.
    cached : int, default=0
        Positions whose keys and values are kept, as in `Attention.of`.

    Returns
    -------
    tokens : Tokens
        What the last one makes.
    """
    for number in range(times):
        with tokens.net.scope(f"block_{number}"):
            tokens = block.of(tokens, memory=memory, cached=cached)
    return tokens
