"""The accuracy of every residue as bars, on as many strips as the width needs."""

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
# What strips may take of the pane's height; the rest is for the chosen residue.
_SHARE = 2 / 3
# Columns from one number of an axis to the next, at least.
_NUMBER_WIDTH = 6
_ROUND = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the residues 0..p-1 fill a space.

    column: columns of the terminal for a residue, its gap included. per_strip: residues on a
    strip. strips: how many there are. visible: how many are shown at a time. bar: lines of a
    bar; a strip has one for train, one for test, and a line for the axis.
    """

    column: int
    per_strip: int
    strips: int
    visible: int
    bar: int

    @property
    def lines(self) -> int:
        """Lines of a strip."""
        return 2 * self.bar + 1

    def first_visible(self, chosen: int) -> int:
        """The first strip shown where the chosen residue's has to be among them."""
        strip = chosen // self.per_strip
        return min(max(0, strip - self.visible // 2), self.strips - self.visible)


def layout_of(p: int, width: int, height: int) -> Layout:
    """The layout with the largest bars for a space of some columns and lines."""
    column = max(1, min(_WIDEST, width // p))
    per_strip = -(-p // -(-p // max(1, width // column)))  # all about equally long
    strips = -(-p // per_strip)
    budget = int(height * _SHARE)
    bar = max(1, (budget // strips - 1) // 2)
    visible = min(strips, max(1, budget // (2 * bar + 1)))
    return Layout(column, per_strip, strips, visible, bar)


def bars(values: FloatArray, height: int) -> list[str]:
    """Bars of `height` lines, from the top line to the bottom one, a character each.

    values: (n,), in 0..1; NaN is drawn as a gap. Only 0 is empty, and only 1 full.
    """
    columns = [_column(float(value), height) for value in values]
    return ["".join(line) for line in zip(*columns, strict=True)][::-1]


def _column(value: float, height: int) -> str:
    """One bar, from the bottom up."""
    if np.isnan(value):
        return _GAP.ljust(height)
    eighths = 8 * height if value == 1 else math.ceil(value * (8 * height - 1))
    return "".join(_BLOCKS[min(max(0, eighths - 8 * line), 8)] for line in range(height))


class ResidueBars(Widget):
    """Bars for train above those for test, and under both the axis, the chosen one marked."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "ResidueBars { height: auto; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._train = self._test = np.zeros(0, dtype=np.float32)
        self._chosen, self._height = 0, 0

    def show(self, train: FloatArray, test: FloatArray, chosen: int) -> None:
        """Draw accuracies, (p,) each, NaN where there is no pair; `chosen` is a residue."""
        grown = len(train) != len(self._train)
        self._train, self._test, self._chosen = train, test, chosen
        self.refresh(layout=grown)

    @property
    def per_strip(self) -> int:
        """Residues on a strip."""
        return self._layout.per_strip

    @property
    def _layout(self) -> Layout:
        return layout_of(max(1, len(self._train)), self.size.width, self._height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many lines as the strips need; none before there is anything to show."""
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
        here = slice(start, start + layout.per_strip)
        chosen = self._chosen - start
        for values, color in ((self._train, "$series-train"), (self._test, "$series-test")):
            for line in bars(values[here], layout.bar):
                yield _line(line, layout.column, chosen, color)
        yield axis(start, len(self._train[here]), layout.column, chosen)


def _line(bar_tops: str, column: int, chosen: int, color: str) -> Content:
    """One line of bars, `column` columns each, the chosen one in the color of text."""
    gap = " " if column > 1 else ""
    line = "".join(character * (column - len(gap)) + gap for character in bar_tops)
    content = Content(line).stylize(color)
    if 0 <= chosen < len(bar_tops):
        content = content.stylize("$foreground", chosen * column, (chosen + 1) * column)
    return content


def axis(start: int, count: int, column: int, chosen: int) -> Content:
    """Numbers under some of the residues from `start` on, and a mark under the chosen one."""
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
