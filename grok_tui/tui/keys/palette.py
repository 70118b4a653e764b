"""The command palette, which finds every action of the session by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import SystemCommand
from textual.command import Command, CommandList, CommandPalette
from textual.markup import escape
from textual.worker import Worker

from grok_tui.tui.keys.keymap import Entry
from grok_tui.tui.screens.dialogs import DismissedOnce

# The commands of Textual that are kept; its "Theme" would not remember the choice.
KEPT = ("Screenshot",)


class Palette(CommandPalette, DismissedOnce[None]):
    """Textual's palette, fixed for keys that arrive faster than it draws.

    Textual's own raises on a page key before its list has any height, and on a search that
    ends after the palette was closed.
    """

    def run_worker(self, *work: Any, **options: Any) -> Worker[Any]:
        """Run a search, which may fail if the palette closes before it begins."""
        return super().run_worker(*work, **{**options, "exit_on_error": False})

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


def command_of(
    title: str, entry: Entry, run: Callable[[], Any], *, discover: bool = True
) -> SystemCommand:
    """A palette command for a key's action. discover: list it before anything is typed."""
    return SystemCommand(title, f"key: {escape(entry.keys)}", run, discover)
