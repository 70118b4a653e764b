"""Lists that get a key before they have been drawn."""

from __future__ import annotations

import pytest
from scripted import playing, run_screen, session, training, until
from textual.app import App, ComposeResult
from textual.command import CommandList
from textual.widgets import OptionList

from grok_tui.tui.keys.palette import Palette
from grok_tui.tui.screens.dialogs import Options


class Flat(App[None]):
    """A list without any room."""

    CSS = "OptionList { height: 0; width: 0; border: none; padding: 0; }"

    def __init__(self, options: OptionList) -> None:
        super().__init__()
        self.options = options

    def compose(self) -> ComposeResult:
        yield self.options


@pytest.mark.parametrize("kind", [OptionList, Options])
async def test_a_page_key_where_there_is_no_room(kind: type[OptionList]) -> None:
    """Textual's own list breaks here; once it does not, ours is not needed any more."""
    options = kind("one", "two")
    async with Flat(options).run_test():
        options.highlighted = 0
        for page in (options.action_page_down, options.action_page_up):
            if kind is Options:
                page()
                assert options.highlighted == 0
            else:
                with pytest.raises(KeyError):
                    page()


async def test_a_search_that_ends_after_the_palette_was_closed() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await pilot.press("ctrl+p")
        palette = pilot.app.screen
        assert isinstance(palette, Palette)
        commands = palette.query_one(CommandList)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is run_screen(pilot))
        await until(pilot, lambda: not palette.is_running)
        palette._refresh_command_list(commands, [], True)
        assert pilot.app.is_running


async def test_page_keys_in_a_palette_that_has_not_been_drawn() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await pilot.press("ctrl+p")
        palette = pilot.app.screen
        assert isinstance(palette, Palette)
        palette.query_one(CommandList).styles.height = 0
        await pilot.pause()
        await pilot.press("pagedown", "pageup")
        assert pilot.app.screen is palette
