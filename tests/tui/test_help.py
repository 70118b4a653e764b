"""The help: its texts and its keys."""

from __future__ import annotations

import pytest
from scripted import (
    ScriptedSource,
    grokking,
    playing,
    rows,
    session,
    shown,
    training,
    until,
)
from textual.containers import VerticalScroll
from textual.pilot import Pilot

from grok_tui.protocol.commands import Pause
from grok_tui.tui.app import SessionApp
from grok_tui.tui.keys.keymap import Entry, entries
from grok_tui.tui.messages import Ending
from grok_tui.tui.panes.layout import PANE_KEYS, PANES
from grok_tui.tui.panes.log import Log
from grok_tui.tui.screens.help import Help, HelpText, Section, help_text
from grok_tui.tui.screens.live import Live
from grok_tui.tui.screens.run_view import RunView


async def opened(pilot: Pilot[Ending], *keys: str) -> VerticalScroll:
    await until(pilot, lambda: isinstance(pilot.app.screen, RunView))
    await pilot.press(*(keys or ("?",)))
    await until(pilot, lambda: isinstance(pilot.app.screen, Help))
    await pilot.pause()
    return pilot.app.screen.query_one(VerticalScroll)


def words(pilot: Pilot[Ending]) -> str:
    """The text in the help's frame, in one line."""
    inside = pilot.app.screen.query_one(VerticalScroll).scrollable_content_region
    part = [row[inside.x : inside.right] for row in rows(pilot)[inside.y : inside.bottom]]
    return " ".join(" ".join(part).split())


def lines(pilot: Pilot[Ending]) -> list[str]:
    """The help's lines as drawn, including those scrolled out of sight."""
    text = pilot.app.screen.query_one(HelpText)
    return [text.render_line(y).text for y in range(text.size.height)]


def all_words(pilot: Pilot[Ending]) -> str:
    """All of the help, in one line."""
    return " ".join(" ".join(lines(pilot)).split())


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_the_help_starts_with_the_current_pane(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 20))).run_test(size=size) as pilot:
        for key, pane in zip(PANE_KEYS, PANES, strict=True):
            await opened(pilot, key, "?")
            start = " ".join(f"You are looking at: {pane.TITLE} {pane.ABOUT}".split())
            assert words(pilot).startswith(start[:100])
            await pilot.press("escape")


@pytest.mark.parametrize("key", ["escape", "q", "?"])
async def test_it_closes_and_nothing_else_happens(key: str) -> None:
    source = playing(*training(1, 20))
    async with session(source).run_test() as pilot:
        await opened(pilot)
        await pilot.press("space", "right_square_bracket", key)
        await until(pilot, lambda: isinstance(pilot.app.screen, RunView))
        assert source.commands == []
        await pilot.press("space")
        assert source.commands == [Pause()]


@pytest.mark.parametrize("size", [(120, 36), (60, 16)])
async def test_keys_scroll_it(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 20))).run_test(size=size) as pilot:
        page = await opened(pilot)
        for key, place in [
            ("down", lambda: page.scroll_y == 1),
            ("up", lambda: page.scroll_y == 0),
            ("pagedown", lambda: page.scroll_y == page.scrollable_content_region.height),
            ("pageup", lambda: page.scroll_y == 0),
            ("end", lambda: page.scroll_y == page.max_scroll_y > 10),
            ("home", lambda: page.scroll_y == 0),
        ]:
            await pilot.press(key)
            await until(pilot, place)


async def test_it_explains_grokking_and_what_to_try() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await opened(pilot, PANE_KEYS[PANES.index(Log)], "?")
        for sentence in (
            "train says how well it does on these, test how well on pairs it never sees",
            "weight decay pulls every weight toward zero",
            "the network has grokked",
            "Press ] a few times and watch",
        ):
            assert sentence in all_words(pilot)


async def test_it_lists_every_key_of_the_session_and_of_each_pane() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await opened(pilot, PANE_KEYS[PANES.index(Log)], "?")
        bindings = [*Live.BINDINGS, *SessionApp.BINDINGS]
        listed = [entry for entry in entries(bindings, {}) if entry.pane is None]
        listed += [entry for pane in PANES for entry in entries(pane.BINDINGS, {})]
        assert len(listed) > 20
        text = all_words(pilot)
        for entry in listed:
            assert f"{entry.keys} {entry.what}" in text
        assert "ctrl+p Command palette" in text


async def test_it_lists_the_number_and_the_meaning_of_every_other_pane() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await opened(pilot, PANE_KEYS[PANES.index(Log)], "?")
        for key, pane in zip(PANE_KEYS, PANES, strict=True):
            about = " ".join(pane.ABOUT.split())
            assert (f"{key} {pane.TITLE} {about}" in all_words(pilot)) == (pane is not Log)


async def test_it_shows_the_users_keys() -> None:
    app = session(playing(*training(1, 20)), help=("f1",), pause=("p", "f6"))
    async with app.run_test() as pilot:
        await opened(pilot, "f1")
        assert "p f6 Pause or resume" in all_words(pilot)
        assert "p f6 pauses, and then s takes one step" in all_words(pilot)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunView))


@pytest.mark.parametrize(("width", "height"), [(60, 2), (20, 3)])
def test_keys_have_their_column(width: int, height: int) -> None:
    keys = [Entry(None, "A first thing", "a", ""), Entry(None, "B", "shift+left", "")]
    text = help_text([Section("Keys", keys=keys)], width)
    title, *table = text.plain.splitlines()
    assert title == "Keys"
    assert len(table) == height
    for row in table:
        assert row[11:13] == "  "
        assert row[13] != " "


def test_a_key_with_a_long_name_makes_the_column_wider() -> None:
    keys = [Entry(None, "A", "a", ""), Entry(None, "B", "shift+left f11", "")]
    table = help_text([Section("Keys", keys=keys)], 60).plain.splitlines()[1:]
    assert table == ["a               A", "shift+left f11  B"]


async def test_every_key_of_the_session_has_its_column() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await opened(pilot, "?")
        bindings = [Live.BINDINGS, SessionApp.BINDINGS, *(p.BINDINGS for p in PANES)]
        for entry in (entry for some in bindings for entry in entries(some, {})):
            start = f"{entry.keys:<11}  {entry.what[:20]}"
            assert entry.pane is not None or any(
                line.startswith(start) for line in lines(pilot)
            )


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (2, 60), (300, 3)])
async def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    async with session(ScriptedSource(*grokking())).run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("end", "home")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "You are looking at: Charts" in shown(pilot))
