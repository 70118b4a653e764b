"""The map of a sweep: a colored cell for each combination of two axes' values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from grok_tui.sweep.phase_map import FAILED, Cell, Plane
from grok_tui.text import MISSING, percent

Measure = Literal["steps to grok", "final test accuracy"]
# Appended if only some seeds grok, and the width of "12,345 2/3".
_MIXED = " {}/{}"
_WIDTH = 10
# The share of the error color in the color of `never`.
_NEVER = 0.35


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell, and how far its points have been trained, 0 to 1."""

    cell: Cell
    progress: float


@dataclass(frozen=True, slots=True)
class Inks:
    """The colors of a map: the ends of the scale, and those of `never` and `failed`."""

    soon: Color
    late: Color
    never: Color
    failed: Color

    @staticmethod
    def of(variables: Mapping[str, str]) -> Inks | None:
        """The colors of a theme; None if it has the terminal's own, which cannot be blended."""
        names = ("success", "warning", "surface", "error")
        if any(variables[name].startswith("ansi") for name in names):
            return None
        soon, late, ground, failed = (Color.parse(variables[name]) for name in names)
        return Inks(soon, late, never=ground.blend(failed, _NEVER), failed=failed)


class SweepMap(DataTable[Text]):
    """One plane of a sweep, with a cursor on a cell."""

    DEFAULT_CSS = """
    SweepMap { height: 1fr; min-height: 4; border: round $primary; padding: 0 1; }
    SweepMap:focus { border: round $accent; }
    """

    def __init__(self) -> None:
        super().__init__(
            cursor_type="cell",
            cell_padding=0,  # no gaps between colors
            cursor_background_priority="css",  # the cursor covers the cell's color
            id="sweep-map",
        )

    def lay_out(self, plane: Plane) -> None:
        """Switch to another plane, with empty cells."""
        at = self.cursor_coordinate
        self.clear(columns=True)
        for head in plane.heads:
            self.add_column(_padded(head))
        for side in plane.sides:
            self.add_row(*(_padded("") for _ in plane.heads), label=Text(f" {side} "))
        self.move_cursor(row=at.row, column=at.column)

    def fill(self, cells: Sequence[Sequence[Shown]], measure: Measure) -> None:
        """Draw all cells, (rows, columns)."""
        inks = Inks.of(self.app.theme_variables)
        scale = _scale([shown.cell for row in cells for shown in row], measure)
        redraw(self, [[_drawn(shown, measure, scale, inks) for shown in row] for row in cells])


def redraw(table: DataTable[Text], rows: Sequence[Sequence[Text]]) -> None:
    """Show cells in a table, updating only those that have changed."""
    for i, row in enumerate(rows):
        for j, text in enumerate(row):
            at = Coordinate(i, j)
            if table.get_cell_at(at) != text:
                table.update_cell_at(at, text, update_width=True)


def _padded(text: str, style: Style | None = None) -> Text:
    return Text(f" {text.rjust(_WIDTH)} ", style or "")


def _scale(cells: Sequence[Cell], measure: Measure) -> tuple[float, float]:
    """The values at the ends of the color scale; steps as logarithms."""
    if measure == "final test accuracy":
        return 0.0, 1.0
    steps = [c.grok_step for c in cells if c.whole and c.grok_step is not None]
    return (_log(min(steps)), _log(max(steps))) if steps else (0.0, 0.0)


def _log(steps: int) -> float:
    return math.log(max(1, steps))


def _drawn(
    shown: Shown, measure: Measure, scale: tuple[float, float], inks: Inks | None
) -> Text:
    """The text of a cell on its color."""
    cell = shown.cell
    if not cell.whole:
        text = f"{shown.progress:.0%}" if shown.progress else "."
        return _padded(text, Style(dim=True))
    text, share = _value(cell, measure, scale)
    if inks is None:
        faint = share is None and text != FAILED
        return _padded(text, Style(bold=share is not None, dim=faint))
    if text == FAILED:
        return _padded(text, Style(color=inks.failed.rich_color, bold=True))
    paper = inks.never if share is None else inks.soon.blend(inks.late, share)
    ink = paper.get_contrast_text(1.0)
    return _padded(text, Style(color=ink.rich_color, bgcolor=paper.rich_color))


def _value(
    cell: Cell, measure: Measure, scale: tuple[float, float]
) -> tuple[str, float | None]:
    """The text, and the place on the scale, 0 (best) to 1; None if it has no number."""
    if cell.failed == cell.points:
        return FAILED, None
    if measure == "final test accuracy":
        acc = cell.test_acc
        return (MISSING, None) if acc is None else (percent(acc), 1 - acc)
    if cell.grok_step is None:
        return cell.text(_MIXED), None
    low, high = scale
    at = _log(cell.grok_step) - low
    return cell.text(_MIXED), at / (high - low) if high > low else 0.0
