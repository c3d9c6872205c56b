"""Relations that hold whatever the formulas are."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.counting.operation import PHASES, backward
from predictor.features import (
    FEATURE_NAMES,
    OPERATION_COLUMNS,
    QUANTITIES,
    STEP_COLUMNS,
    describe_steps,
)
from predictor.workload import Workload
from tests.predictor import device

NETWORK = device.count(device.cnn(16, 8, 8))


def one_layer(shape, kind, **config):
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, *shape]}}]
    layers.append({"class_name": kind, "config": {"padding": "same", **config}})
    return device.count({"class_name": "Sequential", "config": {"layers": layers}})


GROUPED = device.count(
    {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_shape": [None, 9, 9, 4]},
                },
                {"class_name": "Conv2D", "config": {"filters": 8, "kernel_size": 3}},
                {
                    "class_name": "Conv2D",
                    "config": {"filters": 8, "kernel_size": 3, "groups": 2},
                },
            ]
        },
    }
)


def total(network, workload, quantity):
    table = describe_steps([(network, workload)])
    return float(table.total(table.column(quantity))[0])


def test_columns_are_the_declared_ones():
    table = describe_steps([(NETWORK, Workload())])

    assert table.operations.shape[1] == len(OPERATION_COLUMNS)
    assert table.steps.shape == (1, len(STEP_COLUMNS))
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert np.isfinite(table.operations).all()
    assert np.isfinite(table.steps).all()


def test_epochs_and_samples_are_no_features():
    short = describe_steps([(NETWORK, Workload(samples=64))])
    long = describe_steps([(NETWORK, Workload(samples=64_000, epochs=9))])

    assert np.array_equal(short.steps, long.steps)
    assert np.array_equal(short.operations, long.operations)


@settings(max_examples=30, deadline=None)
@given(
    widths=st.lists(st.integers(1, 200), min_size=1, max_size=5),
    batch_size=st.integers(1, 64),
    extra=st.integers(1, 50),
)
def test_a_wider_last_layer_is_never_less_work(widths, batch_size, extra):
    workload = Workload(batch_size=batch_size)
    narrow = device.count(device.mlp(8, *widths))
    wide = device.count(device.mlp(8, *widths[:-1], widths[-1] + extra))

    for quantity in QUANTITIES:
        assert total(wide, workload, quantity) >= total(narrow, workload, quantity)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_training_is_more_work_than_inference(quantity):
    training = total(GROUPED, Workload(mode="training"), quantity)
    inference = total(GROUPED, Workload(mode="inference"), quantity)

    assert training > inference


def test_macs_and_activations_scale_with_the_batch_and_weights_do_not():
    one, four = Workload(batch_size=1), Workload(batch_size=4)

    assert total(NETWORK, four, "macs") == 4 * total(NETWORK, one, "macs")
    assert total(NETWORK, four, "weight_bytes") == total(NETWORK, one, "weight_bytes")
    assert total(NETWORK, four, "launches") == total(NETWORK, one, "launches")


def test_half_the_element_size_is_half_the_bytes():
    full, half = Workload(dtype="float32"), Workload(dtype="bfloat16")

    assert total(NETWORK, full, "activation_bytes") == 2 * total(
        NETWORK, half, "activation_bytes"
    )


def test_an_optimizer_with_state_moves_more_bytes():
    plain, adam = Workload(optimizer="sgd"), Workload(optimizer="adam")

    assert total(NETWORK, adam, "weight_bytes") > total(NETWORK, plain, "weight_bytes")


def test_taking_rows_is_describing_them():
    jobs = [
        (device.count(device.mlp(4, width)), Workload(batch_size=width))
        for width in (2, 5, 9)
    ]
    table = describe_steps(jobs)

    taken = table.take([2, 0, 2])

    expected = describe_steps([jobs[2], jobs[0], jobs[2]])
    assert np.array_equal(taken.operations, expected.operations)
    assert np.array_equal(taken.step, expected.step)
    assert np.array_equal(taken.steps, expected.steps)


def test_merging_equal_operations_keeps_totals():
    jobs = [(device.count(device.mlp(8, *[8] * n)), Workload()) for n in (2, 7)]
    table = describe_steps(jobs)

    merged = table.merged()

    assert len(merged.operations) < len(table.operations)
    for quantity in QUANTITIES:
        assert merged.total(merged.column(quantity)) == pytest.approx(
            table.total(table.column(quantity))
        )


def test_a_look_up_reads_rows_and_its_gradient_is_a_whole_table():
    network = device.count(
        {
            "class_name": "Sequential",
            "config": {
                "layers": [
                    {"class_name": "InputLayer", "config": {"batch_shape": [None, 3]}},
                    {
                        "class_name": "Embedding",
                        "config": {"input_dim": 1000, "output_dim": 8},
                    },
                ]
            },
        }
    )
    inference = Workload(mode="inference", batch_size=1)

    assert total(network, inference, "weight_bytes") == 0
    assert total(network, inference, "activation_bytes") == 2 * 3 * 8 * 4
    assert total(network, Workload(), "weight_bytes") >= 2 * 8000 * 4


def test_the_gradient_of_a_convolution_has_the_windows_of_the_one_turned_round():
    there = one_layer((12, 12, 5), "Conv2D", filters=7, kernel_size=3)
    back = one_layer((12, 12, 7), "Conv2DTranspose", filters=5, kernel_size=3)

    def windows(network, phase):
        table = describe_steps([(network, Workload(batch_size=2))])
        rows = table.column("phase") == PHASES.index(phase)
        # The first layer's input needs no gradient, so it is asked for directly.
        return float(table.column("window_bytes")[rows].sum())

    gradient = backward(
        there.layers[-1].forward[0], input_gradient=True, weight_gradient=False
    )
    layer = dataclasses.replace(there.layers[-1], forward=gradient, backward=())
    network = dataclasses.replace(there, layers=(layer,))

    assert windows(network, "input_gradient") == windows(back, "forward")
    assert windows(there, "forward") == 2 * 4 * 12**2 * 9 * 5


@pytest.mark.parametrize("channels", [1, 8, 64])
@pytest.mark.parametrize("filters", [1, 32])
def test_a_transposed_convolution_finds_each_point_of_its_windows_once(
    channels, filters
):
    network = one_layer(
        (6, 6, channels), "Conv2DTranspose", filters=filters, kernel_size=3, strides=2
    )
    inference = Workload(mode="inference", batch_size=2)

    assert total(network, inference, "window_bytes") == 2 * 6 * 6 * 9 * 64


def test_a_transposed_convolution_without_a_stride_is_a_convolution():
    options = {"filters": 6, "kernel_size": 3, "padding": "same"}
    plain, turned, strided = (
        describe_steps([(one_layer((8, 8, 4), kind, **more, **options), Workload())])
        for kind, more in (
            ("Conv2D", {}),
            ("Conv2DTranspose", {}),
            ("Conv2DTranspose", {"strides": 2}),
        )
    )

    for column in OPERATION_COLUMNS:
        assert plain.column(column).tolist() == turned.column(column).tolist()
    assert set(strided.column("kind")) != set(plain.column("kind"))


def test_only_windows_that_overlap_or_skip_are_copied():
    pointwise = one_layer((8, 8, 4), "Conv2D", filters=6, kernel_size=1)

    assert total(pointwise, Workload(), "window_bytes") == 0


def test_groups_save_the_weights_between_them():
    job = Workload(mode="inference")
    plain, grouped = (
        one_layer((8, 8, 12), "Conv2D", filters=12, kernel_size=3, groups=groups)
        for groups in (1, 3)
    )

    assert total(plain, job, "cross_group_bytes") == 0
    assert total(grouped, job, "cross_group_bytes") == pytest.approx(
        total(plain, job, "weight_bytes") - total(grouped, job, "weight_bytes"),
        rel=0.05,  # the bias has no groups
    )


def test_a_convolution_of_single_channels_is_a_depthwise_one():
    grouped = one_layer((8, 8, 6), "Conv2D", filters=12, kernel_size=3, groups=6)
    depthwise = one_layer(
        (8, 8, 6), "DepthwiseConv2D", depth_multiplier=2, kernel_size=3
    )
    one, other = (describe_steps([(n, Workload())]) for n in (grouped, depthwise))

    for column in ("kind", "macs", "inner", "columns", "groups", "window_bytes"):
        assert one.column(column).tolist() == other.column(column).tolist()


def test_overlapping_pools_read_more_than_the_map_holds():
    apart, overlapping = (
        one_layer((8, 8, 4), "MaxPooling2D", pool_size=2, strides=strides)
        for strides in (2, 1)
    )
    job = Workload(mode="inference", batch_size=1)

    assert total(apart, job, "activation_bytes") == 4 * (8 * 8 * 4 + 4 * 4 * 4)
    assert total(overlapping, job, "activation_bytes") == 4 * 8 * 8 * 4 * (4 + 1)
