"""Bars of the accuracy of each residue, on as many strips as the width requires."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from textual.app import RenderResult
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.widget import Widget

from grok_tui.tui.messages import ResidueChosen
from grok_tui.view.pair_values import FloatArray

_BLOCKS = " ▁▂▃▄▅▆▇█"
_GAP = "·"
_WIDEST = 6
# The share of the pane's height for the strips; the rest is for the chosen residue.
_SHARE = 2 / 3
# The fewest columns from one number on an axis to the next.
_NUMBER_WIDTH = 6
_ROUND = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the residues 0..p-1 fill a space.

    column: terminal columns per residue, including its gap. per_strip: residues per strip.
    strips: how many there are. visible: how many of them are shown at a time. bar: height of
    a bar in lines; a strip has a bar for train, one for test, and a line for the axis.
    """

    column: int
    per_strip: int
    strips: int
    visible: int
    bar: int

    @property
    def lines(self) -> int:
        """Lines per strip."""
        return 2 * self.bar + 1

    def first_visible(self, chosen: int) -> int:
        """The first visible strip, such that the chosen residue's strip is visible."""
        strip = chosen // self.per_strip
        return min(max(0, strip - self.visible // 2), self.strips - self.visible)


def layout_of(p: int, width: int, height: int) -> Layout:
    """The layout of p residues with the largest bars that fit in `width` x `height`."""
    column = max(1, min(_WIDEST, width // p))
    per_strip = -(-p // -(-p // max(1, width // column)))  # strips of about equal length
    strips = -(-p // per_strip)
    budget = int(height * _SHARE)
    bar = max(1, (budget // strips - 1) // 2)
    visible = min(strips, max(1, budget // (2 * bar + 1)))
    return Layout(column, per_strip, strips, visible, bar)


def bars(values: FloatArray, height: int) -> list[str]:
    """Bars as `height` lines of text, top line first, with one character per bar.

    values: (n,), in 0..1; NaN is drawn as a gap. Only 0 gives an empty bar, only 1 a full one.
    """
    columns = [_column(float(value), height) for value in values]
    return ["".join(line) for line in zip(*columns, strict=True)][::-1]


def _column(value: float, height: int) -> str:
    """The characters of one bar, bottom first."""
    if np.isnan(value):
        return _GAP.ljust(height)
    eighths = 8 * height if value == 1 else math.ceil(value * (8 * height - 1))
    return "".join(_BLOCKS[min(max(0, eighths - 8 * line), 8)] for line in range(height))


class ResidueBars(Widget):
    """Train bars above test bars, with an axis below that marks the chosen residue."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "ResidueBars { height: auto; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._train = self._test = np.zeros(0, dtype=np.float32)
        self._chosen, self._height = 0, 0

    def show(self, train: FloatArray, test: FloatArray, chosen: int) -> None:
        """Draw accuracies, (p,) each, NaN for residues without pairs; chosen: a residue."""
        grown = len(train) != len(self._train)
        self._train, self._test, self._chosen = train, test, chosen
        self.refresh(layout=grown)

    @property
    def per_strip(self) -> int:
        """Residues per strip."""
        return self._layout.per_strip

    @property
    def _layout(self) -> Layout:
        return layout_of(max(1, len(self._train)), self.size.width, self._height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The lines that the visible strips need; 0 before the first values."""
        self._height = container.height
        layout = layout_of(max(1, len(self._train)), width, self._height)
        return layout.visible * layout.lines if len(self._train) else 0

    def on_click(self, event: Click) -> None:
        layout = self._layout
        strip = layout.first_visible(self._chosen) + event.y // layout.lines
        along = event.x // layout.column
        residue = strip * layout.per_strip + along
        if along < layout.per_strip and residue < len(self._train):
            self.post_message(ResidueChosen(residue))

    def render(self) -> RenderResult:
        layout = self._layout
        first = layout.first_visible(self._chosen)
        strips = range(first, first + layout.visible)
        return Content("\n").join(chain.from_iterable(self._strip(layout, n) for n in strips))

    def _strip(self, layout: Layout, strip: int) -> Iterator[Content]:
        start = strip * layout.per_strip
        shown = slice(start, start + layout.per_strip)
        chosen = self._chosen - start
        for values, color in ((self._train, "$series-train"), (self._test, "$series-test")):
            for line in bars(values[shown], layout.bar):
                yield _line(line, layout.column, chosen, color)
        yield axis(start, len(self._train[shown]), layout.column, chosen)


def _line(bar_tops: str, column: int, chosen: int, color: str) -> Content:
    """One line of bars, each `column` columns wide, with the chosen one in the text's color."""
    gap = " " if column > 1 else ""
    line = "".join(character * (column - len(gap)) + gap for character in bar_tops)
    content = Content(line).stylize(color)
    if 0 <= chosen < len(bar_tops):
        content = content.stylize("$foreground", chosen * column, (chosen + 1) * column)
    return content


def axis(start: int, count: int, column: int, chosen: int) -> Content:
    """The axis under `count` residues from `start` on: some numbers, and a mark at `chosen`.

    column: columns per residue. chosen: its index from `start`.
    """
    every = next(n for n in _ROUND if n * column >= _NUMBER_WIDTH)
    line = [" "] * (count * column)
    for residue in range(-start % every, count, every):
        at, text = residue * column, str(start + residue)
        if at + len(text) <= len(line) and not at <= chosen * column < at + len(text):
            line[at : at + len(text)] = text
    content = Content("".join(line)).stylize("$foreground 60%")
    if not 0 <= chosen < count:
        return content
    at = chosen * column
    return Content.assemble(content[:at], ("▲", "bold $accent"), content[at + 1 :])
