"""The Log pane: events in words."""

from __future__ import annotations

from textual.content import Content

from grok_tui.tui.panes.text_pane import TextPane
from grok_tui.view.state import LogLine, SessionState

_STYLES = {
    "config applied": "$series-edit",
    "phase": "bold $series-phase",
    "warning": "$warning",
    "command rejected": "$warning",
    "failed": "bold $error",
    "stopped": "bold",
}
_STEP_WIDTH = 8


class Log(TextPane):
    """All events except those with only numbers, newest last."""

    TITLE = "Log"
    KEY = "l"
    ABOUT = (
        "What happened, and at which step: starts, pauses, edits, phases, checkpoints,"
        " warnings, the end. The run directory keeps most of it in events.jsonl."
    )

    def __init__(self) -> None:
        super().__init__(id="log")
        self._shown: tuple[LogLine, ...] = ()

    def on_mount(self) -> None:
        super().on_mount()
        self.scroll_area.anchor()  # scrolls to new lines unless the user has scrolled up

    def show(self, state: SessionState) -> None:
        if state.log is not self._shown:
            self._shown = state.log
            self.say(Content("\n").join(map(_line, state.log)))


def _line(line: LogLine) -> Content:
    return Content.assemble(
        (str(line.step).rjust(_STEP_WIDTH), "$foreground 60%"),
        "  ",
        (line.text, _STYLES.get(line.kind, "")),
    )
