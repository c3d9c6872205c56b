"""Design points become sizes within their limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.plan.draw import Draw, nice_size

shares = st.floats(0, 1, exclude_max=True)
limits = st.tuples(st.integers(1, 5000), st.integers(1, 5000)).map(sorted)


@given(shares, limits)
def test_an_integer_stays_within_its_limits(share, limits):
    value = Draw([share]).integer(*limits)

    assert limits[0] <= value <= limits[1]


@given(shares, limits, st.booleans())
def test_a_size_stays_within_its_limits_rounded_or_not(share, limits, nice):
    value = Draw([share]).size(*limits, nice=nice)

    assert limits[0] <= value <= limits[1]


@given(st.tuples(shares, shares).map(sorted))
def test_a_larger_coordinate_never_gives_a_smaller_integer(pair):
    low, high = (Draw([share]).integer(1, 2048) for share in pair)

    assert low <= high


@given(st.integers(1, 10_000))
def test_nice_sizes_are_close_and_stay_when_rounded_again(value):
    rounded = nice_size(value)

    assert 0.6 <= rounded / value <= 1.5
    assert nice_size(rounded) == rounded


def test_decades_of_a_range_are_drawn_as_often():
    values = [Draw([i / 3000]).integer(1, 999) for i in range(3000)]
    decades = [sum(10**k <= value < 10 ** (k + 1) for value in values) for k in (1, 2)]

    assert decades[0] == pytest.approx(decades[1], rel=0.1)
