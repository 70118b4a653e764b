"""The main screen of a live run, which controls the trainer and can start other runs."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import BindingType

from grok_tui.config.schema import ConfigError, build, is_live
from grok_tui.protocol.commands import (
    Ask,
    Command,
    Inspect,
    Pause,
    Resume,
    SaveCheckpoint,
    SetField,
    Step,
    Stop,
    Undo,
)
from grok_tui.protocol.events import Analyzed, Evaluated, Event, Failed, Losses
from grok_tui.sources.launcher import SAVE_SECONDS, NewRun, ResumeRun, Run
from grok_tui.tasks.registry import check
from grok_tui.tui.keys.bindings import LIVE_BINDINGS, TRAINING_KEYS
from grok_tui.tui.keys.keymap import Keys
from grok_tui.tui.messages import Ending, FixRequested, RunLeft, RunRequested
from grok_tui.tui.screens.dialogs import (
    QuitChoice,
    QuitDialog,
    close_dialogs,
    continue_question,
    restart_question,
)
from grok_tui.tui.screens.help import TRY_LIVE
from grok_tui.tui.screens.run_view import RunView
from grok_tui.view.event_text import changes_text
from grok_tui.view.fields import notched
from grok_tui.view.state import Sought, reduce


class Live(RunView):
    """A run in training, or one whose trainer has ended."""

    BINDINGS: ClassVar[list[BindingType]] = [*LIVE_BINDINGS]
    TRY: ClassVar[str] = TRY_LIVE
    CONTINUES: ClassVar[str] = "Training"

    def __init__(self, run: Run, keys: Keys) -> None:
        super().__init__(run, keys)
        self._exit_code: int | None = None

    def take(self, event: Event | Sought) -> None:
        self.state = reduce(self.state, event)
        if isinstance(event, Losses | Evaluated | Analyzed):
            self.show_soon()
        else:
            self.show_state(self.state)
        if self._exit_code is not None and self.state.ended:
            self._leave()
        elif isinstance(event, Failed):
            self.run_question(self._offer_to_continue(event))

    @property
    def idle_keys(self) -> frozenset[str]:
        return TRAINING_KEYS if self.state.ended else frozenset()

    def request(self, command: Command) -> None:
        if isinstance(command, Ask | Inspect) and self.state.ended:
            group = type(command).__name__
            self.run_worker(self.ask_checkpoint(command), group=group, exclusive=True)
        else:
            self._send(command)

    def _send(self, command: Command) -> None:
        """Send a command, or say why it would have no effect."""
        if self.state.ended:
            self.say(f"the run has {self.state.word.lower()}; q leaves, r starts a new run")
        else:
            self.run.source.send(command)

    # --- training -------------------------------------------------------------------------

    def action_toggle_pause(self) -> None:
        if self.state.word == "COMPILING":
            self.say("will pause when compiling is done")
        self._send(Resume() if self.state.word == "PAUSED" else Pause())

    def action_step(self, count: int) -> None:
        self._send(Step(count))

    def action_turn(self, name: str, direction: int) -> None:
        """Turn a field one notch up (1) or down (-1)."""
        if (before := self.state.wanted(name)) is None:
            self.say(f"{name} of this run is not known")
            return
        value = notched(before, direction)
        try:
            build({**self.state.config, name: value})
        except ConfigError as error:
            self.say(str(error))
            return
        self._set_field(name, value)

    def edit(self, name: str, value: object) -> None:
        """Change a live field now, and plan the change of any other for a new run."""
        if is_live(name):
            self._set_field(name, value)
        else:
            self.show_state(self.state.planning(name, value))

    def apply_fix(self, fix: FixRequested) -> None:
        """Change live fields now, unless the run has ended; plan the others for a new run."""
        if not fix.changes:
            self.say(f"there is nothing to set: {fix.advice}")
        for name, value in fix.changes.items():
            if is_live(name) and not self.state.ended:
                self._set_field(name, value)
            else:
                self.show_state(self.state.planning(name, value))
        if fix.changes and self.state.planned:
            self.say(f"r starts a new run with {changes_text(self.state.planned)}")

    def _set_field(self, name: str, value: Any) -> None:
        if not self.state.ended:
            self.show_state(self.state.requested(name, value))
        self._send(SetField(name, value))

    def action_undo(self) -> None:
        self._send(Undo())

    def action_checkpoint(self) -> None:
        self._send(SaveCheckpoint())

    # --- another run in place of this one -------------------------------------------------

    def action_branch(self) -> None:
        self.run_question(self.branch())

    def action_restart(self) -> None:
        self.run_question(self._restart())

    async def _restart(self) -> None:
        """Offer a new run with the planned changes; fields that are unknown get defaults."""
        state = self.state
        fields = {**state.config, **state.planned}
        known = {name: value for name, value in fields.items() if value is not None}
        try:
            config = check(build(known))
        except ConfigError as error:
            self.say(str(error))
            return
        if await self.ask(restart_question(state)):
            self.post_message(RunRequested(NewRun(config)))

    async def _offer_to_continue(self, failed: Failed) -> None:
        """Say why the run broke, and offer to continue from its newest checkpoint."""
        folder, checkpoints = self.run.folder, self.checkpoints()
        if folder is None or not checkpoints:
            return
        question = continue_question(failed.reason, checkpoints[0])
        if await self.ask(question):
            # A diverged run would diverge again, so it waits for a lower learning rate.
            paused = failed.kind == "diverged"
            self.post_message(RunRequested(ResumeRun(folder, paused)))

    # --- the end --------------------------------------------------------------------------

    def action_ask_quit(self) -> None:
        if self.state.ended:
            self._leave()
        else:
            close_dialogs(self.app)
            self.app.push_screen(QuitDialog(), self._quit)

    def _quit(self, choice: QuitChoice | None) -> None:
        if choice == "save":
            self.save_and_leave()
        elif choice == "now":
            self._send(Stop("quit without saving", save=False))
            self._leave()

    def save_and_leave(self, code: int = 0) -> None:
        """Stop with a checkpoint, then leave; leave at once if there is nothing to save."""
        self._exit_code = code
        if self.state.ended or self.state.word == "COMPILING":
            self._leave()
            return
        self.say("saving ...")
        self._send(Stop("quit"))
        self.set_timer(SAVE_SECONDS, self._leave)

    def _leave(self) -> None:
        """Leave with exit code 1 if the run failed, else with the requested one."""
        failed = self.state.word == "FAILED"
        code = self._exit_code or 0
        self.post_message(RunLeft(Ending(1, self.state.message) if failed else Ending(code)))
