"""Drawing the charts with plotext, from series thinned out to the width of the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.tui import ticks
from grok_tui.tui.series import Series
from grok_tui.tui.state import SessionState

FloatArray = NDArray[np.float64]
Line = tuple[FloatArray, FloatArray]
# A colour as plotext takes it: (r, g, b), one of the terminal's sixteen, or "default".
PlotColor = tuple[int, int, int] | int | str
# Those of the series, the marks' kinds and the charts' background.
Colors = Mapping[str, PlotColor]

# Losses below this are drawn at it; float32 losses of interest end near 1e-12.
LOSS_FLOOR = 1e-12
# Train and test differ by their dots as well as by their colours, and so do the marks.
_MARKERS = {"train": "braille", "test": "hd"}
_MARK_LINES = {"edit": "┊", "phase": "│"}
SWATCHES = {"train": "⡠⠒⠊", "test": "▗▞▘"}
# Labels on the left of both charts have this width, so that equal steps line up.
_LABEL_WIDTH = 5
# The recent view shows the newest share of the steps, and at least so many.
_RECENT_SHARE, _RECENT_LEAST = 0.2, 50
# With fewer rows there is none to spare for the texts of the marks.
_ROWS_FOR_TEXTS = 6


def decimate(
    steps: FloatArray, values: FloatArray, columns: int
) -> tuple[FloatArray, FloatArray]:
    """At most 2 * columns points that keep every column's minimum and maximum.

    steps: (n,) ascending; values: (n,) with no NaN. Returns two arrays of one length, in
    the order of the steps.
    """
    n = len(steps)
    if n <= 2 * columns:
        return steps, values
    starts = np.linspace(0, n, columns, endpoint=False).astype(int)
    picked = []
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        part = values[start:end]
        picked += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return steps[picked], values[picked]


def draw_loss(
    plt: Any, state: SessionState, size: tuple[int, int], colors: Colors, *, recent: bool
) -> None:
    """The loss chart: log10 of the losses, with ticks that say the losses themselves.

    size: columns and rows. recent: only the newest steps. plotext's own log scale fails when
    a figure is built a second time.
    """
    window = _window(state, recent=recent)
    logs = _thinned(
        window, size[0], lambda y: np.log10(np.maximum(y, LOSS_FLOOR)),
        train=state.train_loss, test=state.test_loss,
    )  # fmt: skip
    values = np.concatenate([ys for _, ys in logs.values()])
    low, high = ticks.round_logs(float(values.min()), float(values.max()))
    frame = _Frame(plt, state, size, window, (low, high), colors)
    places = ticks.log_ticks(low, high, frame.rows)
    frame.draw(logs, places, [ticks.log_label(place) for place in places])


def draw_accuracy(
    plt: Any, state: SessionState, size: tuple[int, int], colors: Colors, *, recent: bool
) -> None:
    """The accuracy chart, in percent; arguments as for `draw_loss`."""
    window = _window(state, recent=recent)
    shares = _thinned(
        window, size[0], lambda y: 100 * y, train=state.train_acc, test=state.test_acc
    )
    frame = _Frame(plt, state, size, window, (0.0, 100.0), colors)
    places = ticks.percent_ticks(frame.rows)
    frame.draw(shares, places, [f"{place:g}%" for place in places])


def _window(state: SessionState, *, recent: bool) -> tuple[float, float]:
    """The first and the last step that a chart shows."""
    steps = state.train_loss.steps
    first = float(steps[0]) if steps[0] > 1 else 0.0  # not 0 in a resumed run
    last = max(first + 1, float(steps[-1]))
    if recent:
        first = max(first, last - max(_RECENT_LEAST, _RECENT_SHARE * (last - first)))
    return first, last


def _thinned(
    window: tuple[float, float], columns: int, scale: Any, **lines: Series
) -> dict[str, Line]:
    """What lines have in a window of steps, thinned to so many columns and scaled."""
    thinned = {}
    for name, line in lines.items():
        start = int(np.searchsorted(line.steps, window[0]))
        steps, values = decimate(line.steps[start:], line.values[start:], max(1, columns))
        thinned[name] = steps, scale(values)
    return thinned


class _Frame:
    """One chart's axes: steps below, values on the left, marks with their texts on top."""

    def __init__(  # noqa: PLR0917
        self,
        plt: Any,
        state: SessionState,
        size: tuple[int, int],
        window: tuple[float, float],
        limits: tuple[float, float],
        colors: Colors,
    ) -> None:
        self._plt, self._colors = plt, colors
        self.columns, self.rows = size[0] - _LABEL_WIDTH - 1, size[1] - 2
        self._first, self._last = window
        self._marks = [m for m in state.marks if self._first < m.step <= self._last]
        self._limits = limits
        if self._marks and self.rows >= _ROWS_FOR_TEXTS:
            low, high = limits  # one row more, above all values
            self._limits = low, high + (high - low) / (self.rows - 2)

    def draw(self, lines: Mapping[str, Line], places: list[float], labels: list[str]) -> None:
        """Draw the marks, then the lines over them."""
        plt = self._plt
        plt.clear_figure()
        plt.xaxes(lower=True, upper=False)
        plt.yaxes(left=True, right=False)
        for mark in self._marks:
            ends = [mark.step] * 2, list(self._limits)
            plt.plot(*ends, marker=_MARK_LINES[mark.kind], color=self._colors[mark.kind])
        for name, (xs, ys) in lines.items():
            if len(xs):
                points = xs.tolist(), ys.tolist()
                plt.plot(*points, marker=_MARKERS[name], color=self._colors[name])
        if self.rows >= _ROWS_FOR_TEXTS:
            self._draw_texts()
        plt.xlim(self._first, self._last)
        plt.ylim(*self._limits)
        at = ticks.step_ticks(self._first, self._last, self.columns)
        plt.xticks(at, [ticks.step_label(step) for step in at])
        plt.yticks(places, [label.rjust(_LABEL_WIDTH) for label in labels])

    def _draw_texts(self) -> None:
        """What the marks mean, where it fits: phases first, then the newest edits."""
        taken: set[int] = set()
        per_step = (self.columns - 1) / (self._last - self._first)
        for mark in sorted(self._marks, key=lambda m: (m.kind == "edit", -m.step)):
            text = f" {mark.text} "
            middle = round((mark.step - self._first) * per_step)
            start = min(max(0, middle - len(text) // 2), self.columns - len(text))
            cells = set(range(start, start + len(text)))
            if start < 0 or cells & taken:
                continue
            taken |= cells
            self._plt.text(
                text,
                self._first + (start + 0.5) / per_step,
                self._limits[1],
                color=self._colors[mark.kind],
                background=self._colors["background"],
                alignment="left",
            )
