"""Charts drawn without a screen, on a figure that records the calls."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from textual_plotext.plot import Plot

from grok_tui.config.schema import Config
from grok_tui.view.charts.plot import PlotColor, Scene, draw, plot_columns
from grok_tui.view.charts.scales import ACCURACY, LOSS, Kind
from grok_tui.view.charts.window import Axes, ChartView
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState

COLORS: dict[str, PlotColor] = {
    "train": (10, 20, 30), "test": (40, 50, 60), "edit": (70, 80, 90), "phase": (1, 2, 3),
    "background": (0, 0, 0), "crosshair": (9, 9, 9),
    "train-muted": (11, 11, 11), "test-muted": (12, 12, 12),
}  # fmt: skip
WIDTH, HEIGHT = 60, 18
COLUMNS = plot_columns(WIDTH)
KINDS, NAMES = [LOSS, ACCURACY], ["loss", "accuracy"]
ALL, RECENT = ChartView(), ChartView(span="recent")


def series(values: list[float], every: int = 1, first: int = 1) -> Series:
    steps = first * every + every * np.arange(len(values))
    return Series().extended(steps, np.array(values))


def state(train: list[float], test: list[float], **fields: Any) -> SessionState:
    """A state with these losses; accuracies at the test steps rise from 0 to 1."""
    rising = series(np.linspace(0, 1, len(test)).tolist(), every=10)
    return SessionState(
        Config().model_dump(), train_loss=series(train), test_loss=series(test, every=10),
        train_acc=rising, test_acc=rising, **fields,
    )  # fmt: skip


class Spy(Plot):
    """A figure that records the last calls."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Any] = {}
        self.lines: list[tuple[list[float], list[float]]] = []
        self.behind: dict[str, list[float]] = {}

    def clear_figure(self) -> None:
        self.told, self.lines, self.behind = {}, [], {}
        super().clear_figure()

    def plot(self, xs: list[float], ys: list[float], **options: Any) -> None:
        if options.get("color") in (COLORS["train"], COLORS["test"]):
            self.lines.append((xs, ys))
        for name in ("train", "test"):
            if options.get("color") == COLORS[f"{name}-muted"]:
                self.behind[name] = ys
        super().plot(xs, ys, **options)

    def xlim(self, *limits: float) -> None:
        self.told["xlim"] = limits
        super().xlim(*limits)

    def ylim(self, *limits: float) -> None:
        self.told["ylim"] = limits
        super().ylim(*limits)

    def xticks(self, places: list[float], labels: list[str]) -> None:
        self.told["xticks"] = list(zip(places, labels, strict=True))
        super().xticks(places, labels)

    def yticks(self, places: list[float], labels: list[str]) -> None:
        self.told["yticks"] = list(zip(places, labels, strict=True))
        super().yticks(places, labels)


def drawn(
    kind: Kind,
    what: SessionState,
    plt: Spy | None = None,
    *,
    axes: Axes | None = None,
    ghost: SessionState | None = None,
    view: ChartView | None = None,
) -> tuple[Spy, str]:
    """Draw a chart; returns the figure, and its text without colors.

    axes: None for those that a session starts with.
    """
    plt, axes = plt or Spy(), axes or Axes(log_y=kind is LOSS)
    said = draw(plt, kind, Scene(what, view or ALL, axes, ghost), (WIDTH, HEIGHT), COLORS)
    plt.plotsize(WIDTH, HEIGHT)  # as Textual's widget does
    return plt, said or re.sub(r"\x1b\[[0-9;]*m", "", plt.build())
