"""Regressors that answer together."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.dataset import step_table
from predictor.prediction import operation_shares, share_source
from predictor.regressors.blend import (
    BLEND,
    ERROR_LIMIT,
    as_good_as_the_best,
    blended,
)

TRUTH = np.geomspace(1.0, 1000.0, 40)
NETWORKS = [f"net{number}" for number in range(40)]


def wrong(seed, spread):
    return TRUTH * np.exp(spread * np.random.default_rng(seed).standard_normal(40))


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=5))
def test_the_best_is_always_among_the_good_ones(spreads):
    predictions = {str(n): wrong(n, spread) for n, spread in enumerate(spreads)}

    good = as_good_as_the_best(predictions, TRUTH, NETWORKS)

    errors = {
        name: np.minimum(np.abs(np.log(values / TRUTH)), ERROR_LIMIT).mean()
        for name, values in predictions.items()
    }
    assert min(errors, key=errors.get) in good


def test_what_is_told_apart_from_the_best_is_not_good():
    predictions = {
        "good": wrong(1, 0.1),
        "as good": wrong(2, 0.1),
        "bad": wrong(3, 0.4),
    }
    assert as_good_as_the_best(predictions, TRUTH, NETWORKS) == ["good", "as good"]


@pytest.mark.parametrize(("networks", "apart"), [(3, False), (40, True)])
def test_the_fewer_networks_the_less_is_told_apart(networks, apart):
    rows = slice(networks)
    predictions = {"good": wrong(1, 0.2)[rows], "worse": wrong(7, 0.5)[rows]}

    good = as_good_as_the_best(predictions, TRUTH[rows], NETWORKS[rows])

    assert (good == ["good"]) is apart


def test_a_single_network_tells_nothing_apart():
    predictions = {"good": TRUTH[:1], "wrong": TRUTH[:1] * 9}

    assert len(as_good_as_the_best(predictions, TRUTH[:1], NETWORKS[:1])) == 2


def test_many_rows_of_few_networks_tell_regressors_apart_no_better_than_few():
    predictions = {"a": wrong(1, 0.3), "b": wrong(2, 0.33), "c": wrong(3, 0.6)}
    rows = np.repeat(np.arange(8), 100)

    few, many = (
        as_good_as_the_best(
            {name: values[chosen] for name, values in predictions.items()},
            TRUTH[chosen],
            [NETWORKS[n] for n in chosen],
        )
        for chosen in (np.arange(8), rows)
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
