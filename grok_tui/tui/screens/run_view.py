"""The base of the main screens: reduces events to a state, which the panes draw."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from textual.app import ComposeResult, SystemCommand
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from grok_tui.protocol.commands import Ask, Command, Inspect, Pause
from grok_tui.protocol.events import Event
from grok_tui.runs.checkpoints import checkpoints_in, step_of
from grok_tui.runs.folders import recorded_folders
from grok_tui.sources.answers import answer_from
from grok_tui.sources.launcher import BranchRun, Run
from grok_tui.sources.recording import recorded_state
from grok_tui.text import UserError, one_line, reason
from grok_tui.tui.keys.bindings import ALWAYS
from grok_tui.tui.keys.keymap import Keys
from grok_tui.tui.keys.palette import command_of
from grok_tui.tui.messages import (
    CommandRequested,
    FieldEdited,
    FixRequested,
    RunRequested,
    SourceEvent,
)
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.panes.layout import PANES, Panes
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.panes.parameters import Parameters
from grok_tui.tui.screens.dialogs import (
    Choice,
    Question,
    checkpoint_question,
    close_dialogs,
    ghost_question,
)
from grok_tui.tui.screens.help import Help, sections
from grok_tui.tui.widgets.footer import KeysFooter
from grok_tui.tui.widgets.status import StatusLine
from grok_tui.view.state import SessionState, Sought

# Time between two redraws of the numbers of a running run.
NUMBERS_SECONDS = 1 / 8
# The smallest terminal that the screen fits.
LEAST_WIDTH, LEAST_HEIGHT = 60, 16


class RunView(Screen[None]):
    """The screen of one run, which the user leaves with an `Ending`.

    TRY: text for the help, with action ids in braces. CONTINUES: what continues while the
    terminal is too small.
    """

    DEFAULT_CSS = """
    RunView Panes { height: 1fr; }
    RunView #too-small {
        display: none; width: 1fr; height: 1fr; content-align: center middle;
    }
    RunView.tiny > * { display: none; }
    RunView.tiny > #too-small { display: block; }
    """
    TRY: ClassVar[str]
    CONTINUES: ClassVar[str]

    def __init__(self, run: Run, keys: Keys) -> None:
        super().__init__()
        self.run, self.keys = run, keys
        self.state = run.state
        self._timer: Timer | None = None

    # --- what differs between live and recorded runs --------------------------------------

    def take(self, event: Event | Sought) -> None:
        """Handle an event of the source."""
        raise NotImplementedError

    @property
    def idle_keys(self) -> frozenset[str]:
        """The ids of keys that would do nothing now."""
        return frozenset()

    def request(self, command: Command) -> None:
        """Handle a command that a pane requested."""
        raise NotImplementedError

    def edit(self, name: str, value: object) -> None:
        """Handle a valid new value of a field."""
        raise NotImplementedError

    def apply_fix(self, fix: FixRequested) -> None:
        """Apply the doctor's fix."""
        raise NotImplementedError

    def action_branch(self) -> None:
        """Offer to start a new run from a checkpoint."""
        raise NotImplementedError

    def action_ask_quit(self) -> None:
        """Leave, after a question if the run has not ended."""
        raise NotImplementedError

    def save_and_leave(self, code: int = 0) -> None:
        """Save if there is anything to save, then leave with an exit code."""
        raise NotImplementedError

    # --- the picture ----------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield StatusLine()
        yield Panes(self.state)
        yield KeysFooter(self.BINDINGS, ALWAYS)
        yield Static(id="too-small")

    def on_mount(self) -> None:
        self.show_state(self.state)
        self.run.source.start(self._deliver)
        if self.run.paused:
            self.run.source.send(Pause())
        if self.run.parent:
            self.run_worker(self._show_ghost(self.run.parent))

    def on_resize(self) -> None:
        width, height = self.size
        self.query_one(Panes).fit(width, height)
        self.set_class(width < LEAST_WIDTH or height < LEAST_HEIGHT, "tiny")
        self.query_one("#too-small", Static).update(
            f"{width} x {height} is too small:\n"
            f"the session needs {LEAST_WIDTH} x {LEAST_HEIGHT}.\n{self.CONTINUES} continues."
        )

    def show_soon(self) -> None:
        """Show `self.state` soon, at most once every `NUMBERS_SECONDS`."""
        if self._timer is None:
            self._timer = self.set_timer(NUMBERS_SECONDS, lambda: self.show_state(self.state))

    def show_state(self, state: SessionState) -> None:
        """Show a state at once."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.state = state
        self.query_one(StatusLine).state = state
        self.query_one(KeysFooter).hidden = self.idle_keys
        self.query_one(Panes).show(state)

    @property
    def behind(self) -> bool:
        """Whether the newest state is not shown yet."""
        return self._timer is not None

    def say(self, message: str) -> None:
        """Show a message until the next one."""
        self.show_state(self.state.saying(message))

    # --- events in, commands out ----------------------------------------------------------

    def _deliver(self, event: Event | Sought) -> None:
        """Post an event as a message, which is safe from another thread."""
        with contextlib.suppress(RuntimeError):  # the application is gone
            self.post_message(SourceEvent(event))

    def on_source_event(self, message: SourceEvent) -> None:
        self.take(message.event)

    def on_command_requested(self, message: CommandRequested) -> None:
        self.request(message.command)

    def on_field_edited(self, message: FieldEdited) -> None:
        self.edit(message.name, message.value)

    def on_fix_requested(self, message: FixRequested) -> None:
        self.apply_fix(message)

    # --- panes and charts -----------------------------------------------------------------

    def action_pane(self, number: int) -> None:
        """Show and focus a pane."""
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

    # --- help and palette -----------------------------------------------------------------

    def action_help(self) -> None:
        bindings = [*self.BINDINGS, *self.app.BINDINGS]
        current = self.query_one(Panes).current
        self.app.push_screen(Help(sections(current, PANES, bindings, self.keys, self.TRY)))

    def palette_commands(self) -> Iterator[SystemCommand]:
        """The commands of this screen and its panes for the command palette."""
        for entry in self.keys.entries(self.BINDINGS):
            title = entry.what
            if entry.pane is not None:
                if entry.pane > len(PANES):
                    continue
                title = f"Pane: {PANES[entry.pane - 1].TITLE}"
            yield command_of(title, entry, partial(self.run_action, entry.action))
        for number, pane in enumerate(PANES, 1):
            for entry in self.keys.entries(pane.BINDINGS):
                if entry.id is not None:  # the others only move within the pane
                    title = f"{pane.TITLE}: {entry.what}"
                    run = self._in_pane(number, pane, entry.action)
                    yield command_of(title, entry, run, discover=False)

    def _in_pane(
        self, number: int, pane: type[Pane], action: str
    ) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            self.action_pane(number)
            await self.query_one(pane).run_action(action)

        return run

    # --- questions ------------------------------------------------------------------------

    async def ask(self, question: Question[Choice]) -> Choice | None:
        """Ask the user, in place of whatever dialog is open."""
        close_dialogs(self.app)
        return await self.app.push_screen_wait(question)

    def run_question(self, asking: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that asks the user, in place of the one before."""
        self.run_worker(asking, group="question", exclusive=True)

    def checkpoints(self) -> list[Path]:
        """The run's checkpoints, newest first."""
        return checkpoints_in(self.run.folder / "checkpoints") if self.run.folder else []

    async def branch(self, until: int | None = None) -> None:
        """Offer a new run from a checkpoint; until: offer none after this step."""
        checkpoints = [c for c in self.checkpoints() if until is None or step_of(c) <= until]
        if not checkpoints:
            saved = self.run.folder is not None
            why = "none yet; c saves one" if saved else "this run is not saved (--no-save)"
            self.say(f"a branch needs a checkpoint: {why}")
            return
        question = checkpoint_question(checkpoints, live=until is None)
        chosen = await self.ask(question)
        if chosen is not None:
            self.post_message(RunRequested(BranchRun(chosen)))

    async def ask_checkpoint(self, question: Ask | Inspect) -> None:
        """Answer a question about an ended run from its newest checkpoint."""
        if self.run.folder is None:
            self.say("the run has ended and was not saved: there is nothing left to ask")
            return
        try:
            answer = await asyncio.to_thread(answer_from, self.run.folder, question)
        except Exception as error:  # noqa: BLE001  one answer less, and the session goes on
            self.say(reason(error, "the answer"))
            return
        self.post_message(SourceEvent(answer))

    # --- a ghost --------------------------------------------------------------------------

    def action_ghost(self) -> None:
        self.run_question(self._choose_ghost())

    async def _choose_ghost(self) -> None:
        """Ask for a recorded run to show behind this one."""
        folders = await asyncio.to_thread(recorded_folders)
        others = [folder for folder in folders if folder != self.run.folder]
        if not others:
            self.say("there is no other recorded run under runs/ to show as a ghost")
            return
        chosen = await self.ask(ghost_question(others))
        if chosen is not None:
            await self._show_ghost(chosen)

    async def _show_ghost(self, folder: Path) -> None:
        """Read a run's curves in a thread, since that may take a moment, and show them."""
        try:
            ghost = await asyncio.to_thread(recorded_state, folder)
        except (UserError, OSError) as error:
            self.say(f"no ghost: {error}")
            return
        name = one_line(folder.name)
        self.query_one(Charts).set_ghost(ghost, name)
        self.say(f"ghost: {name}")
