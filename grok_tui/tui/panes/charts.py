"""The Charts pane: loss above accuracy, with a shared view of the steps."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from grok_tui.tui.messages import ViewChanged
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.widgets.chart import Chart
from grok_tui.view.charts.scales import ACCURACY, LOSS
from grok_tui.view.charts.window import Axes, ChartView
from grok_tui.view.state import SessionState

# With fewer rows, the charts are side by side.
_ROWS_FOR_BOTH = 16


class Charts(Pane, can_focus=False):
    """The charts of loss and accuracy; some methods return a message to the user."""

    TITLE = "Charts"
    KEY = "1"
    ABOUT = (
        "Loss and accuracy over training steps, for the train pairs and the held-out test"
        " pairs. Grokking is the sudden fall of the test loss, long after that of the train"
        " loss."
    )
    DEFAULT_CSS = """
    Charts, Charts:focus, Charts:focus-within { border: none; }
    Charts Chart { height: 1fr; }
    Charts.low { layout: horizontal; }
    Charts.low Chart { height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="zoom-in", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", id="zoom-out", show=False),
        Binding("left", "crosshair(-1)", "Crosshair left", id="crosshair-left", show=False),
        Binding("right", "crosshair(1)", "Crosshair right", id="crosshair-right", show=False),
        Binding("escape", "no_crosshair", "Hide the crosshair", id="no-crosshair", show=False),
        Binding("shift+left", "pan(-0.5)", "Earlier steps", id="earlier", show=False),
        Binding("shift+right", "pan(0.5)", "Later steps", id="later", show=False),
        Binding("home", "oldest", "First steps", id="oldest", show=False),
        Binding("end", "newest", "Follow the newest steps", id="newest", show=False),
        Binding("up", "choose('loss')", "Choose the loss chart", id="choose-loss", show=False),
        Binding(
            "down",
            "choose('accuracy')",
            "Choose the accuracy chart",
            id="choose-accuracy",
            show=False,
        ),
    ]

    def __init__(self, state: SessionState) -> None:
        super().__init__(id="charts")
        self._loss = Chart(LOSS, state, Axes(log_y=True), id="loss")
        self._accuracy = Chart(ACCURACY, state, Axes(), id="accuracy")
        self._chosen = self._loss

    def compose(self) -> ComposeResult:
        yield self._loss
        yield self._accuracy

    def on_resize(self) -> None:
        self.set_class(self.size.height < _ROWS_FOR_BOTH, "low")

    def show(self, state: SessionState) -> None:
        for chart in self.query(Chart):
            chart.show(state, now=state.ended)

    def reveal(self) -> None:
        """Focus the chart that had the focus last."""
        self._chosen.focus()

    def on_descendant_focus(self) -> None:
        self._chosen = self._accuracy if self._accuracy.has_focus else self._loss

    def on_view_changed(self, message: ViewChanged) -> None:
        for chart in self.query(Chart):
            if chart.id != message.chart:
                chart.show_view(message.view)

    # --- for keys of the main screen -----------------------------------------------------

    def toggle_recent(self) -> str:
        """Switch between the newest steps and all; returns a message."""
        view = self._view.recent_or_all(self._chosen.scene.history)
        self._look(view)
        return "the newest steps; v shows all" if view.span == "recent" else "all steps"

    def toggle_follow(self) -> str:
        """Switch between following the newest step and holding the view; returns a message."""
        view = self._view.held_or_following(self._chosen.scene.history)
        self._look(view)
        if view.end is None:
            return "following the newest step"
        return "the view stays here while training continues; f follows again"

    def toggle_log(self, axis: Literal["x", "y"]) -> str:
        """Switch an axis of the focused chart, else of the loss chart; returns a message."""
        chart = self._chosen if self._chosen.has_focus else self._loss
        axes = chart.scene.axes
        if axis == "x":
            axes = replace(axes, log_x=not axes.log_x)
        else:
            axes = replace(axes, log_y=not axes.log_y)
        chart.show_axes(axes)
        logarithmic = axes.log_x if axis == "x" else axes.log_y
        over = "steps" if axis == "x" else "values"
        return f"{chart.id}: {'logarithmic' if logarithmic else 'linear'} axis of {over}"

    def next_smoothing(self) -> str:
        """Switch to the next degree of smoothing; returns a message."""
        view = self._view.smoother()
        self._look(view)
        if view.smoothing == "none":
            return "no smoothing"
        return f"{view.smoothing} smoothing, the raw curves behind"

    def set_ghost(self, ghost: SessionState | None, name: str = "") -> None:
        """Show another run's curves behind this one's; None removes them."""
        for chart in self.query(Chart):
            chart.show_ghost(ghost, name)

    # --- its own keys ---------------------------------------------------------------------

    @property
    def _view(self) -> ChartView:
        return self._chosen.scene.view

    def _look(self, view: ChartView) -> None:
        for chart in self.query(Chart):
            chart.show_view(view)

    def action_zoom(self, direction: int) -> None:
        self._look(self._chosen.zoomed(direction))

    def action_pan(self, share: float) -> None:
        scene = self._chosen.scene
        self._look(self._view.panned(share, scene.history, log=scene.axes.log_x))

    def action_oldest(self) -> None:
        self._look(self._view.at_oldest(self._chosen.scene.history))

    def action_newest(self) -> None:
        self._look(self._view.at_newest())

    def action_crosshair(self, columns: int) -> None:
        self._look(self._chosen.crosshair_moved(columns))

    def action_no_crosshair(self) -> None:
        self._look(self._view.with_crosshair(None, self._chosen.scene.history))

    def action_choose(self, name: str) -> None:
        """Focus the chart with this id."""
        self.query_one(f"#{name}", Chart).focus()
