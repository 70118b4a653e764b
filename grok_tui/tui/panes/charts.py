"""The charts as a pane: loss over accuracy, which share their steps."""

from __future__ import annotations

from typing import Literal

from textual.app import ComposeResult

from grok_tui.tui.charts import Chart
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.plots import draw_accuracy, draw_loss
from grok_tui.tui.state import SessionState


class Charts(Pane):
    """Loss and accuracy; the view that both have. Methods return a word to the user."""

    TITLE = "Charts"
    ABOUT = (
        "Loss and accuracy over training steps, on the pairs trained on and on those held out."
        " Grokking is the test curve's sudden fall, long after the train curve's."
    )
    DEFAULT_CSS = """
    Charts, Charts:focus, Charts:focus-within { border: none; }
    Charts Chart { height: 1fr; }
    """

    def __init__(self, state: SessionState) -> None:
        super().__init__(id="charts")
        self._state = state
        self._recent = False

    def compose(self) -> ComposeResult:
        yield Chart(draw_loss, self._state, id="loss")
        yield Chart(draw_accuracy, self._state, id="accuracy")

    def show(self, state: SessionState) -> None:
        for chart in self.query(Chart):
            chart.show(state, now=state.ended)

    def toggle_recent(self) -> str:
        """Show the newest steps only, or all again."""
        self._recent = not self._recent
        for chart in self.query(Chart):
            chart.show_view(recent=self._recent)
        return "the newest steps; v shows all" if self._recent else "all steps"

    def toggle_follow(self) -> str:
        """Keep the newest step in view, or hold the view where it is."""
        return ""

    def toggle_log(self, axis: Literal["x", "y"]) -> str:
        """A logarithmic or a linear axis of the focused chart; the loss, if none is."""
        return ""

    def next_smoothing(self) -> str:
        """More smoothing, and after the most none."""
        return ""

    def set_ghost(self, ghost: SessionState | None, name: str = "") -> None:
        """Show another run's curves behind, or none."""
