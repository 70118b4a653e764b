"""Draws a matrix as colored half blocks, two rows per terminal line, or as characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.color import Color
from textual.content import Content

from grok_tui.view.pair_values import FloatArray, Quantity

Levels = NDArray[np.int64]

# The level of a cell is blank or a step of the ramp, plus CURSOR if the cursor is on it.
BLANK = 0
STEPS = 16
CURSOR = STEPS + 1
_CODES = 2 * CURSOR

# The ends of each ramp: a theme color and its share when blended with the surface. The weak
# end must differ in brightness from the bare surface, which means that there is no value.
_ENDS: dict[Quantity, tuple[tuple[str, float], tuple[str, float]]] = {
    "correctness": (("success", 1.0), ("error", 0.4)),
    "confidence": (("accent", 0.15), ("accent", 1.0)),
    "error distance": (("error", 0.15), ("error", 1.0)),
}
_DIGITS = "".join(str(step * 9 // (STEPS - 1)) for step in range(STEPS))
_CHARACTERS: dict[Quantity, str] = {
    "correctness": f" .{_DIGITS[1:-1]}#",
    "confidence": f" {_DIGITS}",
    "error distance": f" {_DIGITS}",
}


def levels(values: FloatArray) -> Levels:
    """Convert values in 0..1 to steps of the ramp, NaN to BLANK; only 0 gets the first step."""
    steps = 1 + np.ceil((STEPS - 1) * np.nan_to_num(values)).astype(np.int64)
    return np.where(np.isnan(values), BLANK, steps)


def ramp(quantity: Quantity, variables: Mapping[str, str]) -> list[Color]:
    """STEPS colors for values from 0 to 1. variables: theme colors by name."""
    ends = _ENDS[quantity]
    surface, *colors = (Color.parse(variables[n]) for n in ("surface", ends[0][0], ends[1][0]))
    if any(color.ansi is not None for color in (surface, *colors)):
        return _without_blending(quantity, variables)
    first, last = (surface.blend(c, share) for c, (_, share) in zip(colors, ends, strict=True))
    return [first.blend(last, step / (STEPS - 1)) for step in range(STEPS)]


def _without_blending(quantity: Quantity, variables: Mapping[str, str]) -> list[Color]:
    """A ramp of the few colors that the terminal itself defines."""
    last = Color.parse(variables[_ENDS[quantity][1][0]])
    few = [Color.parse("ansi_bright_black"), last, _bright(last)]
    if quantity == "correctness":
        right, between = (Color.parse(variables[name]) for name in ("success", "warning"))
        few = [_bright(right), between, last]
    return [few[round(step * (len(few) - 1) / (STEPS - 1))] for step in range(STEPS)]


def _bright(color: Color) -> Color:
    dark = color.ansi is not None and 0 <= color.ansi < 8
    return Color.parse(color.css.replace("ansi_", "ansi_bright_")) if dark else color


class Painter(Protocol):
    """Draws ROWS rows of levels as one line of the terminal.

    MAGNIFIES: whether a cell may be larger than a dot if there is room.
    """

    ROWS: ClassVar[int]
    MAGNIFIES: ClassVar[bool]

    def line(self, rows: Levels) -> list[Segment]:
        """The segments of one line. rows: (ROWS, width)."""


class HalfBlocks:
    """Draws two rows as one line, each cell in the color of its level."""

    ROWS: ClassVar[int] = 2
    MAGNIFIES: ClassVar[bool] = True

    def __init__(self, steps: Sequence[Color], variables: Mapping[str, str]) -> None:
        foreground, background, surface = (
            Color.parse(variables[name]) for name in ("foreground", "background", "surface")
        )
        plain = [surface, *steps]
        self._colors = [*plain, *(_farther(c, foreground, background) for c in plain)]
        self._glyphs: dict[int, tuple[str, Style]] = {}

    def line(self, rows: Levels) -> list[Segment]:
        codes = rows[0] * _CODES + rows[1]
        return [Segment(glyph * n, style) for (glyph, style), n in self._runs(codes)]

    def _runs(self, codes: Levels) -> list[tuple[tuple[str, Style], int]]:
        return [(self._glyphs.get(c) or self._glyph(c), n) for c, n in runs(codes)]

    def _glyph(self, code: int) -> tuple[str, Style]:
        """The character of two cells, one above the other.

        Surface and cursor may have the terminal's default color, which as a foreground is the
        color of text; so a blank cell is always background, and the cursor always foreground.
        """
        upper, lower = divmod(code, _CODES)
        over, under = (self._colors[level].rich_color for level in (upper, lower))
        if upper == lower:
            glyph = " " if upper == BLANK else "█", Style(color=over, bgcolor=under)
        elif upper == BLANK or lower >= CURSOR:
            glyph = "▄", Style(color=under, bgcolor=over)
        else:
            glyph = "▀", Style(color=over, bgcolor=under)
        self._glyphs[code] = glyph
        return glyph


class Characters:
    """Draws a row as one line of plain characters, for terminals without colors or blocks."""

    ROWS: ClassVar[int] = 1
    MAGNIFIES: ClassVar[bool] = False

    def __init__(self, quantity: Quantity) -> None:
        self._characters = _CHARACTERS[quantity]

    def line(self, rows: Levels) -> list[Segment]:
        return [self._segment(level, length) for level, length in runs(rows[0])]

    def _segment(self, level: int, length: int) -> Segment:
        character = self._characters[level % CURSOR]
        return Segment(character * length, Style(reverse=level >= CURSOR))


def painter_of(app: App[Any], quantity: Quantity) -> Painter:
    """Half blocks in the theme's colors, or characters if the terminal cannot show them."""
    ascii_only = getattr(app, "ascii", False)
    if ascii_only or (app.no_color and app.native_ansi_color):
        return Characters(quantity)
    variables = app.theme_variables
    return HalfBlocks(ramp(quantity, variables), variables)


def legend(painter: Painter) -> Content:
    """A sample of the ramp, from 0 to 1."""
    sample = np.arange(1, STEPS + 1, 3)
    segments = painter.line(np.tile(sample, (painter.ROWS, 1)))
    return Content.from_rich_text(Text.assemble(*((s.text, s.style or "") for s in segments)))


def runs(codes: Levels) -> list[tuple[int, int]]:
    """The runs of equal codes, each a code and a length. codes: (n,)."""
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    lengths = np.diff(starts, append=len(codes))
    return list(zip(codes[starts].tolist(), lengths.tolist(), strict=True))


def _farther(color: Color, *choices: Color) -> Color:
    """The choice whose brightness differs most from the color's."""
    return max(choices, key=lambda choice: abs(choice.brightness - color.brightness))
