"""Splits never share an architecture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.errors import DatasetError
from predictor.splits import SPLITS, grouped_folds, split_rows


@given(
    keys=st.lists(st.sampled_from("abcdefgh"), min_size=2).filter(
        lambda keys: len(set(keys)) > 1
    ),
    folds=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_each_row_is_tested_once_and_no_key_is_on_both_sides(keys, folds, seed):
    splits = grouped_folds(keys, folds=folds, seed=seed)

    tested = sorted(row for _, test in splits for row in test)
    assert tested == list(range(len(keys)))
    for train, test in splits:
        assert not {keys[row] for row in train} & {keys[row] for row in test}


@pytest.mark.parametrize("split", [name for name in SPLITS if name != "published"])
def test_no_architecture_is_on_both_sides(split, measurements):
    for train, test in split_rows(measurements, split):
        fitted = {measurements[row].group for row in train}
        tested = {measurements[row].group for row in test}

        assert fitted
        assert tested
        assert not fitted & tested


def test_a_family_is_on_one_side(measurements):
    for train, test in split_rows(measurements, "family"):
        fitted = {measurements[row].family for row in train}
        assert not fitted & {measurements[row].family for row in test}


def test_extrapolation_tests_the_largest(measurements):
    ((train, test),) = split_rows(measurements, "extrapolate")

    def largest(rows):
        by_group = {}
        for row in rows:
            item = measurements[row]
            energy_j = item.step("energy_j")
            by_group[item.group] = max(by_group.get(item.group, 0), energy_j)
        return by_group.values()

    assert max(largest(train)) <= min(largest(test))


def test_a_published_split_that_is_not_there_is_an_error(measurements):
    with pytest.raises(DatasetError, match="--split group"):
        split_rows(measurements, "published")


def test_a_single_architecture_cannot_be_split():
    with pytest.raises(DatasetError, match="at least 2"):
        grouped_folds(["a", "a"], folds=5, seed=0)
