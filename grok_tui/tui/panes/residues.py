"""The residues pane."""

from __future__ import annotations

from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.state import SessionState


class Residues(Pane):
    """To come."""

    TITLE = "Residues"
    ABOUT = ""

    def __init__(self) -> None:
        super().__init__(id="residues")

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def show(self, state: SessionState) -> None:
        pass
