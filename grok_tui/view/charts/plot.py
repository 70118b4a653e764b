"""Draws the charts with plotext."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from grok_tui.view.charts import ticks
from grok_tui.view.charts.lines import (
    Line,
    column_edges,
    decimate,
    line_in_view,
    pieces,
    smoothed,
)
from grok_tui.view.charts.scales import Kind, Scale
from grok_tui.view.charts.window import Axes, ChartView, Steps, place, places
from grok_tui.view.state import SessionState

# A plotext color: (r, g, b), one of the terminal's sixteen, or "default".
PlotColor = tuple[int, int, int] | int | str
# By name: of the series, their muted versions, the kinds of marks, crosshair and background.
Colors = Mapping[str, PlotColor]

# The series differ in their dots as well as in their colors.
_MARKERS = {"train": "braille", "test": "hd", "excluded": "+", "restricted": "•"}
GHOST_MARKERS = {"train": "·", "test": "×"}  # noqa: RUF001
_MARK_LINES = {"edit": "┊", "phase": "│"}
_CROSSHAIR_LINE = "┃"
SWATCHES = {"train": "⡠⠒⠊", "test": "▗▞▘", "excluded": "+++", "restricted": "•••"}
# Width of the labels on the left of every chart, so that equal steps line up.
LABEL_WIDTH = 5
# With fewer rows, the texts of the marks are left out.
_ROWS_FOR_TEXTS = 6


@dataclass(frozen=True, slots=True)
class Scene:
    """The content of a chart: a run, the part of it in view, and a recorded run behind it."""

    state: SessionState
    view: ChartView = field(default_factory=ChartView)
    axes: Axes = field(default_factory=Axes)
    ghost: SessionState | None = None

    @property
    def history(self) -> Steps:
        """The oldest and newest step of the run."""
        steps = self.state.train_loss.steps
        if not len(steps):
            return 0.0, 1.0
        oldest = float(steps[0]) if steps[0] > 1 else 0.0  # not 0 in a resumed run
        return oldest, max(oldest + 1, float(steps[-1]))

    @property
    def window(self) -> Steps:
        return self.view.window(self.history)


@dataclass(frozen=True, slots=True)
class _Curve:
    """One line of a chart; muted unless its role is `main`."""

    name: str
    role: Literal["ghost", "raw", "main"]
    line: Line

    @property
    def marker(self) -> str:
        return (GHOST_MARKERS if self.role == "ghost" else _MARKERS)[self.name]

    @property
    def color(self) -> str:
        return self.name if self.role == "main" else muted(self.name)


def muted(name: str) -> str:
    """The name of the color for the muted line of a series."""
    return f"{name}-muted"


def plot_columns(width: int) -> int:
    """The columns of a chart `width` columns wide, without its axis and labels."""
    return max(1, width - LABEL_WIDTH - 1)


def share_at(column: int, width: int) -> float:
    """The position of a chart's column between the ends of the window, 0 to 1."""
    inner = column - LABEL_WIDTH - 1
    return min(max(inner / max(1, plot_columns(width) - 1), 0.0), 1.0)


def draw(plt: Any, kind: Kind, scene: Scene, size: tuple[int, int], colors: Colors) -> str:
    """Draw a chart; returns a text to show instead if all values in view are NaN or infinite.

    plt: the module plotext. size: columns and rows.
    """
    scale = kind.log if scene.axes.log_y else kind.linear
    curves = _curves(kind, scene, scale, plot_columns(size[0]))
    heights = np.concatenate([[], *(curve.line[1] for curve in curves)])
    finite = heights[np.isfinite(heights)]
    if len(heights) and not len(finite):
        return "nothing in view but NaN and inf"
    lowest, highest = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    limits = scale.limits(float(lowest), float(highest))
    frame = _Frame(plt, scene, size, limits, colors)
    frame.draw(curves)
    places = scale.ticks(*limits, frame.rows)
    frame.label(places, [scale.label(at) for at in places])
    return ""


def _curves(kind: Kind, scene: Scene, scale: Scale, columns: int) -> list[_Curve]:
    """All lines of a chart, back to front."""
    log_x, smoothing = scene.axes.log_x, scene.view.smoothing
    edges = column_edges(*places(scene.window, log=log_x), columns)

    def curve(name: str, role: Literal["ghost", "raw", "main"], line: Line) -> _Curve:
        smooth = line[1] if role == "raw" else smoothed(line[1], smoothing)
        return _Curve(name, role, decimate(line[0], smooth, edges))

    def lines(state: SessionState) -> Iterable[tuple[str, Line]]:
        for name, series in kind.series(state).items():
            yield name, line_in_view(series, scene.window, scale, log_x=log_x)

    front = list(lines(scene.state))
    ghosts = lines(scene.ghost) if scene.ghost else ()
    raw = front if smoothing != "none" else ()
    return [
        *(curve(name, "ghost", line) for name, line in ghosts),
        *(curve(name, "raw", line) for name, line in raw),
        *(curve(name, "main", line) for name, line in front),
    ]


class _Frame:
    """The axes of a chart: steps below, values on the left, marks with texts at the top."""

    def __init__(
        self,
        plt: Any,
        scene: Scene,
        size: tuple[int, int],
        limits: tuple[float, float],
        colors: Colors,
    ) -> None:
        self._plt, self._scene, self._colors = plt, scene, colors
        self.columns, self.rows = plot_columns(size[0]), size[1] - 2
        self._window = scene.window
        self._low, self._high = places(self._window, log=scene.axes.log_x)
        first, last = self._window
        self._marks = [m for m in scene.state.marks if first < m.step <= last]
        self._limits = limits
        if self._marks and self.rows >= _ROWS_FOR_TEXTS:
            low, high = limits  # adds a row above all values
            self._limits = low, high + (high - low) / (self.rows - 2)

    def _place(self, step: float) -> float:
        return place(step, log=self._scene.axes.log_x)

    def draw(self, curves: Iterable[_Curve]) -> None:
        """Draw the marks and the crosshair, then the curves over them."""
        plt = self._plt
        plt.clear_figure()
        plt.xaxes(lower=True, upper=False)
        plt.yaxes(left=True, right=False)
        for mark in self._marks:
            self._draw_upright(mark.step, _MARK_LINES[mark.kind], mark.kind)
        crosshair = self._scene.view.crosshair
        if crosshair is not None and self._window[0] <= crosshair <= self._window[1]:
            self._draw_upright(crosshair, _CROSSHAIR_LINE, "crosshair")
        for curve in curves:
            for xs, ys in pieces(curve.line):
                color = self._colors[curve.color]
                plt.plot(xs.tolist(), ys.tolist(), marker=curve.marker, color=color)
        if self.rows >= _ROWS_FOR_TEXTS:
            self._draw_texts()

    def label(self, places: list[float], labels: list[str]) -> None:
        """Set limits and ticks of both axes; places, labels: of the ticks on the left."""
        plt = self._plt
        plt.xlim(self._low, self._high)
        plt.ylim(*self._limits)
        plt.xticks(*self._step_ticks())
        plt.yticks(places, [label.rjust(LABEL_WIDTH) for label in labels])

    def _step_ticks(self) -> tuple[list[float], list[str]]:
        if not self._scene.axes.log_x:
            steps = ticks.step_ticks(*self._window, self.columns)
            return steps, [ticks.step_label(step) for step in steps]
        places = ticks.log_step_ticks(self._low, self._high, self.columns)
        return places, [ticks.step_label(round(10**at)) for at in places]

    def _draw_upright(self, step: float, marker: str, color: str) -> None:
        ends = [self._place(step)] * 2, list(self._limits)
        self._plt.plot(*ends, marker=marker, color=self._colors[color])

    def _draw_texts(self) -> None:
        """Draw the texts of the marks that fit: phases first, then the newest edits."""
        taken: set[int] = set()
        per_place = (self.columns - 1) / (self._high - self._low)
        for mark in sorted(self._marks, key=lambda m: (m.kind == "edit", -m.step)):
            text = f" {mark.text} "
            middle = round((self._place(mark.step) - self._low) * per_place)
            start = min(max(0, middle - len(text) // 2), self.columns - len(text))
            cells = set(range(start, start + len(text)))
            if start < 0 or cells & taken:
                continue
            taken |= cells
            self._plt.text(
                text,
                self._low + (start + 0.5) / per_place,
                self._limits[1],
                color=self._colors[mark.kind],
                background=self._colors["background"],
                alignment="left",
            )
