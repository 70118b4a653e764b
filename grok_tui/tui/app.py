"""The session's application: picks a preset, opens its run, and ends it cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.screen import Screen

from grok_tui.config.presets import load_preset, preset_names
from grok_tui.sources.launcher import SAVE_SECONDS, Launcher, Run
from grok_tui.sources.replay import ReplaySource
from grok_tui.text import UserError
from grok_tui.tui.ascii_only import AsciiOnly, spelled
from grok_tui.tui.keys.keymap import Action, Keymap, Keys, actions, fixed_actions
from grok_tui.tui.keys.palette import KEPT, Palette, command_of
from grok_tui.tui.messages import Ending, RunLeft, RunRequested
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.preferences import remember_theme
from grok_tui.tui.screens.dialogs import QuitDialog
from grok_tui.tui.screens.live import Live
from grok_tui.tui.screens.picker import PresetPicker
from grok_tui.tui.screens.replay import Replay
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.terminal import TerminalDriver
from grok_tui.tui.themes import DEFAULT_THEME, Theme, ThemeError, read_theme

# How often to check the theme's file for changes.
RELOAD_SECONDS = 1.0
# How long a problem of the start is shown, unless it is clicked away.
PROBLEM_SECONDS = 30.0
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
# How long the screen may take to obey one of them.
STUCK_SECONDS = 5.0


def session_actions() -> dict[str, Action]:
    """All actions of the main screens and their panes, by id."""
    by_id = actions([*Live.BINDINGS, *SessionApp.BINDINGS])
    by_id = {**actions(Replay.BINDINGS), **by_id}
    for pane in PANES:
        by_id |= actions(pane.BINDINGS, pane.TITLE)
    return by_id


def occupied_keys() -> list[Action]:
    """The actions of Textual and of the panes whose keys no other action can have."""
    palette = Binding(App.COMMAND_PALETTE_BINDING, "command_palette", "command palette")
    occupied = [*fixed_actions([*App.BINDINGS, palette], "Textual")]
    for pane in PANES:
        occupied += fixed_actions(pane.BINDINGS, pane.TITLE, pane.TITLE)
    return occupied


def screen_of(run: Run, keys: Keys) -> RunView:
    """The main screen of a run, live or recorded."""
    if isinstance(run.source, ReplaySource):
        return Replay(run, keys, run.source)
    return Live(run, keys)


class SessionApp(App[Ending]):
    """A session with one run at a time, starting with `first` or a preset that the user picks.

    keymap: the user's keys. problems: what to tell the user at the start. ascii: whether the
    screen may show only ASCII.
    """

    TITLE = "grok-tui"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "Theme", id="theme"),
        Binding("ctrl+z", "suspend", "Suspend; fg continues", show=False, priority=True),
    ]

    def __init__(
        self,
        first: Run | None,
        launcher: Launcher,
        themes: Mapping[str, Theme],
        theme: str,
        keymap: Keymap | None = None,
        *,
        problems: Sequence[str] = (),
        ascii: bool = False,  # noqa: A002
    ) -> None:
        self.problems = problems
        self._themes = dict(themes)  # before Textual's constructor, which reads theme variables
        self.ascii, self._ascii_filter = ascii, AsciiOnly()
        super().__init__()
        self._first, self._launcher = first, launcher
        for each in themes.values():
            self.register_theme(each.textual())
        self._written: dict[Path, int] = {}  # when each theme's file was last changed
        self.theme = theme
        self.keys = Keys(keymap or {}, ascii)
        self.set_keymap({name: ",".join(keys) for name, keys in self.keys.keymap.items()})

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self._ascii_filter] if self.ascii else filters

    def get_key_display(self, binding: Binding) -> str:
        shown = super().get_key_display(binding)
        return spelled(shown) if self.ascii else shown

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        if isinstance(screen, RunView):
            yield from screen.palette_commands()
        else:
            yield SystemCommand("Quit", "Leave the session", self.action_quit)
        for entry in self.keys.entries(self.BINDINGS):
            yield command_of(entry.what, entry, partial(self.run_action, entry.action))
        for name in self._themes:
            yield SystemCommand(f"Theme: {name}", "Colors", partial(self.wear, name))
        textuals = super().get_system_commands(screen)
        yield from (command for command in textuals if command.title in KEPT)

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._ask_quit)
        for number in ENDING_SIGNALS:
            signal.signal(number, partial(self._on_signal, loop, copy_context()))
        self._reload_theme()  # records when the file last changed
        self.set_interval(RELOAD_SECONDS, self._reload_theme)
        self.begin()
        for problem in self.problems:
            self.notify(problem, severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    def on_unmount(self) -> None:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def begin(self) -> None:
        """Show the first screen."""
        if self._first:
            self.push_screen(screen_of(self._first, self.keys))
        else:
            presets = [load_preset(name) for name in preset_names()]
            self.push_screen(PresetPicker(presets, self._launcher.config_of), self._picked)

    def _picked(self, preset: str | None) -> None:
        if preset is None:
            self.exit(Ending(0))
            return
        try:
            self.push_screen(screen_of(self._launcher.preset(preset), self.keys))
        except (UserError, OSError) as error:
            self.exit(Ending(2, str(error)))

    async def on_run_left(self, message: RunLeft) -> None:
        await self.leave_run(message.ending)

    async def leave_run(self, ending: Ending) -> None:
        """End the session after the user has left the run on the screen."""
        self.exit(ending)

    async def on_run_requested(self, message: RunRequested) -> None:
        """Replace the present run, which is saved in the background."""
        before = self.run_view
        try:
            run = await asyncio.to_thread(self._launcher.launch, message.request)
        except (UserError, OSError) as error:
            self.say(str(error))
            return
        if before is not None:
            closing = asyncio.to_thread(before.run.source.close, SAVE_SECONDS)
            self.run_worker(closing, group="closing", exit_on_error=False)
            while self.run_view is before:  # there may be a dialog over it
                await self.pop_screen()
        await self.push_screen(screen_of(run, self.keys))

    # --- themes -------------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colors of the series under themes that do not define them."""
        return self._themes[DEFAULT_THEME].variables()

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        names = list(self._themes)
        at = names.index(self.theme) if self.theme in names else -1
        self.wear(names[(at + 1) % len(names)])

    def wear(self, theme: str) -> None:
        """Switch to a theme, and remember it for the next session."""
        self.theme = theme
        try:
            remember_theme(self.theme)
        except OSError as error:
            self.say(f"theme {self.theme}, but it cannot be remembered: {error.strerror}")
        else:
            self.say(f"theme {self.theme}")

    def _reload_theme(self) -> None:
        """Reload the theme's file if it has changed."""
        if (theme := self._themes.get(self.theme)) is None:
            return
        try:
            written = theme.path.stat().st_mtime_ns
            if written == self._written.setdefault(theme.path, written):
                return
            self._written[theme.path] = written
            changed = read_theme(theme.path)
        except (OSError, ThemeError, ValueError) as error:
            self.say(f"theme {theme.path} is not reloaded: {error}")
            return
        self._themes[theme.name] = replace(changed, name=theme.name)
        self.register_theme(self._themes[theme.name].textual())
        self.mutate_reactive(SessionApp.theme)

    def say(self, message: str) -> None:
        """Show a message on the screen of the run."""
        if run := self.run_view:
            run.say(message)

    # --- the shell ----------------------------------------------------------------------

    def action_suspend(self) -> None:
        """Stop until `fg`, as any program of a terminal does."""
        if self.is_web or self.is_headless:
            self.say("there is no shell to return to")
        else:
            signal.raise_signal(signal.SIGTSTP)

    # --- the end ------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Handle ctrl+q and the palette's quit: ask first, so that no run is lost."""
        self._ask_quit()

    def action_help_quit(self) -> None:
        """Handle ctrl+c, as SIGINT does."""
        self._ask_quit()

    def _ask_quit(self) -> None:
        run = self.run_view
        if run is None:
            self.exit(Ending(0))
        elif isinstance(self.screen, QuitDialog):
            self.screen.action_save()
        else:
            run.action_ask_quit()

    @property
    def run_view(self) -> RunView | None:
        """The screen of the present run; None if there is none."""
        return next((s for s in self.screen_stack if isinstance(s, RunView)), None)

    def _on_signal(
        self, loop: asyncio.AbstractEventLoop, context: Context, number: int, _: object
    ) -> None:
        """End on a signal, even while the screen waits for a terminal that reads nothing."""
        if_stuck = self._exit_after(STUCK_SECONDS, number)
        loop.call_soon_threadsafe(self._end_by, number, if_stuck, context=context)

    def _end_by(self, number: int, if_stuck: threading.Timer) -> None:
        """End after saving."""
        if_stuck.cancel()
        self._exit_after(2 * SAVE_SECONDS + STUCK_SECONDS, number)
        if run := self.run_view:
            run.save_and_leave(128 + number)
        else:
            self.exit(Ending(128 + number))

    def _exit_after(self, seconds: float, number: int) -> threading.Timer:
        """End the process after some seconds, if it has a terminal; its trainer then saves."""
        timer = threading.Timer(seconds, os._exit, [128 + number])
        timer.daemon = True
        if not self.is_headless:
            timer.start()
        return timer
