"""The user's keys in a session, and the same actions from the command palette."""

from __future__ import annotations

import pytest
from scripted import (
    playing,
    rows,
    run_screen,
    session,
    settled,
    status,
    training,
    until,
)
from textual.command import CommandInput, CommandList, CommandPalette
from textual.pilot import Pilot

from grok_tui.protocol.commands import Command, Pause, SetField, Step, Stop, Undo
from grok_tui.tui.messages import Ending
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.panes.layout import PANE_KEYS, PANES
from grok_tui.tui.panes.log import Log
from grok_tui.tui.screens.dialogs import QuitDialog
from grok_tui.tui.screens.help import Help
from grok_tui.tui.screens.picker import PresetPicker
from grok_tui.tui.themes import load_themes
from grok_tui.tui.widgets.chart import Chart
from grok_tui.tui.widgets.pane_bar import PaneBar


async def test_a_changed_key_works_and_the_old_one_does_nothing() -> None:
    source = playing(*training(1, 20))
    async with session(source, pause=("p", "f6")).run_test() as pilot:
        await settled(pilot)
        await pilot.press("space")
        assert source.commands == []
        await pilot.press("p")
        await pilot.press("f6")
        assert source.commands == [Pause(), Pause()]
        assert "p Pause" in " ".join(rows(pilot)[-1].split())


async def test_two_swapped_keys() -> None:
    source = playing(*training(1, 20))
    async with session(source, pause=("q",), quit=("space",)).run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        assert source.commands == [Pause()]
        await pilot.press("space")
        assert not any(isinstance(command, Stop) for command in source.commands)
        assert len(pilot.app.screen_stack) == 3  # the dialog is up


async def test_a_users_bracket_key_is_shown_as_a_bracket() -> None:
    async with session(
        playing(*training(1, 20)),
        **{"weight_decay-up": ("right_curly_bracket",), "lr-up": ("f7",)},
    ).run_test() as pilot:
        await settled(pilot)
        shown = " ".join(rows(pilot)[-1].split())
        assert "[ } weight_decay" in shown
        assert "{ f7 lr" in shown


async def test_v_shows_the_newest_steps_and_all_again() -> None:
    async with session(playing(*training(1, 1000))).run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        for message, first in (("the newest steps", " 800 "), ("all steps", " 0 ")):
            await pilot.press("v")
            await until(pilot, lambda message=message: message in status(pilot))
            for chart in run_screen(pilot).query_one(Charts).query(Chart):
                axis = chart.render_line(chart.size.height - 1).text
                assert first in f" {axis} "


# --- the command palette --------------------------------------------------------------


async def found(pilot: Pilot[Ending], words: str = "") -> list[str]:
    """Titles and keys that the palette offers for some words, best first."""
    await pilot.press("ctrl+p")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
    listed = pilot.app.screen.query_one(CommandList)
    await pilot.press(*("space" if letter == " " else letter for letter in words))
    assert pilot.app.screen.query_one(CommandInput).value == words
    await until(pilot, lambda: listed.option_count and _best(listed, words))
    return [str(option.prompt) for option in listed.options]


def _best(listed: CommandList, words: str) -> bool:
    """Whether the list is for all these words, and not only for the first few."""
    return words.lower() in str(listed.options[0].prompt).lower()


async def choose(pilot: Pilot[Ending], words: str) -> None:
    """Find a command by words and run it."""
    await found(pilot, words)
    pilot.app.screen.query_one(CommandList).highlighted = 0
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(pilot.app.screen, CommandPalette))
    await pilot.pause()


async def test_a_command_is_found_by_words_and_sent() -> None:
    wanted: dict[str, Command] = {
        "pause": Pause(),
        "weight_decay up": SetField("weight_decay", 1.2),
        "lr down": SetField("lr", 0.0008),
        "one step": Step(1),
        "undo": Undo(),
    }
    source = playing(*training(1, 20))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "step 20 " in status(pilot))
        for words, command in wanted.items():
            await choose(pilot, words)
            assert source.commands.pop() == command
        assert source.commands == []


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_panes_are_found_by_name(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 20))).run_test(size=size) as pilot:
        await until(pilot, lambda: "step 20 " in status(pilot))
        for number, pane in ((4, PANES[3]), (1, PANES[0])):
            await choose(pilot, f"pane: {pane.TITLE.lower()}")
            assert run_screen(pilot).query_one(PaneBar).current == number - 1
            assert run_screen(pilot).query_one(pane).has_focus_within


@pytest.mark.parametrize(("words", "screen"), [("help", Help), ("quit", QuitDialog)])
async def test_dialogs_are_found_by_words(words: str, screen: type) -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await until(pilot, lambda: "step 20 " in status(pilot))
        await choose(pilot, words)
        await until(pilot, lambda: isinstance(pilot.app.screen, screen))


async def test_themes_are_found_by_name_and_the_next_one_by_words() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await until(pilot, lambda: "step 20 " in status(pilot))
        names = list(load_themes()[0])
        await choose(pilot, f"theme: {names[0]}")
        assert pilot.app.theme == names[0]
        assert f"theme {names[0]}" in status(pilot)
        await choose(pilot, "change to the next")
        assert pilot.app.theme == names[1]


async def test_a_panes_key_is_also_a_command() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await until(pilot, lambda: "step 20 " in status(pilot))
        await pilot.press(str(PANES.index(Log) + 1))
        titles = await found(pilot, "ask: a up")
        assert titles[0] == "Ask: A up\nkey: ↑"
        await pilot.press("escape")
        await choose(pilot, "ask: a up")
        pane = next(pane for pane in PANES if pane.TITLE == "Ask")
        assert run_screen(pilot).query_one(pane).has_focus_within


async def test_every_command_shows_its_key_in_use() -> None:
    async with session(playing(*training(1, 20)), pause=("p", "f6")).run_test() as pilot:
        await until(pilot, lambda: "step 20 " in status(pilot))
        titles = await found(pilot)
        await until(pilot, lambda: "Undo the last edit\nkey: z" in _listed(pilot))
        titles = _listed(pilot)
        assert "Pause or resume\nkey: p f6" in titles
        assert "weight_decay up, by about a quarter\nkey: ]" in titles
        for key, pane in zip(PANE_KEYS, PANES, strict=True):
            assert f"Pane: {pane.TITLE}\nkey: {key}" in titles
        assert any(title.startswith("Screenshot") for title in titles)


async def test_the_picker_has_the_few_commands_that_make_sense_there() -> None:
    app, themes = session(None), load_themes()[0]
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.screen, PresetPicker))
        await found(pilot)
        await until(pilot, lambda: len(_listed(pilot)) >= len(themes) + 3)
        names = {title.splitlines()[0] for title in _listed(pilot)}
        own = {f"Theme: {name}" for name in themes}
        suspend = "Suspend; fg continues"
        assert names - own == {"Quit", suspend, "Theme: change to the next one", "Screenshot"}
        await pilot.press("escape")
        await choose(pilot, "quit")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(0)


async def test_without_a_terminal_there_is_no_shell_to_return_to() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await settled(pilot)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: "there is no shell to return to" in status(pilot))


def _listed(pilot: Pilot[Ending]) -> list[str]:
    return [str(option.prompt) for option in pilot.app.screen.query_one(CommandList).options]
