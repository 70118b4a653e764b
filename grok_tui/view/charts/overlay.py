"""Curves of several runs in one chart, as text for standard output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

# One for each run, told apart without colors; ASCII, so that every terminal has them.
MARKERS = "ox+*#@=&$ABCDEFGHIJKLMNPQRSTUVWYZ"
# Of the 256, those that can be read on a dark and on a light background.
_COLORS = (32, 208, 35, 170, 37, 160, 136)


def legend(plt: Any, title: str, names: Sequence[str], width: int) -> str:
    """What a chart shows, and each run's name after its marker; in lines of a width."""
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


def draw(plt: Any, scale: Scale, runs: Sequence[Series], size: tuple[int, int]) -> str:
    """The picture of one curve for each run, in columns and rows; empty if there is no point.

    plt: the module plotext. runs: at most as many as there are markers.
    """
    columns, rows = plot_columns(size[0]), size[1] - 2
    window = 0.0, max([1.0, *(float(run.steps[-1]) for run in runs if run.length)])
    edges = column_edges(*window, columns)
    lines = [decimate(*line_in_view(run, window, scale, log_x=False), edges) for run in runs]
    heights = np.concatenate([line[1] for line in lines])
    heights = heights[np.isfinite(heights)]
    if not len(heights):
        return ""
    _clear(plt, size)
    for run, line in enumerate(lines):
        for xs, ys in pieces(line):
            plt.plot(xs.tolist(), ys.tolist(), marker=MARKERS[run], color=_color(run))
    middles = np.linspace(*window, columns)
    for run, line in enumerate(lines):  # what later runs have hidden shows up between them
        for xs, ys in _at(line, middles[run :: len(lines)]):
            plt.scatter(xs.tolist(), ys.tolist(), marker=MARKERS[run], color=_color(run))
    limits = scale.limits(float(heights.min()), float(heights.max()))
    plt.xlim(*window)
    plt.ylim(*limits)
    steps = ticks.step_ticks(*window, columns)
    plt.xticks(steps, [ticks.step_label(step) for step in steps])
    places = scale.ticks(*limits, rows)
    plt.yticks(places, [scale.label(at).rjust(LABEL_WIDTH) for at in places])
    return str(plt.build()).rstrip("\n")


def _color(run: int) -> int:
    return _COLORS[run % len(_COLORS)]


def _clear(plt: Any, size: tuple[int, int]) -> None:
    """An empty figure of a size, in the terminal's own colors but for the curves."""
    plt.clear_figure()
    plt.limit_size(width=False, height=False)
    plt.plot_size(*size)
    plt.canvas_color("default")
    plt.axes_color("default")
    plt.ticks_color("default")
    plt.xaxes(lower=True, upper=False)
    plt.yaxes(left=True, right=False)


def _at(line: Line, places: FloatArray) -> Iterator[Line]:
    """A line at some places along the axis, as far as it goes."""
    for xs, ys in pieces(line):
        inside = places[(places >= xs[0]) & (places <= xs[-1])]
        yield inside, np.interp(inside, xs, ys)
