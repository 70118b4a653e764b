from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual_plotext.plot import Plot

from grok_tui.view.charts.lines import (
    FloatArray,
    column_edges,
    decimate,
    line_in_view,
    pieces,
    smoothed,
)
from grok_tui.view.charts.scales import LOSS
from grok_tui.view.series import Series

# --- decimate -----------------------------------------------------------------------------


def check_decimated(xs: FloatArray, ys: FloatArray, columns: int) -> None:
    edges = column_edges(float(xs[0]), float(xs[-1]), columns)
    few_xs, few = decimate(xs, ys, edges)
    assert len(few_xs) == len(few) <= 2 * columns
    assert (np.diff(few_xs) > 0).all()
    at = np.searchsorted(xs, few_xs)
    np.testing.assert_array_equal(xs[at], few_xs)  # only existing points
    np.testing.assert_array_equal(ys[at], few)
    for number, (low, high) in enumerate(pairwise(edges)):
        last = number == columns - 1
        in_column = (xs >= low) & ((xs < high) | last)
        kept = few[(few_xs >= low) & ((few_xs < high) | last)]
        if in_column.any():
            assert kept.min() == ys[in_column].min()
            assert kept.max() == ys[in_column].max()


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=300), st.integers(1, 40))
def test_decimating_keeps_order_and_every_columns_extremes(
    heights: list[float], columns: int
) -> None:
    steps = np.arange(len(heights)) * 3.0 + 1
    for xs in (steps, np.log10(steps)):
        check_decimated(xs, np.array(heights), columns)


@pytest.mark.parametrize("n", [39, 40, 41, 1000, 25_000])
def test_decimating_a_noisy_fall(n: int) -> None:
    rng = np.random.default_rng(n)
    ys = np.exp(-np.arange(n) / n) + 0.1 * rng.standard_normal(n)
    check_decimated(np.arange(float(n)), ys, 20)


def test_a_spike_of_one_step_survives() -> None:
    heights = np.ones(25_000)
    heights[17_777] = 50
    steps, few = decimate(np.arange(25_000.0), heights, column_edges(0, 24_999, 80))
    assert few.max() == 50
    assert steps[few.argmax()] == 17_777


def test_few_points_stay_as_they_are() -> None:
    steps, heights = np.array([1.0, 2.0, 3.0]), np.array([3.0, np.nan, 2.0])
    few_steps, few = decimate(steps, heights, column_edges(1, 3, 2))
    np.testing.assert_array_equal(few_steps, steps)
    np.testing.assert_array_equal(few, heights)
    for array in decimate(np.empty(0), np.empty(0), column_edges(0, 1, 5)):
        assert array.shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_column_with_some_finite_heights_has_no_gap(bad: float) -> None:
    ys = np.arange(1000.0)
    ys[::2] = bad
    _, few = decimate(np.arange(1000.0), ys, column_edges(0, 999, 10))
    assert np.isfinite(few).all()
    assert few.min() == 1
    assert few.max() == 999


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_column_without_finite_heights_is_a_gap(bad: float) -> None:
    ys = np.arange(1000.0)
    ys[300:700] = bad
    line = decimate(np.arange(1000.0), ys, column_edges(0, 999, 10))
    (left, _), (right, _) = pieces(line)
    assert left[-1] == 299
    assert right[0] == 700


def test_columns_are_where_plotext_puts_the_dots() -> None:
    """plotext rounds to half columns, of which the first and last are on the limits."""
    edges = column_edges(0.0, 1000.0, 23)
    for x in np.arange(0.5, 1000.0, 3.0):
        plot = Plot()
        plot.plotsize(23, 3)
        plot.xlim(0, 1000)
        plot.ylim(0, 1)
        plot.frame(False)
        plot.xticks([], [])
        plot.yticks([], [])
        plot.scatter([x], [0.5], marker="hd")
        lines = re.sub(r"\x1b\[[0-9;]*m", "", plot.build()).splitlines()
        (line,) = (line for line in lines if line.strip())
        assert len(line) - len(line.lstrip()) == np.searchsorted(edges, x) - 1


# --- pieces -------------------------------------------------------------------------------


def test_pieces_are_the_finite_stretches() -> None:
    bad = np.nan
    ys = np.array([bad, 1.0, 2.0, bad, np.inf, 3.0, bad])
    found = [(xs.tolist(), heights.tolist()) for xs, heights in pieces((np.arange(7.0), ys))]
    assert found == [([1.0, 2.0], [1.0, 2.0]), ([5.0], [3.0])]
    assert list(pieces((np.empty(0), np.empty(0)))) == []


# --- smoothed -----------------------------------------------------------------------------


@pytest.mark.parametrize(("smoothing", "reach"), [("light", 2), ("strong", 10)])
def test_a_smoothed_height_is_the_mean_around_it(smoothing: str, reach: int) -> None:
    heights = np.random.default_rng(1).standard_normal(200)
    expected = [heights[max(0, i - reach) : i + reach + 1].mean() for i in range(200)]
    np.testing.assert_allclose(smoothed(heights, smoothing), expected, atol=1e-12)  # type: ignore[arg-type]


def test_no_smoothing_changes_nothing() -> None:
    heights = np.array([1.0, np.nan, 5.0])
    np.testing.assert_array_equal(smoothed(heights, "none"), heights)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_left_out_of_the_mean(bad: float) -> None:
    heights = np.full(300, 2.0)
    heights[100] = bad
    smooth = smoothed(heights, "strong")
    np.testing.assert_array_equal(smooth[100], bad)
    np.testing.assert_allclose(np.delete(smooth, 100), 2.0)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_points_are_smoothed(n: int) -> None:
    np.testing.assert_allclose(smoothed(np.full(n, 4.0), "strong"), np.full(n, 4.0))


# --- line_in_view -------------------------------------------------------------------------


def test_a_line_extends_to_the_edges_of_the_window() -> None:
    series = Series().extended(np.array([10, 20, 30]), np.array([1.0, 3.0, 7.0]))
    xs, ys = line_in_view(series, (15, 28), LOSS.linear, log_x=False)
    assert xs.tolist() == [15, 20, 28]
    assert ys == pytest.approx([2, 3, 6.2])
    assert series.values.tolist() == [1.0, 3.0, 7.0]


def test_heights_are_interpolated_on_the_logarithmic_axis() -> None:
    series = Series().extended(np.array([1, 10_000]), np.array([1.0, 1e-4]))
    xs, ys = line_in_view(series, (100, 1000), LOSS.log, log_x=True)
    assert xs == pytest.approx([2, 3])
    assert ys == pytest.approx([-2, -3])


@pytest.mark.parametrize("window", [(1, 9), (31, 50), (100, 200)])
def test_a_series_that_is_not_in_view_has_no_line(window: tuple[int, int]) -> None:
    series = Series().extended(np.array([10, 20, 30]), np.ones(3))
    for part in (series, Series(), Series().appended(10, 1.0)):
        assert len(line_in_view(part, window, LOSS.log, log_x=False)[0]) == 0
