"""What the command palette offers: every action of the session, by words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand
from textual.command import Command, CommandList, CommandPalette
from textual.markup import escape
from textual.screen import Screen

from grok_tui.tui.keys.keymap import Entry
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.screens.run_view import RunScreen

if TYPE_CHECKING:
    from grok_tui.tui.app import SessionApp


class Palette(CommandPalette):
    """Textual's palette, made to survive keys that come faster than it draws.

    Its own breaks at a page key before its list has any room, and at a search that ends after
    it was closed.
    """

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)

    def _refresh_command_list(
        self,
        command_list: CommandList,
        commands: list[Command],
        clear_current: bool,  # noqa: FBT001
    ) -> None:
        if self.query(CommandList):
            super()._refresh_command_list(command_list, commands, clear_current)


# Textual's own commands that are kept; its "Theme" would not be remembered.
KEPT = ("Screenshot",)


def commands(app: SessionApp, screen: Screen[Any]) -> Iterator[SystemCommand]:
    """Those that make sense while `screen` is shown; they act on it."""
    if isinstance(screen, RunScreen):
        for entry in app.entries(screen.BINDINGS):
            yield from _of_screen(entry, screen)
        for number, pane in enumerate(PANES, 1):
            for entry in app.entries(pane.BINDINGS):
                yield from _of_pane(entry, number, pane, screen)
    else:
        yield SystemCommand("Quit", "Leave the session", app.action_quit)
    for entry in app.entries(app.BINDINGS):
        yield _command(entry.what, entry, partial(app.run_action, entry.action))
    for name in app.theme_names:
        yield SystemCommand(f"Theme: {name}", "Colours", partial(app.wear, name))


def _of_screen(entry: Entry, screen: RunScreen) -> Iterator[SystemCommand]:
    run = partial(screen.run_action, entry.action)
    if entry.pane is None:
        yield _command(entry.what, entry, run)
    elif entry.pane <= len(PANES):
        yield _command(f"Pane: {PANES[entry.pane - 1].TITLE}", entry, run)


def _of_pane(
    entry: Entry, number: int, pane: type[Pane], screen: RunScreen
) -> Iterator[SystemCommand]:
    """What a pane's own key does, found by searching only: they are many."""

    async def run() -> None:
        screen.action_pane(number)
        await screen.query_one(pane).run_action(entry.action)

    if entry.id is not None:  # the others only move about
        yield _command(f"{pane.TITLE}: {entry.what}", entry, run, discover=False)


def _command(
    title: str, entry: Entry, run: Callable[[], Any], *, discover: bool = True
) -> SystemCommand:
    return SystemCommand(title, f"key: {escape(entry.keys)}", run, discover)
