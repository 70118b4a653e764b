"""The log: what happened, in words."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.state import LogLine, SessionState

_STYLES = {
    "config applied": "$series-edit",
    "phase": "bold $series-phase",
    "warning": "$warning",
    "command rejected": "$warning",
    "failed": "bold $error",
    "stopped": "bold",
}
_STEP_WIDTH = 8


class Log(Pane):
    """Every event but the numbers, the newest last."""

    TITLE = "Log"
    ABOUT = (
        "What happened, with the step it happened at: starts, pauses, edits, phases,"
        " checkpoints, warnings, the end. events.jsonl in the run directory has the same."
    )
    DEFAULT_CSS = "Log VerticalScroll { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Newest", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="log")
        self._shown: tuple[LogLine, ...] = ()

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(expand=True)

    def on_mount(self) -> None:
        self.border_title = self.TITLE
        self._scroll.anchor()  # new lines come into view, unless one has scrolled up

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

    def show(self, state: SessionState) -> None:
        if state.log is not self._shown:
            self._shown = state.log
            self.query_one(Static).update(Content("\n").join(map(_line, state.log)))

    def action_scroll(self, lines: int) -> None:
        self._scroll.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        self._scroll.scroll_relative(y=pages * self._scroll.size.height, animate=False)

    def action_first(self) -> None:
        self._scroll.scroll_home(animate=False)

    def action_last(self) -> None:
        self._scroll.scroll_end(animate=False)


def _line(line: LogLine) -> Content:
    return Content.assemble(
        (str(line.step).rjust(_STEP_WIDTH), "$foreground 60%"),
        "  ",
        (line.text, _STYLES.get(line.kind, "")),
    )
