"""Drawing the charts with plotext, from series thinned out to the width of the screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.tui.series import Series
from grok_tui.tui.state import Mark, SessionState

FloatArray = NDArray[np.float64]
Colors = Mapping[str, tuple[int, int, int]]

# Losses below this are drawn at it; float32 losses of interest end near 1e-12.
LOSS_FLOOR = 1e-12
# Train and test differ by their dots as well as by their colours.
_MARKERS = {"train": "braille", "test": "hd"}


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


def draw_loss(plt: Any, state: SessionState, width: int, colors: Colors) -> None:
    """The loss chart: log10 of the losses, with ticks that say the losses themselves.

    plotext's own log scale fails when a figure is built a second time.
    """
    lines = {"train": state.train_loss, "test": state.test_loss}
    logs = {name: _thinned(line, width, np.log10, LOSS_FLOOR) for name, line in lines.items()}
    _draw(plt, "loss", logs, state.marks, colors)
    values = [y for _, ys in logs.values() for y in ys]
    if values:
        low, high = math.floor(min(values)), math.ceil(max(values))
        ticks = _decades(low, max(high, low + 1))
        plt.ylim(low, max(high, low + 1))
        plt.yticks(ticks, [_power(tick) for tick in ticks])


def draw_accuracy(plt: Any, state: SessionState, width: int, colors: Colors) -> None:
    """The accuracy chart, in percent."""
    lines = {"train": state.train_acc, "test": state.test_acc}
    shares = {
        name: _thinned(line, width, lambda y: 100 * y, 0.0) for name, line in lines.items()
    }
    _draw(plt, "accuracy", shares, state.marks, colors)
    plt.ylim(0, 100)
    plt.yticks([0, 50, 100], ["0%", "50%", "100%"])


def _thinned(
    line: Series, width: int, scale: Any, floor: float
) -> tuple[FloatArray, FloatArray]:
    steps, values = decimate(line.steps, line.values, max(1, width))
    return steps, scale(np.maximum(values, floor))


def _draw(
    plt: Any,
    title: str,
    lines: Mapping[str, tuple[FloatArray, FloatArray]],
    marks: tuple[Mark, ...],
    colors: Colors,
) -> None:
    plt.clear_figure()
    plt.title(title)
    last = 1.0
    for name, (steps, values) in lines.items():
        if len(steps):
            last = max(last, float(steps[-1]))
            points = steps.tolist(), values.tolist()
            plt.plot(*points, marker=_MARKERS[name], color=colors[name], label=name)
    for mark in marks:
        if 0 < mark.step <= last:
            plt.vline(mark.step, color=colors[mark.kind])
    ticks = _step_ticks(last)
    plt.xlim(0, last)
    plt.xticks(ticks, [f"{tick:g}" for tick in ticks])


def _step_ticks(last: float) -> list[float]:
    """About five round numbers from 0 to `last`."""
    rough = last / 5
    unit = 10.0 ** math.floor(math.log10(max(rough, 1)))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough)
    return [i * step for i in range(int(last / step) + 1)]


def _decades(low: int, high: int) -> list[int]:
    """Whole powers of ten from `low` to `high`, at most about eight of them."""
    stride = max(1, math.ceil((high - low) / 8))
    return list(range(low, high + 1, stride))


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}" if -4 < exponent < 5 else f"1e{exponent}"
