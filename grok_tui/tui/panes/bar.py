"""The bar with the names of the panes, which the mouse can choose too."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class PaneBar(Widget):
    """One line: every pane with its number, the current one marked.

    Where the names do not fit, all but the current pane keep only their numbers.
    """

    DEFAULT_CSS = """
    PaneBar { height: 1; padding: 0 1; background: $panel; color: $foreground 70%; }
    """

    current: reactive[int] = reactive(0)

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = titles

    def render(self) -> RenderResult:
        line = self._line(short=False)
        return line if line.cell_length <= self.content_size.width else self._line(short=True)

    def _line(self, *, short: bool) -> Content:
        return Content(" ").join(self._item(at, short=short) for at in range(len(self._titles)))

    def _item(self, at: int, *, short: bool) -> Content:
        here = at == self.current
        text = f" {at + 1} " if short and not here else f" {at + 1} {self._titles[at]} "
        item = Content(text).stylize(f"@click=screen.pane({at + 1})")
        return item.stylize("bold $background on $accent") if here else item
