"""The status line: what the run is doing, in words and numbers."""

from __future__ import annotations

from rich.text import Text
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from grok_tui.tui.state import SessionState
from grok_tui.words import duration, number

_WORD_STYLES = {
    "COMPILING": "bold reverse",
    "RUNNING": "bold green",
    "PAUSED": "bold yellow",
    "STOPPED": "bold",
    "FAILED": "bold red",
}
_GAP = "  "


class StatusLine(Widget):
    """Numbers on as many lines as they need, then the newest message on a line of its own."""

    DEFAULT_CSS = """
    StatusLine { height: auto; padding: 0 1; background: $panel; color: $foreground; }
    """

    state: reactive[SessionState | None] = reactive(None, layout=True)

    def render(self) -> RenderResult:
        if self.state is None:
            return Text()
        return status_text(self.state, self.content_size.width)


def status_text(state: SessionState, width: int) -> Text:
    """The status at a width: parts are never broken, the message is cut to one line."""
    parts = [Text(f" {state.word} ", _WORD_STYLES[state.word]), *map(Text, _numbers(state))]
    if state.phase:
        parts.append(Text(state.phase, "bold"))
    lines = [parts[0]]
    for part in parts[1:]:
        if lines[-1].cell_len + len(_GAP) + part.cell_len > width:
            lines.append(part)
        else:
            lines[-1] = lines[-1] + Text(_GAP) + part
    message = Text(_message(state), "dim")
    message.truncate(max(1, width), overflow="ellipsis")
    return Text("\n").join([*lines, message])


def _numbers(state: SessionState) -> list[str]:
    return [
        f"step {state.step}",
        f"train {number(state.train_loss.last)}",
        f"test {number(state.test_loss.last)}",
        f"wd {_edited(state, 'weight_decay')}",
        f"lr {_edited(state, 'lr')}",
        f"{number(state.steps_per_second)} steps/s",
        f"{duration(state.seconds_left)} left",
        state.device or str(state.config["device"]),
    ]


def _edited(state: SessionState, name: str) -> str:
    """A field's value, and what it will be while an edit is pending."""
    value = f"{state.config[name]:.4g}"
    if name in state.pending:
        return f"{value} -> {state.pending[name]:.4g} pending"
    return value


def _message(state: SessionState) -> str:
    if state.word == "COMPILING":
        return f"{state.stage} ({state.stage_done + 1} of {state.stage_total}) ..."
    return state.message
