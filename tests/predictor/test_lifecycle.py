"""The life-cycle formulas fit together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.errors import UsageError
from predictor.lifecycle import (
    break_even_inferences,
    lifecycle_energy_j,
    overhead_share,
    search_energy_j,
    training_energy_j,
    training_overhead,
)

energies = st.floats(1e-6, 1e9)
counts = st.integers(1, 10**6)


@given(inference_j=energies, samples=counts, epochs=counts, overhead=st.floats(0, 100))
def test_the_overhead_comes_back_out_of_the_training(
    inference_j, samples, epochs, overhead
):
    training_j = training_energy_j(
        inference_j, samples=samples, epochs=epochs, overhead=overhead
    )

    passes_j = inference_j * samples * epochs
    assert training_overhead(training_j, inference_energy_j=passes_j) == pytest.approx(
        overhead, abs=1e-9
    )


@given(inference_j=energies, samples=counts, epochs=counts)
def test_training_is_linear_in_samples_and_epochs(inference_j, samples, epochs):
    def training_j(samples, epochs):
        return training_energy_j(
            inference_j, samples=samples, epochs=epochs, overhead=4.0
        )

    once = training_j(samples, epochs)
    assert training_j(2 * samples, epochs) == pytest.approx(2 * once)
    assert training_j(samples, 3 * epochs) == pytest.approx(3 * once)


def test_a_training_of_five_inferences_is_four_fifths_overhead():
    overhead = training_overhead(5.0, inference_energy_j=1.0)

    assert overhead_share(overhead) == 0.8


@given(st.lists(energies, max_size=20))
def test_a_search_is_the_sum_of_its_trainings_in_any_order(trainings_j):
    assert search_energy_j(trainings_j) == math.fsum(trainings_j)
    assert search_energy_j(reversed(trainings_j)) == search_energy_j(trainings_j)


@given(search_j=energies, training_j=energies, inference_j=energies)
def test_at_break_even_use_is_half_of_the_life_cycle(search_j, training_j, inference_j):
    invested_j = search_j + training_j

    inferences = break_even_inferences(invested_j, inference_energy_j=inference_j)

    assert lifecycle_energy_j(
        search_energy_j=search_j,
        training_energy_j=training_j,
        inference_energy_j=inference_j,
        inferences=inferences,
    ) == pytest.approx(2 * invested_j)


def test_a_life_without_use_is_its_training():
    life_j = lifecycle_energy_j(
        training_energy_j=7.0, inference_energy_j=1.0, inferences=0
    )

    assert life_j == 7.0


def test_nothing_invested_breaks_even_at_once():
    assert break_even_inferences(-3.0, inference_energy_j=1.0) == 0.0


@pytest.mark.parametrize("inference_j", [0.0, -1.0, math.nan])
def test_an_inference_without_energy_is_a_usage_error(inference_j):
    with pytest.raises(UsageError, match="above 0"):
        break_even_inferences(1.0, inference_energy_j=inference_j)
    with pytest.raises(UsageError, match="above 0"):
        training_overhead(1.0, inference_energy_j=inference_j)
