"""A pane of scrolling text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from grok_tui.tui.panes.pane import Pane


class TextPane(Pane):
    """Text of any length, with keys that scroll it."""

    DEFAULT_CSS = "TextPane VerticalScroll { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(expand=True)

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def say(self, text: Content) -> None:
        """Replace the text."""
        self.query_one(Static).update(text)

    @property
    def scroll_area(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

    def action_scroll(self, lines: int) -> None:
        self.scroll_area.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        self.scroll_area.scroll_relative(y=pages * self.scroll_area.size.height, animate=False)

    def action_first(self) -> None:
        self.scroll_area.scroll_home(animate=False)

    def action_last(self) -> None:
        self.scroll_area.scroll_end(animate=False)
