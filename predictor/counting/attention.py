"""Counting rules of the layers in which positions look at each other."""

from collections.abc import Mapping
from functools import partial
from itertools import count

from predictor.architecture import Shape
from predictor.counting.operation import Operation
from predictor.counting.parts import elementwise, matmul, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import tensor_axes

_TENSORS = ("query", "value", "key")


def _checked(
    settings: Settings, given: Mapping[str, Shape]
) -> tuple[Shape, Shape, Shape]:
    if "query" not in given or "value" not in given:
        raise settings.error("needs at least the tensors query and value")
    query, value = given["query"], given["value"]
    key = given.get("key", value)
    if not 2 <= len(query) == len(value) == len(key):
        raise settings.error(
            "query, value and key need the axes (positions, features) and the same "
            f"rank, got {query}, {value} and {key}"
        )
    if value[:-1] != key[:-1]:
        raise settings.error(
            f"value {value} and key {key} must have the same positions"
        )
    return query, value, key


def _query_value_key(call: Call) -> tuple[Shape, Shape, Shape]:
    # Places taken by arguments that are no tensors, such as a None, are left out.
    places = (place for place in count() if str(place) not in call.arguments)
    given = dict(call.keywords)
    for shape, place in zip(call.inputs, places, strict=False):
        if place < len(_TENSORS):
            given[_TENSORS[place]] = shape
    return _checked(call.settings, given)


def _outputs(call: Call, output: Shape, scores: Shape) -> tuple[Shape, ...]:
    wanted = call.arguments.get("return_attention_scores", False)
    return (output, scores) if wanted else (output,)


def _normalise(settings: Settings, scores: int) -> tuple[Operation, ...]:
    softmax = elementwise(scores, kind="softmax")
    rate = settings.raw("dropout")
    if not isinstance(rate, int | float) or rate <= 0:
        return (softmax,)
    return (softmax, elementwise(scores, kind="random", training_only=True))


def _projection(
    positions: int, inner: int, columns: int, settings: Settings
) -> Operation:
    bias = columns if settings.flag("use_bias", True) else 0
    return matmul(positions=positions, inner=inner, columns=columns, bias=bias)


def _weights_of(projection: Operation) -> tuple[Weight, ...]:
    kernel = projection.inner * projection.columns
    sizes = (kernel, projection.weights - kernel)
    return tuple(Weight(size=size) for size in sizes if size)


def _count_heads(
    call: Call,
    *,
    attended: tuple[int, ...],
    heads: int,
    key_heads: int,
    key_dim: int,
    value_dim: int,
    features: Shape,
) -> Counted:
    """Count attention whose query, key, value and output are projected."""
    settings = call.settings
    query, value, key = _query_value_key(call)
    apart = [axis for axis in range(len(value) - 1) if axis not in attended]
    if any(query[axis] != value[axis] for axis in apart):
        raise settings.error(
            f"query {query} and value {value} must agree on the axes not attended"
        )
    batch = tuple(query[axis] for axis in apart)
    queries = tuple(query[axis] for axis in attended)
    keys = tuple(value[axis] for axis in attended)

    positions, places = product(query[:-1]), product(value[:-1])
    mixed = heads * value_dim
    query_features = product(query[-1:])
    projections = [
        _projection(positions, query_features, heads * key_dim, settings),
        _projection(places, product(key[-1:]), key_heads * key_dim, settings),
        _projection(places, product(value[-1:]), key_heads * value_dim, settings),
    ]
    gating: list[Operation] = []
    if settings.flag("use_gate", False):
        projections.append(_projection(positions, query_features, mixed, settings))
        gating = [
            elementwise(positions * mixed, kind="transcendental"),
            elementwise(positions * mixed, inputs=2),
        ]
    repeats: list[Operation] = []
    if key_heads < heads:  # each is copied for every query head of its group
        repeats = [
            elementwise(places * heads * width, kind="copy")
            for width in (key_dim, value_dim)
        ]
    groups = product(batch) * heads
    scores = matmul(
        positions=product(queries),
        inner=key_dim,
        columns=product(keys),
        groups=groups,
        weighted=False,
    )
    mixture = matmul(
        positions=product(queries),
        inner=product(keys),
        columns=value_dim,
        groups=groups,
        weighted=False,
    )
    output = _projection(positions, mixed, product(features), settings)
    return Counted(
        outputs=_outputs(
            call, (*query[:-1], *features), (*batch, heads, *queries, *keys)
        ),
        weights=tuple(
            weight for work in (*projections, output) for weight in _weights_of(work)
        ),
        operations=(
            *projections,
            *repeats,
            scores,
            *_normalise(settings, scores.written),
            mixture,
            *gating,
            output,
        ),
    )


def _attended_axes(settings: Settings, rank: int) -> tuple[int, ...]:
    """Return the attended axes, zero-based, of shapes of a rank without batch."""
    written = settings.raw("attention_axes")
    if written is None or written == []:
        return tuple(range(rank - 1))
    axes = tensor_axes(written, rank, settings, key="attention_axes")
    if axes[-1] == rank - 1:
        raise settings.error("'attention_axes' must not name the last axis")
    return axes


def _multi_head_attention(call: Call) -> Counted:
    settings = call.settings
    query, value, _ = _query_value_key(call)
    heads, key_dim = settings.integer("num_heads"), settings.integer("key_dim")
    features = settings.raw("output_shape")
    axes = len(features) if isinstance(features, list | tuple) else 1
    return _count_heads(
        call,
        attended=_attended_axes(settings, len(value)),
        heads=heads,
        key_heads=heads,
        key_dim=key_dim,
        value_dim=settings.integer("value_dim", key_dim),
        features=settings.sizes("output_shape", axes=axes) if features else query[-1:],
    )


def _grouped_query_attention(call: Call) -> Counted:
    settings = call.settings
    query, value, _ = _query_value_key(call)
    if len(query) != 2 or query[-1] != value[-1]:
        raise settings.error(
            "query and value need the shape (positions, features) and as many "
            f"features, got {query} and {value}"
        )
    heads = settings.integer("num_query_heads")
    key_heads = settings.integer("num_key_value_heads")
    if heads % key_heads:
        raise settings.error(
            "'num_query_heads' must be a multiple of 'num_key_value_heads', "
            f"got {heads} and {key_heads}"
        )
    head_dim = settings.integer("head_dim")
    return _count_heads(
        call,
        attended=(0,),
        heads=heads,
        key_heads=key_heads,
        key_dim=head_dim,
        value_dim=head_dim,
        features=query[-1:],
    )


def _dot_scores(
    *, batch: int, queries: int, keys: int, features: int, use_scale: bool
) -> tuple[tuple[Operation, ...], tuple[Weight, ...]]:
    scores = matmul(
        positions=queries, inner=features, columns=keys, groups=batch, weighted=False
    )
    if not use_scale:
        return (scores,), ()
    return (scores, elementwise(scores.written, weights=1)), (Weight(size=1),)


def _summed_scores(
    *,
    batch: int,
    queries: int,
    keys: int,
    features: int,
    inside: int = 0,
    per_feature: int = 0,
    outside: int = 0,
) -> tuple[tuple[Operation, ...], tuple[Weight, ...]]:
    """Count outside * sum(per_feature * tanh(inside * (query + key))).

    The three are numbers of weights, 0 where nothing is multiplied.
    """
    pairs = batch * queries * keys
    pair_sums = Operation(
        kind="elementwise",
        read=batch * (queries + keys) * features,
        written=pairs * features,
        weights=inside,
    )
    total = Operation(
        kind="reduction",
        macs=pairs * per_feature,
        read=pairs * features,
        written=pairs,
        weights=per_feature,
        positions=pairs,
        inner=features,
    )
    scale = (elementwise(pairs, weights=outside),) if outside else ()
    sizes = (inside, per_feature, outside)
    return (
        (
            pair_sums,
            elementwise(pairs * features, kind="transcendental"),
            total,
            *scale,
        ),
        tuple(Weight(size=size) for size in sizes if size),
    )


def _plain_attention(call: Call, *, additive: bool) -> Counted:
    """Count attention without projections; `additive` is Bahdanau's form."""
    settings = call.settings
    tensors = call.inputs or tuple(call.keywords.values())  # inputs=[query, value]
    given = dict(zip(_TENSORS, tensors, strict=False))
    query, value, key = _checked(settings, given)
    if query[:-2] != value[:-2] or query[-1] != key[-1]:
        raise settings.error(
            f"query {query} and key {key} must differ in their positions only"
        )
    batch, features = product(query[:-2]), product(query[-1:])
    queries, keys = product(query[-2:-1]), product(key[-2:-1])
    use_scale = settings.flag("use_scale", additive)
    mode = settings.text("score_mode", "dot", allowed=("dot", "concat"))
    summed = partial(
        _summed_scores, batch=batch, queries=queries, keys=keys, features=features
    )
    if additive:
        scoring, weights = summed(per_feature=features if use_scale else 0)
    elif mode == "concat":
        scoring, weights = summed(inside=1 if use_scale else 0, outside=1)
    else:
        scoring, weights = _dot_scores(
            batch=batch,
            queries=queries,
            keys=keys,
            features=features,
            use_scale=use_scale,
        )
    mixture = matmul(
        positions=queries,
        inner=keys,
        columns=product(value[-1:]),
        groups=batch,
        weighted=False,
    )
    return Counted(
        outputs=_outputs(call, (*query[:-1], value[-1]), (*query[:-1], key[-2])),
        weights=weights,
        operations=(*scoring, *_normalise(settings, batch * queries * keys), mixture),
    )


RULES: dict[str, Rule] = {
    "MultiHeadAttention": _multi_head_attention,
    "GroupQueryAttention": _grouped_query_attention,
    "GroupedQueryAttention": _grouped_query_attention,
    "Attention": partial(_plain_attention, additive=False),
    "AdditiveAttention": partial(_plain_attention, additive=True),
}
