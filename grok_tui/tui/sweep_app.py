"""The application of a sweep: its map, from which the runs of its points can be opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grok_tui.sources.launcher import SAVE_SECONDS, Run
from grok_tui.text import UserError
from grok_tui.tui.app import SessionApp, screen_of
from grok_tui.tui.messages import Ending, ReplayRequested
from grok_tui.tui.screens.dialogs import close_dialogs
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.screens.sweep import SweepScreen

Replay = Callable[[Path], Run]


class SweepApp(SessionApp):
    """A session that starts on the screen of a sweep and returns to it."""

    def __init__(
        self, *session: Any, sweep: SweepScreen, replay: Replay, **options: Any
    ) -> None:
        """session, options: the arguments of `SessionApp`.

        replay: opens a recorded run; may raise UserError or OSError.
        """
        super().__init__(*session, **options)
        self._sweep, self._replay = sweep, replay

    def begin(self) -> None:
        self.push_screen(self._sweep)

    async def on_replay_requested(self, message: ReplayRequested) -> None:
        """Show a run over the map."""
        if any(isinstance(screen, RunView) for screen in self.screen_stack):
            return
        try:
            run = await asyncio.to_thread(self._replay, message.run)
        except (UserError, OSError) as error:
            self._sweep.say(str(error))
            return
        close_dialogs(self)
        await self.push_screen(screen_of(run, self.keys))

    async def leave_run(self, ending: Ending) -> None:
        """Return to the map, unless a signal ends the program."""
        before = self.run_view
        if before is None or ending.code >= 128:
            self.exit(ending)
            return
        closing = asyncio.to_thread(before.run.source.close, SAVE_SECONDS)
        self.run_worker(closing, group="closing", exit_on_error=False)
        while self.screen is not self._sweep:  # there may be a dialog over it
            await self.pop_screen()
        if ending.problem:
            self._sweep.say(ending.problem)

    def say(self, message: str) -> None:
        if self.run_view is None:
            self._sweep.say(message)
        else:
            super().say(message)

    def _ask_quit(self) -> None:
        if self.run_view is None:
            self._sweep.action_leave()
        else:
            super()._ask_quit()
