"""Widgets that panes draw on: a matrix of dots, and text that depends on its size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from grok_tui.tui.messages import AreaResized
from grok_tui.tui.widgets.half_blocks import BLANK, Levels, Painter


class Area(Static):
    """Text that the pane makes for the widget's size."""

    def on_resize(self) -> None:
        self.post_message(AreaResized())


class DotCanvas(Widget):
    """Draws a matrix of levels; `room` says how many dots fit."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    DotCanvas { height: 1fr; margin: 0 1; background: $surface; color: $foreground 80%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._picture: Levels = np.zeros((0, 0), dtype=np.int64)
        self._painter: Painter | None = None
        self._labels: Mapping[int, str] = {}
        self._margin = 0

    def on_resize(self) -> None:
        self.post_message(AreaResized())

    def room(self, painter: Painter, margin: int = 0) -> tuple[int, int]:
        """Rows and columns of dots that fit beside a margin of `margin` columns."""
        return self.size.height * painter.ROWS, max(0, self.size.width - margin)

    def draw(
        self, picture: Levels, painter: Painter, labels: Mapping[int, str] | None = None,
        margin: int = 0,
    ) -> None:  # fmt: skip
        """Show levels, (rows, columns), beside a margin of `margin` columns.

        labels: texts for the margin, by row of dots; only the first on each line is shown.
        """
        unfilled = -len(picture) % painter.ROWS
        self._picture = np.pad(picture, ((0, unfilled), (0, 0)), constant_values=BLANK)
        by_line: dict[int, str] = {}
        for row, text in (labels or {}).items():
            by_line.setdefault(row // painter.ROWS, text)
        self._painter, self._labels, self._margin = painter, by_line, margin
        self.refresh()

    def render_line(self, y: int) -> Strip:
        style = self.rich_style
        painter = self._painter
        at = y * painter.ROWS if painter else 0
        if painter is None or at >= len(self._picture):
            return Strip.blank(self.size.width, style)
        width = self._margin - 1
        label = f"{self._labels.get(y, '')[:width]:>{width}} " if self._margin else ""
        segments = [Segment(label, style), *painter.line(self._picture[at : at + painter.ROWS])]
        return Strip(segments).adjust_cell_length(self.size.width, style)
