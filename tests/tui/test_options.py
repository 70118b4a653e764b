"""Lists that get a key before they are drawn."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from scripted import playing, session, training
from textual.app import App, ComposeResult
from textual.command import CommandInput, CommandList, DiscoveryHit, Hits, Provider
from textual.widgets import OptionList

from grok_tui.tui.keys.palette import Palette
from grok_tui.tui.screens.dialogs import Options
from grok_tui.tui.screens.help import Help


class Flat(App[None]):
    """An application with a list that has no height."""

    CSS = "OptionList { height: 0; width: 0; border: none; padding: 0; }"

    def __init__(self, options: OptionList) -> None:
        super().__init__()
        self.options = options

    def compose(self) -> ComposeResult:
        yield self.options


@pytest.mark.parametrize("kind", [OptionList, Options])
async def test_a_page_key_in_a_list_without_height(kind: type[OptionList]) -> None:
    """Textual's own list raises here; once it does not, ours is no longer needed."""
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


class Slow(Provider):
    """A provider of one command, which it returns when the test allows it."""

    searching = asyncio.Event()
    may_end = asyncio.Event()

    async def discover(self) -> Hits:
        self.searching.set()
        await self.may_end.wait()
        yield DiscoveryHit("a command", lambda: None)

    async def search(self, query: str) -> Hits:
        for hit in ():
            yield hit


class Searching(App[None]):
    COMMANDS: ClassVar[set[type[Provider]]] = {Slow}


async def test_a_search_that_ends_after_the_list_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Textual's own palette raises here, too."""
    monkeypatch.setattr(Slow, "searching", asyncio.Event())
    monkeypatch.setattr(Slow, "may_end", asyncio.Event())
    async with Searching().run_test() as pilot:
        palette = Palette(id="--command-palette")
        await pilot.app.push_screen(palette)
        await Slow.searching.wait()
        await palette.query_one(CommandList).remove()
        Slow.may_end.set()
        await palette.workers.wait_for_complete()
        assert pilot.app.is_running


async def test_a_search_that_begins_after_the_list_is_gone() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        palette = Palette()
        await pilot.app.push_screen(palette)
        await palette.query_one(CommandList).remove()
        palette.query_one(CommandInput).value = "pause"
        await pilot.pause()
        assert pilot.app.is_running
        await pilot.press("escape", "question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Help)


async def test_page_keys_in_a_palette_that_has_not_been_drawn() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await pilot.press("ctrl+p")
        palette = pilot.app.screen
        assert isinstance(palette, Palette)
        palette.query_one(CommandList).styles.height = 0
        await pilot.pause()
        await pilot.press("pagedown", "pageup")
        assert pilot.app.screen is palette
