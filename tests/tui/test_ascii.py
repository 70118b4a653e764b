"""The session in ASCII: every screen, and the replacement of characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from scripted import SIZES, ScriptedSource, grokking, rows, session, settled, shown, until
from textual.command import CommandPalette
from textual.widgets import OptionList

from grok_tui.cli import train
from grok_tui.protocol.events import ConfigApplied
from grok_tui.tui.app import SessionApp
from grok_tui.tui.ascii_only import ascii_text, spelled
from grok_tui.tui.panes.layout import PANE_KEYS
from grok_tui.tui.screens.dialogs import QuitDialog
from grok_tui.tui.screens.help import Help
from grok_tui.tui.screens.picker import PresetPicker


def in_ascii(app: SessionApp) -> SessionApp:
    app.ascii = True
    return app


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("╭─┬─╮", "+-+-+"),
        ("│ ┊ ┃", "| | |"),
        ("╰═┼╌╯", "+-+-+"),
        ("← → ↑ ↓", "< > ^ v"),
        ("⠁⠉⠋⣿⠀", "..:: "),
        ("▗▄▞▀▌▐▛█", "#######@"),
        ("▁▂▃▄▅▆▇█", "_:+#%&8@"),
        ("▊▎▕▔", "|||-"),
        ("wait… • ± é ²", "wait. * + e 2"),
        ("🔎 中 π", "/  ?? ?"),
        ("plain text", "plain text"),
    ],
)
def test_characters_become_similar_ones(text: str, alike: str) -> None:
    assert ascii_text(text) == alike


@given(st.text())
def test_any_text_becomes_ascii_of_its_width(text: str) -> None:
    printed = "".join(character for character in text if character.isprintable())
    assert ascii_text(printed).isascii()
    assert len(ascii_text(printed)) == sum(map(cell_len, printed))


def test_all_heights_of_a_bar_look_different() -> None:
    assert len(set(ascii_text(" ▁▂▃▄▅▆▇█"))) == 9


def test_names_of_keys_are_not_other_keys() -> None:
    assert spelled("shift+← ↓ v") == "shift+left down v"


def test_the_flag() -> None:
    assert train.parse("", ["--ascii"]).ascii is True
    assert train.parse("", []).ascii is False


@pytest.mark.parametrize("size", [(120, 36), (60, 16)])
async def test_every_pane_is_ascii(size: tuple[int, int]) -> None:
    source = ScriptedSource(*grokking(), ConfigApplied(1400, "lr", 1e-3, 2e-3))
    app = in_ascii(session(source))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in PANE_KEYS:
            await pilot.press(key)
            await pilot.pause()
            assert shown(pilot).isascii()
            assert "?" not in "".join(rows(pilot)[4:-1])


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_train_and_test_look_different(size: tuple[int, int]) -> None:
    async with in_ascii(session(ScriptedSource(*grokking()))).run_test(size=size) as pilot:
        await settled(pilot)
        frame = next(row for row in rows(pilot) if " loss " in row)
        assert "... train" in frame
        assert "### test" in frame
        assert sum("..." in row for row in rows(pilot)) > 3
        assert sum("##" in row for row in rows(pilot)) > 3


async def test_without_it_the_screen_is_not_ascii() -> None:
    async with session(ScriptedSource(*grokking())).run_test() as pilot:
        await settled(pilot)
        assert not shown(pilot).isascii()


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 16)])
@pytest.mark.parametrize(
    ("key", "screen"), [("?", Help), ("q", QuitDialog), ("ctrl+p", CommandPalette)]
)
async def test_every_dialog_is_ascii(key: str, screen: type, size: tuple[int, int]) -> None:
    async with in_ascii(session(ScriptedSource(*grokking()))).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, screen))
        await until(pilot, lambda: "arrows scroll" in shown(pilot) or screen is not Help)
        if screen is CommandPalette:
            await until(pilot, lambda: "key: " in shown(pilot))
        assert shown(pilot).isascii()


@pytest.mark.parametrize("size", SIZES)
async def test_the_picker_is_ascii(size: tuple[int, int]) -> None:
    app = in_ascii(session(None))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetPicker))
        await until(pilot, lambda: "grok" in shown(pilot))
        assert pilot.app.screen.query_one(OptionList).option_count
        assert shown(pilot).isascii()
