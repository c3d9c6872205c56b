"""What counts as inside the fitted range."""

import pytest

from predictor.features import describe_steps
from predictor.prediction import judge, widening
from predictor.workload import Workload
from tests.predictor import device


def verdict(model, description, **workload):
    table = describe_steps([(device.count(description), Workload(**workload))])
    return judge(model, table)[1]


def test_every_fitted_row_is_inside(fitted, measurements):
    for item in measurements:
        table = describe_steps([(item.network, item.workload)])

        assert judge(fitted, table)[1].in_domain


def test_the_distance_grows_with_the_excess_and_widens(fitted):
    distances = [
        verdict(fitted, device.mlp(width, width)).distance
        for width in (256, 4_000, 16_000, 64_000)
    ]

    assert distances[0] == 0.0
    assert distances == sorted(distances)
    assert distances[-1] > distances[1]


def test_what_was_never_measured_is_named_with_its_share(fitted):
    pooled = device.cnn(32, 8)
    pooled["config"]["layers"].insert(2, {"class_name": "MaxPooling2D", "config": {}})

    result = verdict(fitted, pooled)

    assert not result.in_domain
    assert any("pooling" in reason and "%" in reason for reason in result.reasons)
    assert widening(result) > 1.0


@pytest.mark.parametrize("batch_size", [100_000])
def test_the_feature_at_fault_is_named(fitted, batch_size):
    result = verdict(fitted, device.mlp(64, 64), batch_size=batch_size)

    assert not result.in_domain
    assert any("batch size" in reason for reason in result.reasons)
