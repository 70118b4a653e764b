"""The footer: what fits on its line, how it looks, and its keys under the mouse."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from scripted import (
    STOPPED,
    playing,
    rows,
    run_screen,
    session,
    settled,
    status,
    training,
    until,
)
from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.color import Color
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from grok_tui.protocol.commands import Pause, SetField, Step
from grok_tui.protocol.events import Event, Failed
from grok_tui.tui.screens.dialogs import QuitDialog
from grok_tui.tui.themes import load_themes
from grok_tui.tui.widgets.footer import (
    FooterItem,
    FooterKey,
    KeysFooter,
    footer_items,
    footer_line,
)

# --- what it shows, and what fits -------------------------------------------------------

WD = Binding.Group("wd")


def binding(key: str, words: str, **more: Any) -> Binding:
    return Binding(key, f"do_{key}", words, id=key, **more)


def items_of(*bindings: Binding, enabled: bool = True) -> tuple[FooterItem, ...]:
    node = App[None]()
    active = [ActiveBinding(node, each, enabled, "") for each in bindings]
    return footer_items(active, lambda each: each.key_display or each.key, {"a"})


def test_each_key_has_its_words() -> None:
    items = items_of(binding("a", "Ask"), binding("x", "Hidden", show=False))
    assert items == (FooterItem((FooterKey("a", "a"),), "Ask", always=True),)


def test_neighbors_of_a_group_are_joined() -> None:
    down = binding("f1", "wd down", group=WD, key_display="[")
    up = binding("f2", "wd up", group=WD)
    keys = (FooterKey("f1", "["), FooterKey("f2", "f2"))
    assert items_of(down, up) == (FooterItem(keys, "wd"),)


def test_the_only_key_of_a_group_has_its_own_words() -> None:
    assert [item.words for item in items_of(binding("f1", "wd down", group=WD))] == ["wd down"]


def test_the_first_key_of_an_action_is_shown() -> None:
    first, second = Binding("p", "pause", "Pause"), Binding("f6", "pause", "Pause")
    assert [item.keys for item in items_of(first, second)] == [(FooterKey("p", "p"),)]


def item(key: str, words: str, *, always: bool = False, at_right: bool = False) -> FooterItem:
    keys = tuple(FooterKey(each, each) for each in key.split())
    return FooterItem(keys, words, always, at_right)


ITEMS = (
    item("space", "Pause", always=True),
    item("[ ]", "wd", always=True),
    item("e", "Edit"),
    item("tab", "Pane"),
    item("v", "View"),
    item("q", "Quit", always=True),
)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (61, " space Pause  [ ] wd  e Edit  tab Pane  v View  q Quit "),
        (55, " space Pause  [ ] wd  e Edit  tab Pane  v View  q Quit "),
        (54, " space Pause  [ ] wd  e Edit  tab Pane  q Quit "),
        (46, " space Pause  [ ] wd  e Edit  v View  q Quit "),
        (36, " space Pause  [ ] wd  q Quit "),
        (29, " space Pause  [ ] wd  q Quit "),
        (9, " space Pause  [ ] wd  q Quit "),
    ],
)
def test_essential_keys_and_as_many_others_as_fit(width: int, line: str) -> None:
    assert footer_line(ITEMS, width).plain == line.ljust(width)


def test_items_at_the_right_get_room_first() -> None:
    palette = item("^p", "palette", always=True, at_right=True)
    items = (item("q", "Quit"), item("t", "Theme"), palette)
    assert footer_line(items, 30).plain == " q Quit  t Theme  ▏^p palette "
    assert footer_line(items, 28).plain == " q Quit         ▏^p palette "


def test_a_wide_character_takes_two_columns() -> None:
    assert [each.width for each in (item("q", "Quit"), item("q", "終了"))] == [8, 8]
    assert footer_line([item("q", "終了")], 10).cell_length == 10


# --- on the screens -----------------------------------------------------------------------


def footer(pilot: Pilot[object]) -> KeysFooter:
    return pilot.app.screen.query_one(KeysFooter)


async def at(pilot: Pilot[object], text: str) -> tuple[int, int]:
    """The position where a text starts in the footer."""
    await until(pilot, lambda: text in rows(pilot)[-1])
    return rows(pilot)[-1].index(text), 0


async def test_a_click_on_a_key_or_its_words_presses_it() -> None:
    source = playing(*training(1, 20))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for text, command in [
            ("space", Pause()),
            ("Pause", Pause()),
            ("] weight_decay", SetField("weight_decay", 1.2)),
            ("S step", Step(100)),
        ]:
            await pilot.click(KeysFooter, offset=await at(pilot, text))
            await until(pilot, lambda command=command: source.commands == [command])
            source.commands.clear()
        await pilot.click(KeysFooter, offset=await at(pilot, "Quit"))
        await until(pilot, lambda: isinstance(pilot.app.screen, QuitDialog))


@pytest.mark.parametrize("text", ["weight_decay", "  {"])
async def test_a_click_beside_the_keys_does_nothing(text: str) -> None:
    source = playing(*training(1, 20))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.click(KeysFooter, offset=await at(pilot, text))
        await pilot.pause()
        assert source.commands == []


async def test_the_key_under_the_pointer_is_marked() -> None:
    async with session(playing(*training(1, 20))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for text, key in (
            ("Pause", "space"),
            ("] weight", "right_square_bracket"),
            ("weight", ""),
        ):
            before = footer(pilot).render_line(0)
            await pilot.hover(KeysFooter, offset=await at(pilot, text))
            await until(pilot, lambda key=key: footer(pilot).hovered == key)
            assert footer(pilot).render_line(0) != before
        await pilot.hover("StatusLine")
        await until(pilot, lambda: footer(pilot).hovered == "")


async def test_a_new_width_changes_the_keys_at_once() -> None:
    async with session(playing(*training(1, 20))).run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        for width, height in ((120, 36), (60, 16), (160, 48)):
            await pilot.resize_terminal(width, height)
            await settled(pilot)
            line = rows(pilot)[-1]
            assert line.rstrip().endswith("? Help  q Quit")
            assert ("Smooth" in line) == (width == 160)
            assert ("tab Pane" in line) == (width > 60)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 16)])
@pytest.mark.parametrize("end", [STOPPED, Failed(20, "broke")])
async def test_an_ended_run_offers_what_still_works(end: Event, size: tuple[int, int]) -> None:
    source = playing(*training(1, 20))
    async with session(source).run_test(size=size) as pilot:
        await at(pilot, "Pause")
        source.deliver(end)
        await until(pilot, lambda: "Pause" not in rows(pilot)[-1])
        line = rows(pilot)[-1]
        for gone in ("step", "weight_decay", "lr", "Undo", "Checkpoint"):
            assert gone not in line
        for kept in ("b Branch", "r Restart", "? Help", "q Quit"):
            assert kept in line
        await pilot.press("space")  # still says why it does nothing
        await until(pilot, lambda: "r starts a new run" in status(pilot))


async def test_an_open_input_hides_the_keys_that_it_takes() -> None:
    async with session(playing(*training(1, 20))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("2", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await until(pilot, lambda: rows(pilot)[-1].strip() == "tab Pane")
        await pilot.press("escape")
        await until(pilot, lambda: "q Quit" in rows(pilot)[-1])


async def test_it_is_redrawn_only_when_the_keys_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with session(playing(*training(1, 20))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        drawn: list[int] = []
        monkeypatch.setattr(footer(pilot), "render", lambda: drawn.append(1))
        for key in ("2", "3", "tab", "right_square_bracket", "q", "escape"):
            await pilot.press(key)
            await settled(pilot)
        run_screen(pilot).refresh_bindings()
        await pilot.pause()
        assert drawn == []


def looks(pilot: Pilot[object], text: str) -> set[tuple[str, str, bool, bool]]:
    """Foreground and background of a text in the footer, and whether it is bold and dim."""
    line = footer(pilot).render_line(0)
    start = line.text.index(text)
    part = line.crop(start, start + len(text))
    return {
        (style.color.name, style.bgcolor.name, bool(style.bold), bool(style.dim))
        for style in (segment.style for segment in part)
        if style and style.color and style.bgcolor
    }


async def test_it_has_the_colors_of_every_theme() -> None:
    app = session(playing(*training(1, 20)))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for name in load_themes()[0]:
            app.theme = name
            await settled(pilot)
            variables = app.theme_variables
            key, words, ground = (
                Color.parse(variables[f"footer-{part}"]).rich_color.name
                for part in ("key-foreground", "description-foreground", "background")
            )
            assert looks(pilot, "space") == {(key, ground, True, False)}
            assert looks(pilot, "Pause") == {(words, ground, False, False)}


async def test_arrows_are_spelled_in_ascii() -> None:
    app = session(playing(*training(1, 20)), pause=("shift+up",))
    app.ascii = True
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert rows(pilot)[-1].startswith(" shift+up Pause ")


async def test_without_colors_keys_are_bold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    source = playing(*training(1, 20))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert {bold for _, _, bold, _ in looks(pilot, "space")} == {True}
        assert {bold for _, _, bold, _ in looks(pilot, "Pause")} == {False}
        await pilot.click(KeysFooter, offset=await at(pilot, "Pause"))
        await until(pilot, lambda: source.commands == [Pause()])


# --- disabled keys ------------------------------------------------------------------------


class Small(App[None]):
    """An application with keys, one of which can be disabled."""

    BINDINGS: ClassVar[list[BindingType]] = [("a", "add", "Add"), ("b", "beg", "Beg")]
    able = True
    added = 0

    def compose(self) -> ComposeResult:
        yield KeysFooter(palette=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "add" and not self.able else True

    def action_add(self) -> None:
        self.added += 1


async def test_a_disabled_key_is_gray_and_cannot_be_clicked() -> None:
    app = Small()
    async with app.run_test() as pilot:
        assert await at(pilot, "a Add  b Beg ") == (1, 0)
        await pilot.click(KeysFooter, offset=(1, 0))
        await until(pilot, lambda: app.added == 1)
        able = looks(pilot, "Add")
        app.able = False
        app.refresh_bindings()
        await until(pilot, lambda: looks(pilot, "Add") != able)
        assert {dim for *_, dim in looks(pilot, "a Add")} == {True}
        assert looks(pilot, "Beg") == able
        await pilot.click(KeysFooter, offset=(1, 0))
        await pilot.pause()
        assert app.added == 1


async def test_the_palette_is_at_the_right() -> None:
    async with Small().run_test(size=(40, 10)) as pilot:
        await until(
            pilot, lambda: rows(pilot)[-1] == " a Add  b Beg".ljust(28) + "▏^p palette "
        )
        await pilot.click(KeysFooter, offset=await at(pilot, "palette"))
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)


async def test_it_keeps_its_keys_while_the_terminal_has_no_focus() -> None:
    async with session(playing(*training(1, 20))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        pilot.app.app_focus = False
        await settled(pilot)
        assert "space Pause" in rows(pilot)[-1]


class Other(Screen[None]):
    """Another screen with a footer."""

    def compose(self) -> ComposeResult:
        yield KeysFooter()


async def test_a_screen_opened_without_focus_has_its_keys() -> None:
    async with Small().run_test() as pilot:
        pilot.app.app_focus = False
        await pilot.app.push_screen(Other())
        await until(pilot, lambda: rows(pilot)[-1].startswith(" a Add  b Beg "))
