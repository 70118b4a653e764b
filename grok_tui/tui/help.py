"""The help: what one is looking at, and every key."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from grok_tui.tui.panes.pane import Pane


class Help(ModalScreen[None]):
    """What one is looking at, and every key."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark", "dismiss", "Close")]

    def __init__(self, pane: Pane, run: Screen[None]) -> None:
        super().__init__()
        self._pane, self._run = pane, run

    def compose(self) -> ComposeResult:
        yield Static(self._pane.ABOUT)
