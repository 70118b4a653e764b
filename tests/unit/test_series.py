from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.view.series import Series

Points = list[tuple[int, float]]


def points(series: Series) -> Points:
    assert series.steps.shape == series.values.shape == (series.length,)
    return [(int(s), float(v)) for s, v in zip(series.steps, series.values, strict=True)]


def extended(series: Series, more: Points) -> Series:
    steps = np.array([step for step, _ in more], dtype=np.int64)
    return series.extended(steps, np.array([value for _, value in more], dtype=np.float32))


def test_a_new_series_is_empty() -> None:
    series = Series()
    assert (series.length, series.last, points(series)) == (0, None, [])


def test_two_new_series_share_nothing() -> None:
    one, other = Series(), Series()
    assert points(one.appended(1, 1.0)) == [(1, 1.0)]
    assert points(other.appended(2, 2.0)) == [(2, 2.0)]
    assert one.length == other.length == 0


def test_extending_leaves_the_older_copy_unchanged() -> None:
    old = Series().appended(1, 0.5)
    new = extended(old, [(2, 0.25), (3, 0.125)])
    assert points(old) == [(1, 0.5)]
    assert old.last == 0.5
    assert points(new) == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert new.last == 0.125


def test_two_branches_of_one_series_do_not_write_over_each_other() -> None:
    trunk = extended(Series(), [(1, 1.0), (2, 2.0)])
    left = trunk.appended(3, 30.0)
    right = trunk.appended(4, 40.0)
    left, right = left.appended(5, 50.0), right.appended(6, 60.0)
    assert points(trunk) == [(1, 1.0), (2, 2.0)]
    assert points(left) == [(1, 1.0), (2, 2.0), (3, 30.0), (5, 50.0)]
    assert points(right) == [(1, 1.0), (2, 2.0), (4, 40.0), (6, 60.0)]


def test_growth_keeps_every_point_and_costs_few_copies() -> None:
    series = Series()
    copies = 0
    for step in range(1, 20_001):
        longer = series.appended(step, step / 4)
        copies += step > 1 and not np.shares_memory(series.values, longer.values)
        series = longer
    np.testing.assert_array_equal(series.steps, np.arange(1, 20_001))
    np.testing.assert_array_equal(series.values, np.arange(1, 20_001) / 4)
    assert 0 < copies <= 8  # by doubling from 256


def test_one_long_extension_fits() -> None:
    series = extended(Series().appended(1, 1.0), [(s, float(s)) for s in range(2, 5000)])
    assert series.length == 4999
    np.testing.assert_array_equal(series.steps, np.arange(1, 5000))


@pytest.mark.parametrize("length", [0, 255, 256, 257])
def test_extending_by_nothing(length: int) -> None:
    series = extended(Series(), [(s, 1.0) for s in range(length)])
    same = extended(series, [])
    assert points(same) == points(series)
    assert points(same.appended(length, 2.0))[:-1] == points(series)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 200)), max_size=30))
def test_any_tree_of_branches_behaves_like_plain_lists(moves: list[tuple[int, int]]) -> None:
    """Each move extends one of the series so far, chosen by index."""
    family: list[tuple[Series, Points]] = [(Series(), [])]
    for number, (parent, count) in enumerate(moves):
        series, expected = family[parent % len(family)]
        more = [(len(expected) + i, float(number)) for i in range(count)]
        family.append((extended(series, more), expected + more))
    for series, expected in family:
        assert points(series) == expected
        assert series.last == (expected[-1][1] if expected else None)


def test_the_point_at_a_step_is_the_newest_up_to_it() -> None:
    series = extended(Series(), [(10, 1.0), (20, 2.0), (30, 3.0)])
    at = [series.at(step) for step in (9, 10, 19.5, 20, 31)]
    assert at == [None, (10, 1.0), (10, 1.0), (20, 2.0), (30, 3.0)]
    assert Series().at(5) is None
