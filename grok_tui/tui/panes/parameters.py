"""The parameters pane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.message import Message

from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.state import SessionState


@dataclass
class Edited(Message):
    """The user gave a field another value, which is valid."""

    name: str
    value: Any


class Parameters(Pane):
    """To come."""

    TITLE = "Knobs"
    ABOUT = ""

    def __init__(self) -> None:
        super().__init__(id="parameters")

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def show(self, state: SessionState) -> None:
        pass
