"""Relations that hold whatever the formulas are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    training = total(NETWORK, Workload(mode="training"), quantity)
    inference = total(NETWORK, Workload(mode="inference"), quantity)

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
