"""The ask pane."""

from __future__ import annotations

from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.state import SessionState


class Ask(Pane):
    """To come."""

    TITLE = "Ask"
    ABOUT = ""

    def __init__(self) -> None:
        super().__init__(id="ask")

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def show(self, state: SessionState) -> None:
        pass
