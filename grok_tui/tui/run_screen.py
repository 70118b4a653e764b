"""The main screen: events in, one state reduced from them, widgets that draw it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from grok_tui.config import ConfigError, build
from grok_tui.core.events import (
    Command,
    Evaluated,
    Event,
    Losses,
    Pause,
    Resume,
    SetField,
    Source,
    Step,
    Stop,
)
from grok_tui.tui.charts import Chart
from grok_tui.tui.dialogs import QuitChoice, QuitDialog
from grok_tui.tui.plots import draw_accuracy, draw_loss
from grok_tui.tui.state import SessionState, reduce
from grok_tui.tui.status import StatusLine

# How much one key press changes weight decay or learning rate.
KNOB_FACTOR = 1.25
# Where a key press leads from zero.
FROM_ZERO = 0.1
# How often the numbers of a running run are shown.
NUMBERS_SECONDS = 1 / 8
# How long a trainer may take to save its last checkpoint before it is ended by force.
SAVE_SECONDS = 10.0


@dataclass
class Arrived(Message):
    """An event came from the source."""

    event: Event


@dataclass(frozen=True, slots=True)
class Ending:
    """The application's result: the process's exit code, and what went wrong in a line."""

    code: int
    problem: str = ""


_STEPS = Binding.Group("step")
_DECAY = Binding.Group("wd")
_RATE = Binding.Group("lr")


def _knob(shown: str, key: str, name: str, direction: int, group: Binding.Group) -> Binding:
    """The key that turns a field by one notch."""
    words = f"{name} {'up' if direction > 0 else 'down'}"
    id = f"{group.description}-{'up' if direction > 0 else 'down'}"  # noqa: A001
    action = f"turn('{name}', {direction})"
    return Binding(key, action, words, id=id, key_display=shown, group=group)


class RunScreen(Screen[None]):
    """One run, live; leaving it ends the application with an `Ending`."""

    DEFAULT_CSS = """
    RunScreen #charts { height: 1fr; }
    RunScreen Chart { height: 1fr; }
    RunScreen.low #charts { layout: horizontal; }
    RunScreen.low.narrow #accuracy { display: none; }
    RunScreen Footer.-compact FooterLabel { margin: 0 1 0 0; }
    """
    # Below this height the charts stand side by side, if the width is enough for both.
    LOW, NARROW = 20, 48
    # Below this width the footer leaves no gaps between keys.
    ALL_KEYS = 64
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_pause", "Pause", id="pause"),
        Binding("s", "step(1)", "1 step", id="step", group=_STEPS),
        Binding("S", "step(100)", "100 steps", id="step-100", key_display="S", group=_STEPS),
        _knob("[", "left_square_bracket", "weight_decay", -1, _DECAY),
        _knob("]", "right_square_bracket", "weight_decay", 1, _DECAY),
        _knob("{", "left_curly_bracket", "lr", -1, _RATE),
        _knob("}", "right_curly_bracket", "lr", 1, _RATE),
        Binding("v", "view", "View", id="view"),
        Binding("q", "ask_quit", "Quit", id="quit"),
    ]

    def __init__(self, source: Source, state: SessionState) -> None:
        super().__init__()
        self.state = state
        self._source = source
        self._exit_code: int | None = None
        self._timer: Timer | None = None
        self._recent = False

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """In the order of `BINDINGS`, whatever their keys: a footer joins only neighbours."""
        order = [binding.id for binding in Binding.make_bindings(self.BINDINGS)]

        def place(item: tuple[str, ActiveBinding]) -> int:
            name = item[1].binding.id
            return order.index(name) if name in order else len(order)

        return dict(sorted(super().active_bindings.items(), key=place))

    def compose(self) -> ComposeResult:
        yield StatusLine()
        with Vertical(id="charts"):
            yield Chart(draw_loss, self.state, id="loss")
            yield Chart(draw_accuracy, self.state, id="accuracy")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._show(self.state)
        self._source.start(self._deliver)

    def _deliver(self, event: Event) -> None:
        """Called from another thread; posting a message is the safe way in."""
        with contextlib.suppress(RuntimeError):  # the application is gone
            self.post_message(Arrived(event))

    def on_resize(self) -> None:
        self.set_class(self.size.height < self.LOW, "low")
        self.set_class(self.size.width < self.NARROW, "narrow")
        self.query_one(Footer).compact = self.size.width < self.ALL_KEYS

    def on_arrived(self, message: Arrived) -> None:
        self.state = reduce(self.state, message.event)
        if isinstance(message.event, Losses | Evaluated):
            self._show_soon()
        else:
            self._show(self.state)
        if self._exit_code is not None and self.state.ended:
            self.leave()

    @property
    def behind(self) -> bool:
        """Whether something came that is not shown yet."""
        return self._timer is not None

    def _show_soon(self) -> None:
        """Show numbers that change all the time only so often."""
        if self._timer is None:
            self._timer = self.set_timer(NUMBERS_SECONDS, self._show_now)

    def _show_now(self) -> None:
        self._show(self.state)

    def _show(self, state: SessionState) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.state = state
        self.query_one(StatusLine).state = state
        for chart in self.query(Chart):
            chart.show(state, now=state.ended)

    def say(self, message: str) -> None:
        """Show a message until the next one."""
        self._show(replace(self.state, message=message))

    def _send(self, command: Command) -> None:
        """Send a command, or say why it would do nothing."""
        if self.state.ended:
            self.say(f"the run has {self.state.word.lower()}; q leaves")
        else:
            self._source.send(command)

    # --- actions ------------------------------------------------------------------------

    def action_toggle_pause(self) -> None:
        if self.state.word == "COMPILING":
            self.say("pauses when all is compiled")
        self._send(Resume() if self.state.word == "PAUSED" else Pause())

    def action_step(self, count: int) -> None:
        self._send(Step(count))

    def action_turn(self, name: str, direction: int) -> None:
        """Change a field by one notch up (1) or down (-1)."""
        value = self.state.wanted(name) * KNOB_FACTOR**direction
        if value == 0:  # no factor leads away from zero
            value = FROM_ZERO if direction > 0 else 0.0
        try:
            build({**self.state.config, name: value})
        except ConfigError as error:
            self.say(str(error))
            return
        if not self.state.ended:
            self._show(self.state.requested(name, value))
        self._send(SetField(name, value))

    def action_view(self) -> None:
        """Show the newest steps only, or all again."""
        self._recent = not self._recent
        for chart in self.query(Chart):
            chart.show_view(recent=self._recent)
        self.say("the newest steps; v shows all" if self._recent else "all steps")

    def action_ask_quit(self) -> None:
        if self.state.ended:
            self.leave()
        else:
            self.app.push_screen(QuitDialog(), self._quit)

    def _quit(self, choice: QuitChoice | None) -> None:
        if choice == "save":
            self.save_and_leave()
        elif choice == "now":
            self._send(Stop("quit without saving", save=False))
            self.leave()

    def save_and_leave(self, code: int = 0) -> None:
        """Stop with a checkpoint, then leave; at once if there is nothing to save."""
        self._exit_code = code
        if self.state.ended or self.state.word == "COMPILING":
            self.leave()
            return
        self.say("saving ...")
        self._send(Stop("quit"))
        self.set_timer(SAVE_SECONDS, self.leave)

    def leave(self) -> None:
        """End the session: exit code 1 if the run failed, else the one asked for."""
        failed = self.state.word == "FAILED"
        code = self._exit_code or 0
        self.app.exit(Ending(1, self.state.message) if failed else Ending(code))
