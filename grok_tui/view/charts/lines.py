"""From a series to a line of a chart: the part in view, smoothed, thinned to the columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grok_tui.view.charts.scales import Scale
from grok_tui.view.charts.window import Smoothing, Steps, places
from grok_tui.view.series import Series

FloatArray = NDArray[np.float64]
# Ascending places along the axis, and heights, (n,) each; a height that is not finite is a gap.
Line = tuple[FloatArray, FloatArray]

# A smoothed point is the mean of this share of the points in view.
_SHARES: dict[Smoothing, float] = {"light": 0.02, "strong": 0.1}
# The fewest points to average.
_LEAST_MEAN = 3


def line_in_view(series: Series, window: Steps, scale: Scale, *, log_x: bool) -> Line:
    """The line of a series within a window, interpolated at its edges."""
    start = max(0, int(np.searchsorted(series.steps, window[0])) - 1)
    end = int(np.searchsorted(series.steps, window[1], "right")) + 1
    steps = series.steps[start:end]
    xs = np.log10(np.maximum(steps, 1.0)) if log_x else steps.copy()
    ys = np.array(scale.heights(series.values[start:end]))
    low, high = places(window, log=log_x)
    if len(xs) > 1 and xs[0] < low:
        xs[0], ys[0] = low, _between(low, xs[:2], ys[:2])
    if len(xs) > 1 and xs[-1] > high:
        xs[-1], ys[-1] = high, _between(high, xs[-2:], ys[-2:])
    inside = (xs >= low) & (xs <= high)
    return (xs, ys) if inside.all() else (xs[inside], ys[inside])


def _between(x: float, xs: FloatArray, ys: FloatArray) -> float:
    """The interpolated height at x between two points. xs, ys: (2,)"""
    share = (x - xs[0]) / (xs[1] - xs[0])
    return float((1 - share) * ys[0] + share * ys[1])


def smoothed(heights: FloatArray, smoothing: Smoothing) -> FloatArray:
    """The moving mean of the finite heights, (n,) to (n,); others stay as they are.

    Near the ends the mean is over fewer points.
    """
    if smoothing == "none":
        return heights
    reach = max(_LEAST_MEAN, round(_SHARES[smoothing] * len(heights))) // 2
    finite = np.isfinite(heights)
    sums = _sums_around(np.where(finite, heights, 0.0), reach)
    means = sums / np.maximum(_sums_around(finite, reach), 1)
    return np.where(finite, means, heights)


def _sums_around(values: NDArray[np.generic], reach: int) -> FloatArray:
    """The sum of each entry and up to `reach` entries on either side, (n,) to (n,)."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    padded: FloatArray = np.pad(sums, reach, mode="edge")
    return np.subtract(padded[2 * reach + 1 :], padded[: len(values)])


def column_edges(low: float, high: float, columns: int) -> FloatArray:
    """The edges of a plot's columns, (columns + 1,), on an axis from low to high.

    Half-column dots are centered on the ends of the axis, so the outer columns are narrower.
    """
    shares = (2 * np.arange(columns + 1) - 0.5) / (2 * columns - 1)
    return low + (high - low) * np.clip(shares, 0, 1)


def decimate(xs: FloatArray, ys: FloatArray, edges: FloatArray) -> Line:
    """Thin a line to at most two points per column: its least and greatest finite height.

    xs: (n,) ascending, within the edges. ys: (n,). edges: (columns + 1,) ascending. A column
    without a finite height keeps one point, so that the gap stays.
    """
    if len(xs) <= 2 * (len(edges) - 1):
        return xs, ys
    finite = np.isfinite(ys)
    least, greatest = (ys, ys) if finite.all() else _without(ys, finite)
    bounds = [0, *np.searchsorted(xs, edges[1:-1]).tolist(), len(xs)]
    picked = []
    for start, end in pairwise(bounds):
        if start < end:
            low, high = int(least[start:end].argmin()), int(greatest[start:end].argmax())
            picked += sorted({start + low, start + high})
    return xs[picked], ys[picked]


def _without(ys: FloatArray, finite: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """The heights for `argmin` and for `argmax`, which must not pick one that is not finite."""
    return np.where(finite, ys, np.inf), np.where(finite, ys, -np.inf)


def pieces(line: Line) -> Iterator[Line]:
    """The parts of a line between its gaps."""
    xs, ys = line
    finite = np.isfinite(ys)
    cuts = np.flatnonzero(np.diff(finite)) + 1
    for part_xs, part_ys in zip(np.split(xs, cuts), np.split(ys, cuts), strict=True):
        if len(part_ys) and np.isfinite(part_ys[0]):
            yield part_xs, part_ys
