"""The chart widgets: they redraw when something changed, at a rate that follows the cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.app import RenderResult
from textual.timer import Timer
from textual_plotext import PlotextPlot

from grok_tui.tui.plots import Colors
from grok_tui.tui.state import SessionState

Draw = Callable[[Any, SessionState, int, Colors], None]

# Each chart may take this share of one core, and is redrawn at most so often.
_SHARE = 0.04
_SHORTEST_SECONDS = 0.25


class Chart(PlotextPlot):
    """One chart of the session's state."""

    def __init__(self, draw: Draw, state: SessionState, colors: Colors, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._draw, self._state, self._colors = draw, state, colors
        self._next_at = 0.0
        self._timer: Timer | None = None

    def show(self, state: SessionState, *, now: bool = False) -> None:
        """Draw the state soon, or at once with `now`."""
        self._state = state
        if now:
            self._next_at = 0.0
        if self._timer is not None:
            return
        wait = self._next_at - time.monotonic()
        if wait <= 0:  # a timer of no length makes Textual divide by zero
            self.refresh()
        else:
            self._timer = self.set_timer(wait, self._redraw)

    def _redraw(self) -> None:
        self._timer = None
        self.refresh()

    def render(self) -> RenderResult:
        started = time.monotonic()
        self._draw(self.plt, self._state, self.size.width, self._colors)
        picture = super().render()
        ended = time.monotonic()
        self._next_at = ended + max(_SHORTEST_SECONDS, (ended - started) / _SHARE)
        return picture
