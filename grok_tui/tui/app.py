"""The session's application: it picks a preset, opens the run, and ends it in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
from grok_tui.sources.launcher import Launcher, Run
from grok_tui.sources.replay import ReplaySource
from grok_tui.text import UserError
from grok_tui.tui.ascii_only import AsciiOnly, spelled
from grok_tui.tui.keys import palette
from grok_tui.tui.keys.keymap import Action, Entry, Keymap, actions, entries
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.preferences import remember_theme
from grok_tui.tui.screens.dialogs import QuitDialog
from grok_tui.tui.screens.flows import Wanted
from grok_tui.tui.screens.picker import PresetPicker
from grok_tui.tui.screens.replay import ReplayScreen
from grok_tui.tui.screens.run_view import SAVE_SECONDS, Ending, Left, RunScreen
from grok_tui.tui.terminal import TerminalDriver
from grok_tui.tui.themes import DEFAULT_THEME, Theme, ThemeError, read_theme

# How often the theme's file is looked at.
RELOAD_SECONDS = 1.0


def session_actions() -> dict[str, Action]:
    """All that keys do on the main screen and in its panes, by id."""
    found = actions([*RunScreen.BINDINGS, *SessionApp.BINDINGS])
    found = {**actions(ReplayScreen.BINDINGS), **found}
    for pane in PANES:
        found |= actions(pane.BINDINGS, pane.TITLE)
    return found


def screen_of(run: Run) -> RunScreen:
    """The main screen of a run, live or recorded."""
    if isinstance(run.source, ReplaySource):
        return ReplayScreen(run, run.source)
    return RunScreen(run)


class SessionApp(App[Ending]):
    """A session on one run at a time: `first`, or the one of the preset picked.

    keymap: the user's own keys. ascii: whether the screen may show ASCII only.
    """

    TITLE = "grok-tui"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "Theme", id="theme"),
    ]

    def __init__(
        self,
        first: Run | None,
        launcher: Launcher,
        themes: Mapping[str, Theme],
        theme: str,
        keymap: Keymap | None = None,
        *,
        ascii: bool = False,  # noqa: A002
    ) -> None:
        self._themes = dict(themes)  # asked for by what comes next
        self.ascii, self._ascii_filter = ascii, AsciiOnly()
        super().__init__()
        self._first, self._launcher = first, launcher
        for each in themes.values():
            self.register_theme(each.textual())
        self._written: dict[Path, int] = {}  # when each theme's file was last changed
        self.theme = theme
        self._own_keys = keymap or {}
        self.set_keymap({name: ",".join(keys) for name, keys in self._own_keys.items()})

    def get_driver_class(self) -> type[Driver]:
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self._ascii_filter] if self.ascii else filters

    def entries(self, bindings: Iterable[BindingType]) -> list[Entry]:
        """What bindings do, with the keys in force, to be listed on this screen."""
        found = entries(bindings, self._own_keys)
        return [replace(e, keys=spelled(e.keys)) for e in found] if self.ascii else found

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(palette.Palette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        own = super().get_system_commands(screen)
        yield from palette.commands(self, screen)
        yield from (command for command in own if command.title in palette.KEPT)

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end_by, number)
        self.set_interval(RELOAD_SECONDS, self._reload_theme)
        self.begin()

    def begin(self) -> None:
        """Show the first screen."""
        if self._first:
            self.push_screen(screen_of(self._first))
        else:
            presets = [load_preset(name) for name in preset_names()]
            self.push_screen(PresetPicker(presets), self._picked)

    def _picked(self, preset: str | None) -> None:
        if preset is None:
            self.exit(Ending(0))
            return
        try:
            self.push_screen(screen_of(self._launcher.preset(preset)))
        except (UserError, OSError) as error:
            self.exit(Ending(2, str(error)))

    async def on_left(self, message: Left) -> None:
        await self.leave_run(message.ending)

    async def leave_run(self, ending: Ending) -> None:
        """The run on the screen was left, and so is the session."""
        self.exit(ending)

    async def on_wanted(self, message: Wanted) -> None:
        """Another run in place of the present one, which saves itself in the background."""
        before = self._run_screen()
        try:
            run = await asyncio.to_thread(message.make, self._launcher)
        except (UserError, OSError) as error:
            self._say(str(error))
            return
        if before is not None:
            closing = asyncio.to_thread(before.run.source.close, SAVE_SECONDS)
            self.run_worker(closing, group="closing", exit_on_error=False)
            await self.pop_screen()
        await self.push_screen(screen_of(run))

    # --- themes -------------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The series' colours under Textual's own themes, which the palette offers too."""
        return self._themes[DEFAULT_THEME].variables()

    @property
    def theme_names(self) -> list[str]:
        """The themes in the order that `t` goes through."""
        return list(self._themes)

    def action_next_theme(self) -> None:
        """Change to the next theme."""
        names = self.theme_names
        at = names.index(self.theme) if self.theme in names else -1
        self.wear(names[(at + 1) % len(names)])

    def wear(self, theme: str) -> None:
        """Change to a theme, and begin with it next time."""
        self.theme = theme
        try:
            remember_theme(self.theme)
        except OSError as error:
            self._say(f"theme {self.theme}, but it cannot be remembered: {error.strerror}")
        else:
            self._say(f"theme {self.theme}")

    def _reload_theme(self) -> None:
        """Read the theme's file again if it has changed."""
        if (theme := self._themes.get(self.theme)) is None:
            return
        try:
            written = theme.path.stat().st_mtime_ns
            if written == self._written.setdefault(theme.path, written):
                return
            self._written[theme.path] = written
            changed = read_theme(theme.path)
        except (OSError, ThemeError, ValueError) as error:
            self._say(f"theme {theme.path} stays as it was: {error}")
            return
        self._themes[theme.name] = replace(changed, name=theme.name)
        self.register_theme(self._themes[theme.name].textual())
        self.mutate_reactive(SessionApp.theme)

    def _say(self, message: str) -> None:
        if run := self._run_screen():
            run.say(message)

    # --- the end ------------------------------------------------------------------------

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
