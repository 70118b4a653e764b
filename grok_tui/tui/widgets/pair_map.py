"""The map of pairs: a widget that shows all pairs, pooled, or those around the cursor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.segment import Segment
from textual.events import Click
from textual.strip import Strip
from textual.widget import Widget

from grok_tui.tasks.task import IntArray
from grok_tui.tui.messages import MapScaled, PairChosen
from grok_tui.tui.widgets.half_blocks import BLANK, CURSOR, Levels, Painter, levels
from grok_tui.view.pair_values import FloatArray, pooled

_CORNER = "a↓b→ "
_GUTTER = len(_CORNER)


@dataclass(frozen=True, slots=True)
class View:
    """The part of a map in a window, in cells of `pool` x `pool` pairs.

    size: width and height of a cell in dots; 1 if pool > 1.
    top, left: the first cell shown. rows, columns: how many cells are shown.
    deepest: how many times one can zoom in.
    """

    pool: int
    size: int
    top: int
    left: int
    rows: int
    columns: int
    deepest: int

    def pair_at(self, dot: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int] | None:
        """Row and column of the pair in the middle of the cell under a dot; None if outside.

        dot: row and column in the window. shape: rows and columns of pairs.
        """
        row, column = dot[0] // self.size, dot[1] // self.size
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        middle = self.pool // 2
        return (
            min((self.top + row) * self.pool + middle, shape[0] - 1),
            min((self.left + column) * self.pool + middle, shape[1] - 1),
        )


def view_of(
    shape: tuple[int, int],
    window: tuple[int, int],
    cursor: tuple[int, int],
    zoom: int,
    *,
    magnified: bool = True,
) -> View:
    """The view of a map around the cursor.

    shape: rows and columns of pairs. window: rows and columns of dots (half blocks or
    characters). cursor: row and column of its pair. zoom: 0 shows the whole map, and each
    further step halves `pool`. magnified: whether cells may be larger than a dot.
    """
    room, longest = max(1, min(window)), max(shape)
    fitting = -(-longest // room)
    pool = max(1, fitting >> zoom)
    size = max(1, room // longest) if magnified else 1
    top, rows = _part(-(-shape[0] // pool), window[0] // size, cursor[0] // pool)
    left, columns = _part(-(-shape[1] // pool), window[1] // size, cursor[1] // pool)
    return View(pool, size, top, left, rows, columns, fitting.bit_length() - 1)


def _part(cells: int, room: int, cursor: int) -> tuple[int, int]:
    """The first cell shown and how many, with the cursor in the middle if possible."""
    shown = max(0, min(cells, room))
    return min(max(0, cursor - shown // 2), cells - shown), shown


class PairMap(Widget):
    """Row = a, column = b; the cursor is a highlighted cell with a mark on each axis."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PairMap { height: 1fr; margin: 0 1; background: $surface; color: $foreground 80%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._values: FloatArray = np.full((1, 1), np.nan, dtype=np.float32)
        self._rows = self._columns = np.zeros(1, dtype=np.int64)
        self._zoom, self._cursor = 0, (0, 0)
        self._painter: Painter | None = None
        self._view = view_of((1, 1), (1, 1), (0, 0), 0)
        self._picture: Levels = np.zeros((0, 0), dtype=np.int64)

    def draw(
        self, values: FloatArray, rows: IntArray, columns: IntArray, painter: Painter
    ) -> None:
        """Show values, (rows, columns), in 0..1 or NaN.

        rows, columns: the values of a and b, for the margins.
        """
        self._values, self._rows, self._columns = values, rows, columns
        self._painter = painter
        self._look()

    def move_to(self, row: int, column: int) -> None:
        """Move the cursor to the pair at this row and column of the values."""
        self._cursor = (row, column)
        self._look()

    def zoom(self, direction: int) -> None:
        """Zoom one step in (1) or out (-1), within the limits."""
        deepest = self._view.deepest
        self._zoom = min(max(0, min(self._zoom, deepest) + direction), deepest)
        self._look()

    def on_resize(self) -> None:
        self._look()

    def on_click(self, event: Click) -> None:
        if self._painter is not None:
            dot = ((event.y - 1) * self._painter.ROWS, event.x - _GUTTER)
            if pair := self._view.pair_at(dot, self._shape):
                self.post_message(PairChosen(*pair))

    # --- what it shows ------------------------------------------------------------------

    @property
    def _shape(self) -> tuple[int, int]:
        rows, columns = self._values.shape
        return rows, columns

    def _look(self) -> None:
        """Compute the view and its picture: the level of every dot, in full lines."""
        if self._painter is None:
            return
        width, height = self.size
        window = (max(0, height - 1) * self._painter.ROWS, max(0, width - _GUTTER))
        before = self._view.pool
        magnified = self._painter.MAGNIFIES
        self._view = view = view_of(
            self._shape, window, self._cursor, self._zoom, magnified=magnified
        )
        if view.pool != before:
            self.post_message(MapScaled(view.pool))
        cells = levels(pooled(self._values, view.pool))
        cells[self._cursor[0] // view.pool, self._cursor[1] // view.pool] += CURSOR
        shown = cells[view.top : view.top + view.rows, view.left : view.left + view.columns]
        dots = shown.repeat(view.size, axis=0).repeat(view.size, axis=1)
        unfilled = -len(dots) % self._painter.ROWS
        self._picture = np.pad(dots, ((0, unfilled), (0, 0)), constant_values=BLANK)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        style = self.rich_style
        if self._painter is None:
            return Strip.blank(self.size.width, style)
        at = (y - 1) * self._painter.ROWS
        if y == 0:
            segments = [Segment(_CORNER + self._ruler(), style)]
        elif at < len(self._picture):
            rows = self._picture[at : at + self._painter.ROWS]
            margin = Segment(self._margin(y - 1, len(rows)), style)
            segments = [margin, *self._painter.line(rows)]
        else:
            return Strip.blank(self.size.width, style)
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _ruler(self) -> str:
        """The first and last b shown, and a mark above the cursor's."""
        view, width = self._view, self._picture.shape[1]
        first, last = self._ends(view.left, view.columns, self._shape[1])
        text = list(f"{self._columns[first]:<{width}}")
        last_text = str(self._columns[last])
        if len(last_text) + _GUTTER < width:
            text[-len(last_text) :] = last_text
        text[self._cursor_dot(self._cursor[1], view.left)] = "▾"
        return "".join(text[:width])

    def _margin(self, line: int, rows: int) -> str:
        """The first and last a shown, and a mark at the cursor's; line: of the terminal."""
        view = self._view
        first, last = self._ends(view.top, view.rows, self._shape[0])
        first_text, last_text = str(self._rows[first]), str(self._rows[last])
        labels = {0: first_text, (view.rows * view.size - 1) // rows: last_text}
        at_cursor = self._cursor_dot(self._cursor[0], view.top) // rows == line
        return f"{labels.get(line, ''):>{_GUTTER - 1}}{'▸' if at_cursor else ' '}"

    def _ends(self, start: int, cells: int, pairs: int) -> tuple[int, int]:
        """The first and last row or column of pairs shown."""
        return start * self._view.pool, min((start + cells) * self._view.pool, pairs) - 1

    def _cursor_dot(self, at: int, start: int) -> int:
        """The dot in the middle of the cursor's cell."""
        return (at // self._view.pool - start) * self._view.size + self._view.size // 2
