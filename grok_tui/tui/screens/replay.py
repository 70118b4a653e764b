"""The main screen of a recorded run: the same panes, with the keys of a player."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from grok_tui.protocol.commands import Command
from grok_tui.protocol.events import Event
from grok_tui.sources.launcher import Run
from grok_tui.sources.player import Player
from grok_tui.sources.replay import ReplaySource
from grok_tui.tui.keys.bindings import REPLAY_BINDINGS
from grok_tui.tui.keys.keymap import Keys
from grok_tui.tui.messages import Ending, FixRequested, RunLeft
from grok_tui.tui.panes.doctor import Doctor
from grok_tui.tui.screens.dialogs import JumpDialog
from grok_tui.tui.screens.help import TRY_REPLAY
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.widgets.chart import Chart
from grok_tui.view.state import SessionState, Sought, reduce


class Replay(RunView):
    """A recorded run at the position of its player."""

    BINDINGS: ClassVar[list[BindingType]] = [*REPLAY_BINDINGS]
    TRY: ClassVar[str] = TRY_REPLAY
    CONTINUES: ClassVar[str] = "The replay"

    def __init__(self, run: Run, keys: Keys, source: ReplaySource) -> None:
        """source: the run's."""
        super().__init__(run, keys)
        self._source = source
        self._past_message = ""

    def take(self, event: Event | Sought) -> None:
        said = self.state.message
        self.state = reduce(self.state, event)
        if isinstance(event, Sought):
            if self.state.message == self._past_message:  # keep the screen's own message
                self.state = self.state.saying(said)
            else:
                self._past_message = self.state.message
        if self.state.word == "PLAYING":
            self.show_soon()
        else:
            self.show_state(self.state)

    def show_at_once(self, state: SessionState) -> None:
        """Show a state at once, including its charts and verdicts."""
        self.show_state(state)
        for slow in (*self.query(Chart), *self.query(Doctor)):
            if slow.is_on_screen:
                slow.show(state, now=True)

    def request(self, command: Command) -> None:
        self._source.send(command)

    # --- the player -----------------------------------------------------------------------

    def action_toggle_pause(self) -> None:
        self._source.change(Player.toggled)

    def action_step(self, count: int) -> None:
        """Move `count` steps on, back if negative."""
        self._source.change(lambda player: player.moved(count))

    def action_speed(self, notches: int) -> None:
        self._source.change(lambda player: player.faster(notches))

    def action_phase(self, direction: int) -> None:
        """Go to the next change of phase (1) or to the previous one (-1)."""
        steps = [mark.step for mark in self._source.recording.phases]
        now = self._source.player.step
        ahead = [step for step in steps if step > now]
        behind = [step for step in steps if step < now]
        if direction > 0:
            self._seek(min(ahead, default=self._source.player.last))
        else:
            self._seek(max(behind, default=0))

    def action_jump(self) -> None:
        self.run_question(self._jump())

    async def _jump(self) -> None:
        recording = self._source.recording
        step = await self.ask(JumpDialog(recording.phases, recording.last))
        if step is not None:
            self._seek(step)

    def _seek(self, step: int) -> None:
        self._source.change(lambda player: player.sought(step))

    # --- what differs for a recording -----------------------------------------------------

    def edit(self, name: str, value: object) -> None:  # noqa: ARG002
        self.say(f"a recording cannot be edited: b branches, and there {name} can change")

    def apply_fix(self, fix: FixRequested) -> None:  # noqa: ARG002
        self.say("a recording cannot be edited: b branches, and there the fix can be applied")

    def action_branch(self) -> None:
        self.run_question(self.branch(self._source.player.step))

    def action_ask_quit(self) -> None:
        self.save_and_leave()

    def save_and_leave(self, code: int = 0) -> None:
        """Leave at once: there is nothing to save."""
        self.post_message(RunLeft(Ending(code)))
