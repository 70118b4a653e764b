"""What all panes have in common."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Vertical

from grok_tui.view.state import SessionState


class Pane(Vertical, can_focus=True):
    """Part of the main screen that draws the state, and has keys of its own while focused.

    TITLE: its name, one short word. SHORT: the same where the bar has no room for all names.
    ABOUT: what one is looking at, in two sentences. MORE: what the help says beyond that.
    """

    TITLE: ClassVar[str]
    SHORT: ClassVar[str] = ""
    ABOUT: ClassVar[str]
    MORE: ClassVar[str] = ""

    DEFAULT_CSS = """
    Pane { border: round $foreground 30%; border-title-color: $foreground; }
    Pane:focus, Pane:focus-within { border: round $accent; }
    """

    def show(self, state: SessionState) -> None:
        """Draw the state; called only while the pane is on screen, many times a second."""
        raise NotImplementedError

    def reveal(self) -> None:
        """Take the focus, because the user chose this pane."""
        self.focus()
