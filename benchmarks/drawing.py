"""Measures how long it takes to draw the charts of a long history."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual_plotext.plot import Plot

from benchmarks.results import Limit, Result, alone
from grok_tui.config.schema import Config
from grok_tui.view.charts.plot import PlotColor, Scene, draw, muted
from grok_tui.view.charts.scales import ACCURACY, LOSS, Kind
from grok_tui.view.charts.window import Axes, ChartView
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState

STEPS = 100_000
# A chart of a session in a terminal of 160 x 48.
SIZE = (76, 20)
_NAMES = ("train", "test", "edit", "phase", "background", "crosshair")
COLORS: dict[str, PlotColor] = {
    name: (40 * i, 80, 200) for i, name in enumerate([*_NAMES, muted("train"), muted("test")])
}
_MS = 1e3


def measure_drawing(rounds: int) -> list[Result]:
    """Measure each chart with a ghost of the same length, smoothing and a crosshair."""
    state, ghost = _history(0), _history(1)
    view = ChartView(smoothing="light", crosshair=STEPS // 2)
    results = []
    for kind, axes in ((LOSS, Axes(log_y=True)), (ACCURACY, Axes())):
        scene = Scene(state, view, axes, ghost)
        ms = _median(functools.partial(_draw, kind, scene), rounds)
        name = "loss" if kind is LOSS else "accuracy"
        results.append(alone(f"{name} chart of {STEPS:,} steps", ms, "ms", Limit(50)))
    return results


def _draw(kind: Kind, scene: Scene) -> None:
    """Draw a chart as its widget does."""
    plt = Plot()
    draw(plt, kind, scene, SIZE, COLORS)
    plt.plotsize(*SIZE)
    Text.from_ansi(plt.build())


def _history(seed: int) -> SessionState:
    """A noisy made-up run, evaluated every ten steps."""
    rng = np.random.default_rng(seed)
    steps = np.arange(1, STEPS + 1)
    loss = 5 * np.exp(-steps / 5_000) * rng.lognormal(0, 0.5, STEPS)
    rising = np.clip(steps / STEPS + 0.05 * rng.standard_normal(STEPS), 0, 1)
    every = slice(9, None, 10)

    def series(values: NDArray[np.float64], which: slice) -> Series:
        return Series().extended(steps[which], values[which])

    return SessionState(
        Config().model_dump(mode="json"),
        train_loss=series(loss, slice(None)),
        test_loss=series(2 * loss, every),
        train_acc=series(rising, every),
        test_acc=series(rising**2, every),
    )


def _median(function: Callable[[], None], rounds: int) -> float:
    """Median milliseconds of a call."""
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return _MS * statistics.median(seconds[1:])
