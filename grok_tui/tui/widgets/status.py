"""The status line: the state of the run in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from grok_tui.text import MISSING, duration, number
from grok_tui.view.progress import step_text, time_left_text
from grok_tui.view.state import SessionState

_WORD_STYLES = {
    "COMPILING": "bold $background on $secondary",
    "RUNNING": "bold $background on $success",
    "PLAYING": "bold $background on $success",
    "PAUSED": "bold $background on $warning",
    "STOPPED": "bold $background on $primary",
    "FAILED": "bold $background on $error",
}
_QUIET = "$foreground 70%"
_GAP = "  "
# With fewer columns the last step and the device are left out.
_NARROW = 70
# More lines of words than this are cut off with an ellipsis.
_MOST_LINES = 4


class StatusLine(Widget):
    """The numbers, on as many lines as they need, then the phase and the newest message."""

    DEFAULT_CSS = """
    StatusLine { height: auto; padding: 0 1; background: $panel; color: $foreground; }
    """

    state: reactive[SessionState | None] = reactive(None)
    _height = 0

    def watch_state(self) -> None:
        """Lay out again only if the number of lines changes, since numbers change often."""
        if self._text().plain.count("\n") != self._height:
            self.refresh(layout=True)

    def render(self) -> RenderResult:
        text = self._text()
        self._height = text.plain.count("\n")
        return text

    def _text(self) -> Content:
        if self.state is None:
            return Content("")
        return status_text(self.state, self.content_size.width)


def status_text(state: SessionState, width: int) -> Content:
    """The status in `width` columns; only the message is broken across lines."""
    badge = Content(f" {state.word} ").stylize(_WORD_STYLES[state.word])
    lines = [badge]
    for part in _numbers(state, width):
        if lines[-1].cell_length + len(_GAP) + part.cell_length > width:
            lines.append(part)
        else:
            lines[-1] = lines[-1] + _GAP + part
    return Content("\n").join([*lines, *_words(state, max(1, width))])


def _numbers(state: SessionState, width: int) -> Iterator[Content]:
    """The parts, padded to the width that they may grow to, so that they do not move."""
    room = len(f"{state.last_step or state.step:,}") - len(f"{state.step:,}")
    yield _part("step", step_text(state) + " " * room)
    yield _part("train", number(state.train_loss.last).ljust(7))
    yield _part("test", number(state.test_loss.last).ljust(7))
    yield _part("weight_decay", *_edited(state, "weight_decay"))
    yield _part("lr", *_edited(state, "lr"))
    yield Content(f"{number(state.steps_per_second)} steps/s")
    if state.playback:
        yield _part("replay", f"{state.playback.speed:g}x")
    if width < _NARROW:
        if not state.ended and state.seconds_left:
            yield Content(f"{duration(state.seconds_left)} left")
        return
    if left := time_left_text(state):
        yield Content(left)
    yield Content(state.device or str(state.known("device") or MISSING))


def _part(name: str, value: str, pending: str = "") -> Content:
    return Content.assemble((name, _QUIET), " ", (value, "bold"), (pending, "$warning"))


def _edited(state: SessionState, name: str) -> tuple[str, str]:
    """A field's value, and its pending value if there is one."""
    known = state.known(name)
    value = MISSING if known is None else f"{known:.4g}"
    if name in state.pending:
        return value, f" → {state.pending[name]:.4g} pending"
    return value, ""


def _words(state: SessionState, width: int) -> list[Content]:
    """The phase with its reason, then the newest message, wrapped into lines."""
    said = []
    if state.word == "COMPILING":
        at = f"{state.stage_done + 1} of {state.stage_total}"
        said.append(Content(f"{state.stage} ({at}) ..."))
    if state.message:
        style = "bold $error" if state.word == "FAILED" else _QUIET
        said.append(Content(state.message).stylize(style))
    phase = [
        Content.assemble((state.phase, "bold $accent"), _GAP, (state.milestones.reason, _QUIET))
    ]
    parts = [*(phase if state.phase else []), *said]
    together = Content(_GAP).join(parts)
    if together.cell_length <= width:
        return [together]
    lines = [line for part in parts for line in part.wrap(width)]
    if len(lines) > _MOST_LINES:
        lines = lines[:_MOST_LINES]
        lines[-1] = (lines[-1] + " ...").truncate(width, ellipsis=True)
    return lines
