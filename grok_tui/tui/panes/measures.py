"""The Measures pane: a chart of the progress measures that are losses, the others below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import numpy as np
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from grok_tui.protocol.results import AnalysisArrays, Measures
from grok_tui.text import number
from grok_tui.tui.panes.analysis_pane import AnalysisPane
from grok_tui.tui.widgets.chart import Chart
from grok_tui.tui.widgets.dot_canvas import Area
from grok_tui.tui.widgets.residue_bars import bars
from grok_tui.view.charts.scales import PROGRESS
from grok_tui.view.charts.window import Axes
from grok_tui.view.state import SessionState

_NAME_WIDTH, _VALUE_WIDTH = 17, 8

_ROWS: dict[str, Callable[[Measures], float | None]] = {
    "Gini of W_E": lambda m: m.gini_W_E,
    "Gini of W_L": lambda m: m.gini_W_L,
    "key frequencies": lambda m: len(m.key_frequencies),
    "logit FVE": lambda m: m.logit_fve,
    "squared weights": lambda m: sum(m.sum_of_squares.values()),
    "symmetricity": lambda m: m.gradient_symmetricity,
    "dist. irrelevance": lambda m: m.distance_irrelevance,
}


class MeasuresPane(AnalysisPane):
    """A chart of restricted and excluded loss, and a line for each other progress measure."""

    TITLE = "Measures"
    KEY = "6"
    SHORT = "Meas"
    ABOUT = (
        "Restricted: the circuit alone, on the test pairs. Excluded: everything but the"
        " circuit, on the train pairs."
    )
    MORE = (
        "The restricted loss is what the network would score on the test pairs with nothing"
        " but the key frequencies of its neurons; it falls long before the test loss, and"
        " shows progress that cannot be seen otherwise. The excluded loss is what it would"
        " score on the train pairs without them; it rises as the circuit takes over from"
        " memorization. Early on nearly all frequencies are key, and a low restricted loss"
        " says little. Below: the Gini coefficients of the spectra; how many frequencies are"
        " key; the share of the logits' variance that they explain (FVE); the sum of all"
        " squared weights, which the cleanup shrinks; gradient symmetricity (1: pizza) and"
        " distance irrelevance (0: pizza, 1: clock). Each line shows its history, scaled"
        " between its smallest and largest value; o shows these lines alone, for terminals too"
        " low to hold the chart as well."
    )
    DEFAULT_CSS = """
    MeasuresPane Chart { height: 1fr; }
    MeasuresPane #measures-rows { height: auto; min-height: 1; padding: 0 1; }
    MeasuresPane.low #measures-rows, MeasuresPane.numbers Chart { display: none; }
    MeasuresPane.numbers #measures-rows { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "crosshair(-1)", "Crosshair left", id="measures-left", show=False),
        Binding("right", "crosshair(1)", "Crosshair right", id="measures-right", show=False),
        Binding("escape", "no_crosshair", "Hide the crosshair", id="measures-none", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="measures-zoom-in", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", id="measures-zoom-out", show=False),
        Binding("o", "numbers", "The numbers alone", id="measures-numbers", show=False),
        Binding("home", "oldest", "First steps", id="measures-oldest", show=False),
        Binding("end", "newest", "Newest steps", id="measures-newest", show=False),
    ]

    def __init__(self, state: SessionState) -> None:
        super().__init__("measures")
        self._chart = Chart(PROGRESS, state, Axes(log_y=True), id="progress")
        self._chart.can_focus = False  # the pane itself has the keys

    def body(self) -> Iterable[Widget]:
        return self._chart, Area(id="measures-rows")

    def show(self, state: SessionState) -> None:
        super().show(state)
        self._chart.show(state, now=state.ended)

    def draw(self, arrays: AnalysisArrays) -> None:  # noqa: ARG002
        width = self.query_one("#measures-rows", Static).content_size.width
        self.say("measures-rows", Content("\n").join(self._rows(width)))

    def _rows(self, width: int) -> Iterable[Content]:
        history = [measures for _, measures in self.analyses.measures]
        room = width - _NAME_WIDTH - _VALUE_WIDTH - 2
        for name, value_of in _ROWS.items():
            values = [value_of(measures) for measures in history]
            head = f"{name:<{_NAME_WIDTH}} {number(values[-1]):>{_VALUE_WIDTH}} "
            yield Content.assemble(head, (sparkline(values, max(0, room)), "$accent"))

    # --- what keys do -------------------------------------------------------------------

    def action_numbers(self) -> None:
        """Switch between the numbers alone and the chart, with numbers if there is room."""
        self.toggle_class("numbers")

    def action_crosshair(self, columns: int) -> None:
        self._chart.show_view(self._chart.crosshair_moved(columns))

    def action_no_crosshair(self) -> None:
        scene = self._chart.scene
        self._chart.show_view(scene.view.with_crosshair(None, scene.history))

    def action_zoom(self, direction: int) -> None:
        self._chart.show_view(self._chart.zoomed(direction))

    def action_oldest(self) -> None:
        self._chart.show_view(self._chart.scene.view.at_oldest(self._chart.scene.history))

    def action_newest(self) -> None:
        self._chart.show_view(self._chart.scene.view.at_newest())


def sparkline(values: list[float | None], width: int) -> str:
    """The history of a number on one line of at most `width` columns; None is a gap."""
    if not width:
        return ""
    places = np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(int)
    shown = np.array([values[at] for at in places], dtype=np.float64)
    known = shown[np.isfinite(shown)]
    if not len(known):
        return ""
    low, high = known.min(), known.max()
    spread = high - low
    shares = (shown - low) / spread if spread > 0 else np.where(np.isfinite(shown), 0.5, np.nan)
    return bars(np.maximum(shares, 0.01).astype(np.float32), 1)[0]
