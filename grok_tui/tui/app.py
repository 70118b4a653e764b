"""The session's application: it picks a preset, opens the run, and ends it in good order."""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Callable
from dataclasses import dataclass

from textual.app import App

from grok_tui.config import Config
from grok_tui.core.events import Source
from grok_tui.errors import UserError
from grok_tui.presets import load_preset, preset_names
from grok_tui.tui.dialogs import PresetPicker
from grok_tui.tui.run_screen import Ending, RunScreen
from grok_tui.tui.state import SessionState
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

    def _end_by(self, number: signal.Signals) -> None:
        """A signal to end: save first, also when the terminal is gone."""
        for screen in self.screen_stack:
            if isinstance(screen, RunScreen):
                screen.save_and_leave(128 + number)
                return
        self.exit(Ending(128 + number))
