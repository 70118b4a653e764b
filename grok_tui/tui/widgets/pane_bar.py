"""The bar with the names of the panes, which can be clicked."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.events import Click
from textual.reactive import reactive
from textual.widget import Widget

_GAP = " "


class PaneBar(Widget):
    """One line with the key and name of every pane, the current one marked.

    If the names do not fit, it shows short names; if those do not fit either, all panes but
    the current one show only their keys.
    """

    DEFAULT_CSS = """
    PaneBar { height: 1; padding: 0 1; background: $panel; color: $foreground 70%; }
    """
    ALLOW_SELECT = False

    current: reactive[int] = reactive(0)

    def __init__(self, panes: Sequence[tuple[str, str, str]]) -> None:
        """panes: each one's key, name and short name."""
        super().__init__()
        self._panes = panes

    def render(self) -> RenderResult:
        items = self._items()
        marked = Content(items[self.current]).stylize("bold $background on $accent")
        before, after = items[: self.current], items[self.current + 1 :]
        return Content(_GAP).join([*before, marked, *after])

    async def on_click(self, event: Click) -> None:
        end = self.gutter.left
        for number, item in enumerate(self._items(), 1):
            end += len(item + _GAP)
            if event.x < end:
                await self.screen.run_action(f"pane({number})")
                return

    def _items(self) -> list[str]:
        full = [f" {key} {name} " for key, name, _ in self._panes]
        short = [f" {key} {name} " for key, _, name in self._panes]
        for items in (full, short):
            if len(_GAP.join(items)) <= self.content_size.width:
                return items
        keys = [f" {key} " for key, _, _ in self._panes]
        keys[self.current] = full[self.current]
        return keys
