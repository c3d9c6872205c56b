"""Attention layers are counted as Keras builds them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.counting.attention import RULES
from predictor.counting.rule import Call
from predictor.counting.settings import Settings
from predictor.errors import ArchitectureError

HEADS = {"num_heads": 3, "key_dim": 4}
GROUPED = {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 2}


def count(kind, *shapes, keywords=None, arguments=None, **settings):
    call = Call(
        settings=Settings(kind.lower(), settings),
        inputs=shapes,
        keywords=keywords or {},
        arguments=arguments or {},
    )
    return RULES[kind](call)


def macs(counted):
    return sum(work.macs for work in counted.operations)


def params(counted):
    return sum(weight.size for weight in counted.weights)


def assert_counted_as_built(layer, outputs, counted, keras):
    shapes = [tuple(output.shape[1:]) for output in keras.tree.flatten(outputs)]

    assert shapes == list(counted.outputs)
    assert sorted(weight.size for weight in counted.weights) == sorted(
        math.prod(weight.shape) for weight in layer.weights
    )


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({}, [(7, 5), (7, 5)]),
        ({}, [(7, 5), (9, 6), (9, 8)]),
        ({"use_bias": False, "value_dim": 2}, [(7, 5), (9, 6)]),
        ({"output_shape": 11}, [(7, 5), (9, 6)]),
        ({"output_shape": [2, 3]}, [(7, 5), (9, 6)]),
        ({"attention_axes": [2]}, [(4, 7, 5), (4, 9, 5)]),
        ({"attention_axes": -2}, [(4, 7, 5), (4, 9, 5)]),
        ({"attention_axes": [1, 2]}, [(4, 7, 5), (3, 9, 5)]),
        ({}, [(4, 7, 5), (4, 7, 5)]),
        ({"use_gate": True, "dropout": 0.1}, [(7, 5), (9, 5)]),
    ],
    ids=repr,
)
def test_keras_builds_the_same_heads(settings, shapes, keras):
    layer = keras.layers.MultiHeadAttention(**HEADS, **settings)

    outputs = layer(*map(keras.Input, shapes))

    counted = count("MultiHeadAttention", *shapes, **HEADS, **settings)
    assert_counted_as_built(layer, outputs, counted, keras)


@pytest.mark.parametrize(
    "changes", [{}, {"use_bias": False}, {"use_gate": True}, {"num_query_heads": 2}]
)
def test_keras_builds_the_same_grouped_heads(changes, keras):
    settings = {**GROUPED, **changes}
    layer = keras.layers.GroupQueryAttention(**settings)

    outputs = layer(keras.Input((7, 5)), keras.Input((9, 5)))

    counted = count("GroupQueryAttention", (7, 5), (9, 5), **settings)
    assert_counted_as_built(layer, outputs, counted, keras)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Attention", {}),
        ("Attention", {"use_scale": True}),
        ("Attention", {"score_mode": "concat"}),
        ("Attention", {"score_mode": "concat", "use_scale": True, "dropout": 0.2}),
        ("AdditiveAttention", {}),
        ("AdditiveAttention", {"use_scale": False}),
    ],
)
@pytest.mark.parametrize("shapes", [[(7, 5), (9, 5)], [(7, 5), (9, 6), (9, 5)]])
def test_keras_builds_the_same_plain_attention(kind, settings, shapes, keras):
    layer = getattr(keras.layers, kind)(**settings)

    outputs = layer([keras.Input(shape) for shape in shapes])

    counted = count(kind, *shapes, **settings)
    assert_counted_as_built(layer, outputs, counted, keras)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("MultiHeadAttention", HEADS),
        ("GroupQueryAttention", GROUPED),
        ("Attention", {}),
        ("AdditiveAttention", {}),
    ],
)
def test_scores_are_a_second_output_where_asked_for(kind, settings, keras):
    layer = getattr(keras.layers, kind)(**settings)
    tensor = keras.Input((7, 5))
    arguments = {"return_attention_scores": True}

    plain = kind in ("Attention", "AdditiveAttention")
    outputs = (
        layer([tensor, tensor], **arguments)
        if plain
        else layer(tensor, tensor, **arguments)
    )

    counted = count(kind, (7, 5), (7, 5), arguments=arguments, **settings)
    assert_counted_as_built(layer, outputs, counted, keras)


def test_tensors_by_keyword_count_as_by_position():
    shapes = (7, 5), (9, 6), (9, 8)
    by_position = count("MultiHeadAttention", *shapes, **HEADS)

    names = dict(zip(("query", "value", "key"), shapes, strict=True))
    by_keyword = count("MultiHeadAttention", keywords=names, **HEADS)
    mixed = count(
        "MultiHeadAttention",
        (7, 5),
        keywords={"key": (9, 8), "value": (9, 6)},
        **HEADS,
    )

    assert by_position == by_keyword == mixed


def test_plain_attention_takes_its_list_by_keyword_too():
    listed = {"inputs[0]": (7, 5), "inputs[1]": (9, 5)}

    assert count("Attention", keywords=listed) == count("Attention", (7, 5), (9, 5))


def test_a_mask_behind_a_missing_key_is_no_key():
    plain = count("MultiHeadAttention", (7, 5), (9, 6), **HEADS)

    masked = count(
        "MultiHeadAttention", (7, 5), (9, 6), (7,), arguments={"2": None}, **HEADS
    )

    assert masked == plain


def test_grouped_heads_with_a_group_each_are_multi_head_attention():
    grouped = {"head_dim": 4, "num_query_heads": 3, "num_key_value_heads": 3}

    assert count("GroupedQueryAttention", (7, 5), (9, 5), **grouped) == count(
        "MultiHeadAttention", (7, 5), (9, 5), **HEADS
    )


@given(shared=st.integers(1, 6), group=st.integers(1, 6))
def test_sharing_keys_saves_weights_and_never_adds_macs(shared, group):
    heads = shared * group

    def grouped(key_heads):
        return count(
            "GroupQueryAttention",
            (7, 5),
            (9, 5),
            head_dim=4,
            num_query_heads=heads,
            num_key_value_heads=key_heads,
        )

    assert params(grouped(shared)) <= params(grouped(heads))
    assert macs(grouped(shared)) <= macs(grouped(heads))


@given(length=st.integers(1, 10_000), times=st.integers(1, 50))
def test_scores_grow_with_the_square_of_the_length(length, times):
    def score_elements(positions):
        counted = count("MultiHeadAttention", (positions, 5), (positions, 5), **HEADS)
        return sum(
            work.written for work in counted.operations if work.kind == "softmax"
        )

    assert score_elements(length) == 3 * length**2
    assert score_elements(length * times) == times**2 * score_elements(length)


def test_scores_and_values_are_products_without_weights_side_by_side():
    counted = count("MultiHeadAttention", (7, 5), (9, 5), **HEADS)

    products = [o for o in counted.operations if o.kind == "matmul" and not o.weights]
    assert [(o.groups, o.positions, o.inner, o.columns) for o in products] == [
        (3, 7, 4, 9),
        (3, 7, 9, 4),
    ]
    assert [work.macs for work in products] == [3 * 7 * 4 * 9] * 2


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("MultiHeadAttention", HEADS),
        ("MultiHeadAttention", {**HEADS, "use_gate": True, "use_bias": False}),
        ("GroupQueryAttention", GROUPED),
        ("Attention", {"use_scale": True}),
        ("Attention", {"use_scale": True, "score_mode": "concat"}),
        ("AdditiveAttention", {}),
    ],
)
def test_the_operations_touch_every_weight_once(kind, settings):
    counted = count(kind, (7, 5), (9, 5), **settings)

    assert sum(work.weights for work in counted.operations) == params(counted)


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "Attention"])
def test_dropout_adds_a_mask_to_training_only(kind):
    settings = HEADS if kind == "MultiHeadAttention" else {}
    plain = count(kind, (7, 5), (9, 5), **settings)
    dropping = count(kind, (7, 5), (9, 5), dropout=0.1, **settings)

    extra = [work for work in dropping.operations if work not in plain.operations]
    assert [(work.kind, work.training_only) for work in extra] == [("random", True)]


@pytest.mark.parametrize(
    ("kind", "shapes", "settings", "message"),
    [
        ("MultiHeadAttention", [(7, 5)], HEADS, "query and value"),
        ("MultiHeadAttention", [(7, 5), (4, 9, 5)], HEADS, "rank"),
        ("MultiHeadAttention", [(7, 5), (9, 5), (8, 5)], HEADS, "same positions"),
        ("MultiHeadAttention", [(5,), (5,)], HEADS, "axes"),
        ("MultiHeadAttention", [(7, 5), (9, 5)], {"num_heads": 3}, "'key_dim'"),
        ("MultiHeadAttention", [(None, 5), (9, 5)], HEADS, "is open"),
        (
            "MultiHeadAttention",
            [(4, 7, 5), (3, 9, 5)],
            {**HEADS, "attention_axes": 2},
            "not attended",
        ),
        (
            "MultiHeadAttention",
            [(7, 5), (9, 5)],
            {**HEADS, "attention_axes": 2},
            "last axis",
        ),
        (
            "GroupQueryAttention",
            [(7, 5), (9, 5)],
            {**GROUPED, "num_key_value_heads": 4},
            "multiple",
        ),
        ("GroupQueryAttention", [(7, 5), (9, 6)], GROUPED, "as many features"),
        ("Attention", [(7, 5), (9, 6)], {}, "positions only"),
        ("Attention", [(7, 5), (9, 5)], {"score_mode": "cos"}, "'score_mode'"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_so(kind, shapes, settings, message):
    with pytest.raises(ArchitectureError, match=message):
        count(kind, *shapes, **settings)
