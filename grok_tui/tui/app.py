"""The session's application: it picks a preset, opens the run, and ends it in good order."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Callable
from dataclasses import dataclass

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from grok_tui.config import Config
from grok_tui.core.events import Source
from grok_tui.errors import UserError
from grok_tui.presets import load_preset, preset_names
from grok_tui.tui.dialogs import PresetPicker, QuitDialog
from grok_tui.tui.run_screen import Ending, RunScreen
from grok_tui.tui.state import SessionState
from grok_tui.tui.terminal import TerminalDriver
from grok_tui.tui.themes import Theme


@dataclass(frozen=True, slots=True)
class Run:
    """What a session shows: where events come from, and the config they begin with."""

    source: Source
    config: Config


RunOf = Callable[[str], Run]


class SessionApp(App[Ending]):
    """A session on one run, or on the one that `first` gives for the preset picked."""

    TITLE = "grok-tui"

    def __init__(self, first: Run | RunOf, theme: Theme) -> None:
        super().__init__()
        self._first, self._colors = first, theme.series
        self.register_theme(theme.textual())
        self.theme = theme.name

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end_by, number)
        if isinstance(self._first, Run):
            self._open(self._first)
        else:
            presets = [load_preset(name) for name in preset_names()]
            self.push_screen(
                PresetPicker(presets), functools.partial(self._picked, self._first)
            )

    def _picked(self, run_of: RunOf, preset: str | None) -> None:
        if preset is None:
            self.exit(Ending(0))
            return
        try:
            self._open(run_of(preset))
        except UserError as error:
            self.exit(Ending(2, str(error)))

    def _open(self, run: Run) -> None:
        state = SessionState(run.config.model_dump(mode="json"))
        self.push_screen(RunScreen(run.source, state, self._colors))

    async def action_quit(self) -> None:
        """What ctrl+q and the command palette do: ask, never drop a run."""
        self._ask_quit()

    def action_help_quit(self) -> None:
        """What ctrl+c does."""
        self._ask_quit()

    def _ask_quit(self) -> None:
        run = self._run_screen()
        if run is None:
            self.exit(Ending(0))
        elif isinstance(self.screen, QuitDialog):
            self.screen.action_save()
        else:
            run.action_ask_quit()

    def _run_screen(self) -> RunScreen | None:
        return next((s for s in self.screen_stack if isinstance(s, RunScreen)), None)

    def _end_by(self, number: signal.Signals) -> None:
        """A signal to end: save first, also when the terminal is gone."""
        if run := self._run_screen():
            run.save_and_leave(128 + number)
        else:
            self.exit(Ending(128 + number))
