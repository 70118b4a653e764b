"""Draws the curves of several runs in one chart, as text for standard output."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from grok_tui.view.charts import ticks
from grok_tui.view.charts.lines import (
    FloatArray,
    Line,
    column_edges,
    decimate,
    line_in_view,
    pieces,
)
from grok_tui.view.charts.plot import LABEL_WIDTH, plot_columns
from grok_tui.view.charts.scales import Scale
from grok_tui.view.series import Series

# One for each run, distinct without colors; ASCII, so that every terminal can show them.
MARKERS = "ox+*#@=&$ABCDEFGHIJKLMNPQRSTUVWYZ"
# Terminal colors that are readable on both dark and light backgrounds.
_COLORS = (32, 208, 35, 170, 37, 160, 136)


def legend(plt: Any, title: str, names: Sequence[str], width: int) -> str:
    """The legend of a chart: its title, and each run's name after its marker.

    plt: the module plotext. width: of the lines, in columns.
    """
    lines, used = [title], len(title)
    for run, name in enumerate(names):
        entry = f"{plt.colorize(MARKERS[run], _color(run))} {name}"
        length = 2 + len(name)
        if used + 3 + length > width:
            lines.append(f"  {entry}")
            used = 2 + length
        else:
            lines[-1] += f"   {entry}"
            used += 3 + length
    return "\n".join(lines)


def draw(
    plt: Any,
    scale: Scale,
    runs: Sequence[Series],
    size: tuple[int, int],
    diverged: Collection[int] = (),
) -> str:
    """A chart with one curve per run, as text; empty if no run has a finite point.

    plt: the module plotext. runs: at most as many as `MARKERS`. size: columns and rows.
    diverged: places of runs that the axis need not hold: they leave it at the top.
    """
    columns, rows = plot_columns(size[0]), size[1] - 2
    window = 0.0, max([1.0, *(float(run.steps[-1]) for run in runs if run.length)])
    edges = column_edges(*window, columns)
    lines = [decimate(*line_in_view(run, window, scale, log_x=False), edges) for run in runs]
    heights = _finite(lines)
    if not len(heights):
        return ""
    sound = _finite([line for run, line in enumerate(lines) if run not in diverged])
    top = float((sound if len(sound) else heights).max())
    lines = [(xs, np.minimum(ys, top)) for xs, ys in lines]
    _clear(plt, size)
    for run, line in enumerate(lines):
        for xs, ys in pieces(line):
            plt.plot(xs.tolist(), ys.tolist(), marker=MARKERS[run], color=_color(run))
    middles = np.linspace(*window, columns)
    for run, line in enumerate(lines):  # again in turns, so that no run hides another
        for xs, ys in _at(line, middles[run :: len(lines)]):
            plt.scatter(xs.tolist(), ys.tolist(), marker=MARKERS[run], color=_color(run))
    limits = scale.limits(min(float(heights.min()), top), top)
    plt.xlim(*window)
    plt.ylim(*limits)
    steps = ticks.step_ticks(*window, columns)
    plt.xticks(steps, [ticks.step_label(step) for step in steps])
    places = scale.ticks(*limits, rows)
    plt.yticks(places, [scale.label(at).rjust(LABEL_WIDTH) for at in places])
    return str(plt.build()).rstrip("\n")


def _finite(lines: Sequence[Line]) -> FloatArray:
    """The heights of all points that are finite."""
    heights: FloatArray = np.concatenate([np.empty(0), *(ys for _, ys in lines)])
    return heights[np.isfinite(heights)]


def _color(run: int) -> int:
    return _COLORS[run % len(_COLORS)]


def _clear(plt: Any, size: tuple[int, int]) -> None:
    """Start an empty figure in the terminal's own colors; size: columns and rows."""
    plt.clear_figure()
    plt.limit_size(width=False, height=False)
    plt.plot_size(*size)
    plt.canvas_color("default")
    plt.axes_color("default")
    plt.ticks_color("default")
    plt.xaxes(lower=True, upper=False)
    plt.yaxes(left=True, right=False)


def _at(line: Line, places: FloatArray) -> Iterator[Line]:
    """Interpolate a line at some places along the axis, leaving out its gaps."""
    for xs, ys in pieces(line):
        inside = places[(places >= xs[0]) & (places <= xs[-1])]
        yield inside, np.interp(inside, xs, ys)
