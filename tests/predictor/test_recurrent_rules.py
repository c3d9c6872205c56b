"""Layers that walk along a sequence are counted as Keras builds them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.counting.recurrent import RULES
from predictor.counting.rule import Call
from predictor.counting.settings import Settings
from predictor.errors import ArchitectureError, UnsupportedLayerError

SEQUENCE = (7, 5)
VIDEO = (3, 8, 6, 2)
KINDS = ("LSTM", "GRU", "SimpleRNN")
CONV_LSTM = {"filters": 4, "kernel_size": [3, 2]}


def count(kind, shape=SEQUENCE, **settings):
    call = Call(settings=Settings(kind.lower(), settings), inputs=(shape,))
    return RULES[kind](call)


def macs(counted):
    return sum(work.macs for work in counted.operations)


def sizes(counted):
    return [weight.size for weight in counted.weights]


def assert_counted_as_built(layer, shape, counted, keras):
    outputs = keras.tree.flatten(layer(keras.Input(shape)))

    assert [tuple(output.shape[1:]) for output in outputs] == list(counted.outputs)
    assert sizes(counted) == [math.prod(weight.shape) for weight in layer.weights]
    assert sum(w.size for w in counted.weights if w.trainable) == sum(
        math.prod(weight.shape) for weight in layer.trainable_weights
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_bias": False},
        {"return_sequences": True},
        {"return_state": True},
        {"return_sequences": True, "return_state": True, "go_backwards": True},
        {"dropout": 0.5, "recurrent_dropout": 0.5},
        {"trainable": False},
        {"activation": "relu", "unroll": True},
    ],
    ids=repr,
)
def test_keras_builds_the_same_weights_and_shapes(kind, settings, keras):
    layer = getattr(keras.layers, kind)(units=4, **settings)

    assert_counted_as_built(layer, SEQUENCE, count(kind, **layer.get_config()), keras)


def test_a_gru_that_resets_before_has_one_bias(keras):
    layer = keras.layers.GRU(4, reset_after=False)

    counted = count("GRU", **layer.get_config())

    assert_counted_as_built(layer, SEQUENCE, counted, keras)
    assert sum(sizes(counted)) + 12 == sum(sizes(count("GRU", units=4)))


@pytest.mark.parametrize(
    ("kind", "shape", "settings"),
    [
        ("ConvLSTM1D", (3, 8, 2), {"filters": 4, "kernel_size": 3}),
        ("ConvLSTM2D", VIDEO, CONV_LSTM),
        ("ConvLSTM2D", VIDEO, {**CONV_LSTM, "strides": 2, "padding": "same"}),
        ("ConvLSTM2D", VIDEO, {**CONV_LSTM, "use_bias": False, "dropout": 0.1}),
        (
            "ConvLSTM2D",
            VIDEO,
            {**CONV_LSTM, "return_sequences": True, "return_state": True},
        ),
        ("ConvLSTM3D", (2, 4, 4, 4, 2), {"filters": 2, "kernel_size": 2}),
    ],
)
def test_keras_builds_the_same_convolutional_recurrence(kind, shape, settings, keras):
    layer = getattr(keras.layers, kind)(**settings)

    assert_counted_as_built(layer, shape, count(kind, shape, **settings), keras)


@pytest.mark.parametrize("return_state", [False, True])
def test_keras_builds_the_same_stack_of_cells(return_state, keras):
    layers = keras.layers
    cells = [layers.LSTMCell(3), layers.GRUCell(4), layers.SimpleRNNCell(5)]
    layer = layers.RNN(cells, return_state=return_state)

    counted = count("RNN", **layer.get_config())

    assert_counted_as_built(layer, SEQUENCE, counted, keras)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lone_cell_counts_as_its_layer(kind):
    cell = {"class_name": f"{kind}Cell", "config": {"units": 4}}

    assert count("RNN", cell=cell) == count(kind, units=4)


def test_a_bare_list_of_cells_is_a_stack():
    cells = [{"class_name": "GRUCell", "config": {"units": n}} for n in (4, 2)]
    stack = {"class_name": "StackedRNNCells", "config": {"cells": cells}}

    assert count("RNN", cell=cells) == count("RNN", cell=stack)


@pytest.mark.parametrize("kind", KINDS)
@given(steps=st.integers(1, 10**6), times=st.integers(1, 1000))
def test_work_is_linear_in_the_time_steps(kind, steps, times):
    short = count(kind, (steps, 5), units=4)
    long = count(kind, (steps * times, 5), units=4)

    assert macs(long) == times * macs(short)
    assert sizes(long) == sizes(short)


@pytest.mark.parametrize("kind", KINDS)
def test_every_time_step_starts_each_kernel_once(kind):
    products = [
        (work.kind, work.launches, work.positions)
        for work in count(kind, units=4).operations
        if work.kind != "copy"
    ]

    gates = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "recurrent"}[kind]
    assert products == [("matmul", 7, 1), ("matmul", 7, 1), (gates, 7, 1)]


@given(units=st.integers(1, 500), features=st.integers(1, 500))
def test_more_gates_are_more_work(units, features):
    work = [macs(count(kind, (7, features), units=units)) for kind in KINDS]

    simple = 7 * units * (units + features)
    assert work == [4 * simple, 3 * simple, simple]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings", [{}, {"recurrent_dropout": 0.5}, {"reset_after": False}]
)
def test_the_operations_touch_every_weight_once(kind, settings):
    counted = count(kind, units=4, **settings)

    touched = sum(work.weights for work in counted.operations)
    assert touched == sum(sizes(counted))


def test_dropout_of_the_state_splits_the_kernels_but_not_the_work():
    fused, split = count("LSTM", units=4), count("LSTM", units=4, recurrent_dropout=0.1)

    assert macs(split) == macs(fused)
    assert sum(work.kind == "matmul" for work in split.operations) == 8


def test_dropout_masks_belong_to_training_only():
    plain = count("GRU", units=4)
    dropping = count("GRU", units=4, dropout=0.2)

    kept = [work for work in dropping.operations if not work.training_only]
    assert kept == list(plain.operations)
    assert len(dropping.operations) > len(kept)


def test_a_convolutional_time_step_does_eight_convolutions():
    counted = count("ConvLSTM2D", VIDEO, filters=4, kernel_size=3, padding="same")

    convolutions = [o for o in counted.operations if o.kind == "convolution"]
    assert len(convolutions) == 8
    assert {work.launches for work in convolutions} == {3}
    assert macs(counted) == 3 * 8 * 6 * 9 * (2 + 4) * 4 * 4


@pytest.mark.parametrize(
    ("kind", "shape", "settings", "message"),
    [
        ("LSTM", (5,), {"units": 4}, "takes a sequence of 2 axes"),
        ("LSTM", SEQUENCE, {}, "'units' is missing"),
        ("LSTM", SEQUENCE, {"units": 4, "dropout": "much"}, "'dropout'"),
        ("GRU", (None, 5), {"units": 4}, "is open"),
        ("GRU", SEQUENCE, {"units": 4, "activation": "mine"}, "activation"),
        ("RNN", SEQUENCE, {}, "a cell must be an object"),
        ("RNN", SEQUENCE, {"cell": {"class_name": "LSTMCell"}}, "lacks"),
        ("RNN", SEQUENCE, {"cell": []}, "at least one cell"),
        ("ConvLSTM2D", SEQUENCE, CONV_LSTM, "takes a sequence of 4 axes"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_so(kind, shape, settings, message):
    with pytest.raises(ArchitectureError, match=message):
        count(kind, shape, **settings)


def test_an_unknown_cell_is_named():
    cell = {"class_name": "MyCell", "config": {"name": "mine"}}

    with pytest.raises(UnsupportedLayerError) as info:
        count("RNN", cell=cell)

    assert (info.value.kind, info.value.name) == ("MyCell", "rnn/mine")
