"""The main screen: events in, one state reduced from them, panes that draw it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from grok_tui.config.schema import ConfigError, build, is_live
from grok_tui.protocol import events
from grok_tui.protocol.events import (
    Analyzed,
    Command,
    Evaluated,
    Event,
    Failed,
    Losses,
    Pause,
    Resume,
    SaveCheckpoint,
    SetField,
    Step,
    Stop,
    Undo,
)
from grok_tui.sources.launcher import Run
from grok_tui.tui.keys.bindings import MAIN_BINDINGS, as_many_as_fit
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.panes.doctor import Prescribed
from grok_tui.tui.panes.layout import PANES, Panes
from grok_tui.tui.panes.pane import Ordered
from grok_tui.tui.panes.parameters import Edited, Parameters
from grok_tui.tui.screens import flows
from grok_tui.tui.screens.dialogs import QuitChoice, QuitDialog
from grok_tui.tui.screens.flows import Arrived
from grok_tui.tui.screens.help import TRY_LIVE, Help
from grok_tui.tui.widgets.footer import KeysFooter
from grok_tui.tui.widgets.status import StatusLine
from grok_tui.view.event_text import changes_text
from grok_tui.view.state import SessionState, Sought, reduce

# How much one key press changes weight decay or learning rate.
KNOB_FACTOR = 1.25
# Where a key press leads from zero.
FROM_ZERO = 0.1
# How often the numbers of a running run are shown.
NUMBERS_SECONDS = 1 / 8
# How long a trainer may take to save its last checkpoint before it is ended by force.
SAVE_SECONDS = 10.0
# The smallest terminal that shows everything.
LEAST_WIDTH, LEAST_HEIGHT = 60, 16


@dataclass(frozen=True, slots=True)
class Ending:
    """The application's result: the process's exit code, and what went wrong in a line."""

    code: int
    problem: str = ""


@dataclass
class Left(Message):
    """The run on the screen was left."""

    ending: Ending


class RunScreen(Screen[None]):
    """One run, which is left with an `Ending`."""

    DEFAULT_CSS = """
    RunScreen Panes { height: 1fr; }
    RunScreen #too-small {
        display: none; width: 1fr; height: 1fr; content-align: center middle;
    }
    RunScreen.tiny > * { display: none; }
    RunScreen.tiny > #too-small { display: block; }
    RunScreen Footer.-compact FooterLabel { margin: 0 1 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*MAIN_BINDINGS]
    ORDER: ClassVar[list[Binding]] = MAIN_BINDINGS
    TRY: ClassVar[str] = TRY_LIVE
    BEHIND: ClassVar[str] = "Training"

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.state = run.state
        self._exit_code: int | None = None
        self._timer: Timer | None = None

    # --- the picture --------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield StatusLine()
        yield Panes(self.state)
        yield KeysFooter(show_command_palette=False)
        yield Static(id="too-small")

    def on_mount(self) -> None:
        self._show(self.state)
        self.run.source.start(self._deliver)
        if self.run.paused:
            self.run.source.send(Pause())
        if self.run.parent:
            self.run_worker(flows.show_ghost(self, self.run.parent))

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """Those that the footer has room for, in the order of `ORDER`."""
        return as_many_as_fit(super().active_bindings, self.ORDER, self.size.width)

    def on_resize(self) -> None:
        width, height = self.size
        self.query_one(Panes).fit(width, height)
        self.set_class(width < LEAST_WIDTH or height < LEAST_HEIGHT, "tiny")
        self.query_one("#too-small", Static).update(
            f"{width} x {height} is too small:\n"
            f"the session needs {LEAST_WIDTH} x {LEAST_HEIGHT}.\n{self.BEHIND} goes on."
        )

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
        self.query_one(Panes).show(state)

    @property
    def behind(self) -> bool:
        """Whether something came that is not shown yet."""
        return self._timer is not None

    def say(self, message: str) -> None:
        """Show a message until the next one."""
        self._show(self.state.saying(message))

    # --- events in, commands out --------------------------------------------------------

    def _deliver(self, event: Event | Sought) -> None:
        """Called from another thread; posting a message is the safe way in."""
        with contextlib.suppress(RuntimeError):  # the application is gone
            self.post_message(Arrived(event))

    def on_arrived(self, message: Arrived) -> None:
        self.take(message.event)

    def take(self, event: Event | Sought) -> None:
        """Something came from the source."""
        self.state = reduce(self.state, event)
        if isinstance(event, Losses | Evaluated | Analyzed):
            self._show_soon()
        else:
            self._show(self.state)
        if self._exit_code is not None and self.state.ended:
            self.leave()
        elif isinstance(event, Failed):
            self.run_worker(flows.go_on(self, event), exclusive=True)

    def on_ordered(self, message: Ordered) -> None:
        command = message.command
        if isinstance(command, events.Ask | events.Inspect) and self.state.ended:
            self.run_worker(flows.ask_checkpoint(self, command), exclusive=True)
        else:
            self._send(message.command)

    def _send(self, command: Command) -> None:
        """Send a command, or say why it would do nothing."""
        if self.state.ended:
            self.say(f"the run has {self.state.word.lower()}; q leaves, r starts anew")
        else:
            self.run.source.send(command)

    # --- training -----------------------------------------------------------------------

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
        self._set_field(name, value)

    def on_edited(self, message: Edited) -> None:
        self.edit(message.name, message.value)

    def edit(self, name: str, value: Any) -> None:
        """An edit from the form: now if the field is live, else with the next run."""
        if is_live(name):
            self._set_field(name, value)
        else:
            self._show(self.state.planning(name, value))

    def on_prescribed(self, message: Prescribed) -> None:
        """The doctor's fix: now what is live, if the run goes on; the rest with a new run."""
        if not message.changes:
            self.say(f"there is nothing to set: {message.advice}")
        for name, value in message.changes.items():
            if is_live(name) and not self.state.ended:
                self._set_field(name, value)
            else:
                self._show(self.state.planning(name, value))
        if message.changes and self.state.planned:
            self.say(f"r starts a new run with {changes_text(self.state.planned)}")

    def _set_field(self, name: str, value: Any) -> None:
        if not self.state.ended:
            self._show(self.state.requested(name, value))
        self._send(SetField(name, value))

    def action_undo(self) -> None:
        self._send(Undo())

    def action_checkpoint(self) -> None:
        self._send(SaveCheckpoint())

    # --- panes and charts ---------------------------------------------------------------

    def action_pane(self, number: int) -> None:
        """Show a pane and give it the focus."""
        self.query_one(Panes).choose(number)

    def action_next_pane(self, direction: int) -> None:
        self.query_one(Panes).choose_next(direction)

    def action_edit(self) -> None:
        self.action_pane(PANES.index(Parameters) + 1)

    def action_view(self) -> None:
        self.say(self.query_one(Charts).toggle_recent())

    def action_follow(self) -> None:
        self.say(self.query_one(Charts).toggle_follow())

    def action_log_axis(self, axis: Literal["x", "y"]) -> None:
        self.say(self.query_one(Charts).toggle_log(axis))

    def action_smooth(self) -> None:
        self.say(self.query_one(Charts).next_smoothing())

    # --- dialogs ------------------------------------------------------------------------

    def action_help(self) -> None:
        self.app.push_screen(Help(self.query_one(Panes).current, self, self.TRY))

    def action_ghost(self) -> None:
        self.run_worker(flows.choose_ghost(self), exclusive=True)

    def action_branch(self) -> None:
        self.run_worker(flows.branch(self), exclusive=True)

    def action_restart(self) -> None:
        self.run_worker(flows.restart(self), exclusive=True)

    # --- the end ------------------------------------------------------------------------

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
        ending = Ending(1, self.state.message) if failed else Ending(code)
        self.post_message(Left(ending))
