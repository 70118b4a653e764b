"""The base class of all panes."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical

from grok_tui.view.state import SessionState


class Pane(Vertical, can_focus=True):
    """A part of the main screen that draws the state and has its own keys while focused.

    TITLE: the name, one short word. KEY: the key that shows the pane. SHORT: a shorter name for
    a narrow bar. ABOUT: what it shows, in about two sentences. MORE: further text for the help.
    """

    TITLE: ClassVar[str]
    KEY: ClassVar[str]
    SHORT: ClassVar[str] = ""
    ABOUT: ClassVar[str]
    MORE: ClassVar[str] = ""

    DEFAULT_CSS = """
    Pane { border: round $foreground 30%; border-title-color: $foreground; }
    Pane:focus, Pane:focus-within { border: round $accent; }
    """

    def show(self, state: SessionState) -> None:
        """Draw the state; called many times a second, only while the pane is on screen."""
        raise NotImplementedError

    def reveal(self) -> None:
        """Take the focus when the user chooses this pane."""
        self.focus()
