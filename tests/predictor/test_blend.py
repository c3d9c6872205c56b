"""Regressors that answer together."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.dataset import step_table
from predictor.prediction import operation_shares, share_source
from predictor.regressors.blend import BLEND, blend_weights, blended

TRUTH = np.geomspace(1.0, 1000.0, 40)
NETWORKS = [f"net{number}" for number in range(40)]


def wrong(seed, spread):
    return TRUTH * np.exp(spread * np.random.default_rng(seed).standard_normal(40))


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=5))
def test_weights_are_equal_and_add_up_to_one(spreads):
    predictions = {str(n): wrong(n, spread) for n, spread in enumerate(spreads)}

    weights = blend_weights(predictions, TRUTH, NETWORKS)

    assert sum(weights.values()) == pytest.approx(1.0)
    assert len(set(weights.values())) == 1


def test_only_regressors_as_good_as_the_best_are_in():
    predictions = {
        "good": wrong(1, 0.1),
        "as good": wrong(2, 0.1),
        "bad": wrong(3, 0.4),
    }
    weights = blend_weights(predictions, TRUTH, NETWORKS)

    assert set(weights) == {"good", "as good"}


def test_many_rows_of_few_networks_tell_regressors_apart_no_better_than_few():
    better, worse = wrong(1, 0.3), wrong(2, 0.33)
    few = blend_weights({"a": better[:8], "b": worse[:8]}, TRUTH[:8], NETWORKS[:8])
    rows = np.repeat(np.arange(8), 100)
    many = blend_weights(
        {"a": better[rows], "b": worse[rows]}, TRUTH[rows], [NETWORKS[n] for n in rows]
    )

    assert many == few


def test_errors_that_are_independent_cancel():
    predictions = {str(seed): wrong(seed, 0.3) for seed in range(4)}

    def error(values):
        return np.abs(np.log(values / TRUTH)).mean()

    together = blended(predictions, dict.fromkeys(predictions, 1 / len(predictions)))
    assert error(together) < 0.75 * min(map(error, predictions.values()))


def test_a_member_of_a_blend_says_how_a_step_divides_among_operations(
    fitted, measurements
):
    table = step_table(measurements)
    energy = replace(fitted.steps["energy_j"], chosen=BLEND)
    leading = energy.regressors[share_source(energy)]

    assert leading.costs(table).total(table) == pytest.approx(leading.predict(table))
    assert 0 < operation_shares(energy, table.take([0])).sum() <= 1 + 1e-9
