"""Wrappers are counted as Keras builds them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.counting import recurrent
from predictor.counting.parts import matmul, product
from predictor.counting.rule import Call, Counted, Weight
from predictor.counting.settings import Settings
from predictor.counting.wrappers import RULES
from predictor.errors import ArchitectureError, UnsupportedLayerError

SEQUENCE = (7, 5)


def recurrent_layer(kind, **settings):
    def inner(shapes):
        call = Call(settings=Settings("inner", settings), inputs=shapes)
        return recurrent.RULES[kind](call)

    return inner


def dense(units):
    def inner(shapes):
        (shape,) = shapes
        positions, features = product(shape[:-1]), product(shape[-1:])
        return Counted(
            outputs=((*shape[:-1], units),),
            weights=(Weight(size=features * units), Weight(size=units)),
            operations=(
                matmul(positions=positions, inner=features, columns=units, bias=units),
            ),
        )

    return inner


def wrap(kind, inner, *shapes, **settings):
    call = Call(settings=Settings("wrapper", settings), inputs=shapes, inner=inner)
    return RULES[kind](call)


def macs(counted):
    return sum(work.macs for work in counted.operations)


def sizes(counted):
    return [weight.size for weight in counted.weights]


def assert_counted_as_built(layer, shape, counted, keras):
    outputs = keras.tree.flatten(layer(keras.Input(shape)))

    assert [tuple(output.shape[1:]) for output in outputs] == list(counted.outputs)
    assert sizes(counted) == [math.prod(weight.shape) for weight in layer.weights]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize(
    "settings",
    [{}, {"return_sequences": True}, {"return_sequences": True, "return_state": True}],
    ids=repr,
)
def test_keras_builds_the_same_two_directions(kind, merge_mode, settings, keras):
    forward = getattr(keras.layers, kind)(4, **settings)
    layer = keras.layers.Bidirectional(forward, merge_mode=merge_mode)

    inner = recurrent_layer(kind, units=4, **settings)
    counted = wrap("Bidirectional", inner, SEQUENCE, merge_mode=merge_mode)

    assert_counted_as_built(layer, SEQUENCE, counted, keras)


def test_keras_builds_the_same_backward_layer_of_its_own(keras):
    layers = keras.layers
    layer = layers.Bidirectional(
        layers.LSTM(4), backward_layer=layers.GRU(4, go_backwards=True)
    )

    inner = recurrent_layer("LSTM", units=4)
    counted = wrap("Bidirectional", inner, SEQUENCE, **layer.get_config())

    assert_counted_as_built(layer, SEQUENCE, counted, keras)


@pytest.mark.parametrize("shape", [(7, 5), (7, 3, 5)])
def test_keras_builds_the_same_layer_over_time(shape, keras):
    layer = keras.layers.TimeDistributed(keras.layers.Dense(4))

    counted = wrap("TimeDistributed", dense(4), shape)

    assert_counted_as_built(layer, shape, counted, keras)


@given(steps=st.integers(1, 100), units=st.integers(1, 100))
def test_two_directions_are_twice_the_work_of_one(steps, units):
    inner = recurrent_layer("LSTM", units=units)
    shape = (steps, 5)

    both = wrap("Bidirectional", inner, shape)

    assert macs(both) == 2 * macs(inner((shape,)))
    assert sizes(both) == 2 * sizes(inner((shape,)))


def test_the_twin_written_out_counts_as_the_twin_implied():
    inner = recurrent_layer("GRU", units=4)
    twin = {"class_name": "GRU", "config": {"units": 4, "go_backwards": True}}

    written_out = wrap("Bidirectional", inner, SEQUENCE, backward_layer=twin)

    assert written_out == wrap("Bidirectional", inner, SEQUENCE)


def test_a_sequence_read_backwards_is_turned_round():
    def copies(**settings):
        inner = recurrent_layer("LSTM", units=4, **settings)
        both = wrap("Bidirectional", inner, SEQUENCE, merge_mode="sum")
        alone = inner((SEQUENCE,)).operations
        copied = [work for work in both.operations if work.kind == "copy"]
        return len(copied) - 2 * sum(work.kind == "copy" for work in alone)

    assert copies(return_sequences=False) == 0
    assert copies(return_sequences=True) == 1


def test_initial_states_do_not_change_the_count():
    inner = recurrent_layer("GRU", units=4)

    with_states = wrap("Bidirectional", inner, SEQUENCE, (4,), (4,))

    assert with_states == wrap("Bidirectional", inner, SEQUENCE)


@given(steps=st.integers(1, 1000))
def test_a_layer_over_time_works_and_starts_once_per_step(steps):
    once = dense(4)(((3, 5),))

    counted = wrap("TimeDistributed", dense(4), (steps, 3, 5))

    (work,) = (work for work in counted.operations if work.kind == "matmul")
    (single,) = once.operations
    assert work.macs == steps * single.macs
    assert (work.launches, work.positions) == (steps, single.positions)
    assert work.weights == single.weights
    assert counted.weights == once.weights


@pytest.mark.parametrize(
    ("kind", "inner", "shapes", "settings", "message"),
    [
        ("TimeDistributed", dense(4), [(5,)], {}, "two axes"),
        ("TimeDistributed", None, [SEQUENCE], {}, "'layer' is missing"),
        ("TimeDistributed", dense(4), [(None, 5)], {}, "is open"),
        ("Bidirectional", None, [SEQUENCE], {}, "'layer' is missing"),
        ("Bidirectional", recurrent_layer("GRU", units=4), [], {}, "needs an input"),
        (
            "Bidirectional",
            recurrent_layer("GRU", units=4),
            [SEQUENCE],
            {"merge_mode": "max"},
            "'merge_mode'",
        ),
        (
            "Bidirectional",
            recurrent_layer("GRU", units=4),
            [SEQUENCE],
            {"backward_layer": {"class_name": "GRU", "config": {"units": 3}}},
            "same outputs",
        ),
        (
            "Bidirectional",
            recurrent_layer("GRU", units=4),
            [SEQUENCE],
            {"backward_layer": {"class_name": "GRU"}},
            "lacks",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_so(
    kind, inner, shapes, settings, message
):
    with pytest.raises(ArchitectureError, match=message):
        wrap(kind, inner, *shapes, **settings)


def test_an_unknown_backward_layer_is_named():
    backward = {"class_name": "Mine", "config": {"name": "back"}}

    with pytest.raises(UnsupportedLayerError) as info:
        wrap(
            "Bidirectional",
            recurrent_layer("LSTM", units=4),
            SEQUENCE,
            backward_layer=backward,
        )

    assert (info.value.kind, info.value.name) == ("Mine", "wrapper/back")
