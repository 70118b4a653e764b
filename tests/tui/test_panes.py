"""The panes: which are on screen, and moving between them."""

from __future__ import annotations

import pytest
from scripted import (
    SIZES,
    STARTED,
    ScriptedSource,
    grokking,
    playing,
    rows,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
    until,
)
from textual.pilot import Pilot

from grok_tui.protocol.commands import SetField, Undo
from grok_tui.protocol.events import CommandRejected, ConfigApplied, Warned
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.panes.layout import PANE_KEYS, PANES
from grok_tui.tui.panes.log import Log
from grok_tui.tui.widgets.pane_bar import PaneBar

WIDE, SMALL = (120, 36), (80, 24)


def on_screen(pilot: Pilot) -> list[str]:
    """The panes that are on the screen."""
    panes = [run_screen(pilot).query_one(pane) for pane in PANES]
    return [pane.TITLE for pane in panes if pane.region.area]


def focused(pilot: Pilot) -> str:
    (pane,) = (p for p in run_screen(pilot).query("Pane") if p.has_focus_within)
    return str(getattr(pane, "TITLE", ""))


@pytest.mark.parametrize("size", [WIDE, SMALL, (60, 16)])
@pytest.mark.parametrize("number", range(1, len(PANES) + 1))
async def test_a_key_shows_its_pane(size: tuple[int, int], number: int) -> None:
    title = PANES[number - 1].TITLE
    async with session(playing(*training(1, 30))).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(PANE_KEYS[number - 1])
        await settled(pilot)
        assert focused(pilot) == title
        if size != WIDE:
            assert on_screen(pilot) == [title]
        else:
            assert on_screen(pilot) == ["Charts", PANES[1].TITLE if number == 1 else title]
        assert run_screen(pilot).query_one(PaneBar).current == number - 1
        bar = next(row for row in rows(pilot) if " 1 " in row and " 2 " in row)
        named = {title, PANES[number - 1].SHORT or title} if size == WIDE else {title}
        assert any(f" {PANE_KEYS[number - 1]} {name} " in bar for name in named)


async def test_tab_goes_around_and_shift_tab_back() -> None:
    async with session(playing()).run_test(size=SMALL) as pilot:
        await settled(pilot)
        titles = [pane.TITLE for pane in PANES]
        for title in [*titles[1:], titles[0]]:
            await pilot.press("tab")
            assert focused(pilot) == title
        for title in [titles[-1], *reversed(titles[:-1])]:
            await pilot.press("shift+tab")
            assert focused(pilot) == title


async def test_e_goes_to_the_hyperparameters() -> None:
    async with session(playing()).run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("e")
        assert focused(pilot) == PANES[1].TITLE


async def test_the_mouse_chooses_a_pane_in_the_bar() -> None:
    async with session(playing()).run_test(size=SMALL) as pilot:
        await settled(pilot)
        bar = run_screen(pilot).query_one(PaneBar)
        line = rows(pilot)[bar.region.y]
        await pilot.click(PaneBar, offset=(line.index(" l ") + 1, 0))
        assert focused(pilot) == "Log"


async def test_the_sessions_keys_work_in_every_pane() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await settled(pilot)
        for key in PANE_KEYS:
            await pilot.press(key, "]")
            command = source.commands.pop()
            assert isinstance(command, SetField)
            assert command.field == "weight_decay"
            source.deliver(CommandRejected(0, "set", "no", "weight_decay"))
            await until(pilot, lambda: "pending" not in status(pilot))


async def test_only_what_is_on_screen_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    for pane in PANES:
        before = pane.show
        monkeypatch.setattr(
            pane,
            "show",
            lambda self, state, before=before: (drawn.append(self.TITLE), before(self, state)),
        )
    source = playing(*training(1, 30))
    async with session(source).run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("l")
        await settled(pilot)
        drawn.clear()
        source.deliver(Warned(30, "look"))
        await until(pilot, lambda: "look" in status(pilot))
        assert set(drawn) == {"Log"}


async def test_charts_and_panes_are_side_by_side_on_a_wide_screen() -> None:
    async with session(ScriptedSource(*grokking())).run_test(size=WIDE) as pilot:
        await settled(pilot)
        charts = run_screen(pilot).query_one(Charts).region
        panes = run_screen(pilot).query("#beside > Pane")
        (other,) = (pane.region for pane in panes if pane.region.area)
        assert charts.right == other.x
        assert charts.y == other.y
        await pilot.press("l")
        await pilot.resize_terminal(*SMALL)
        await settled(pilot)
        assert on_screen(pilot) == ["Log"]
        await pilot.resize_terminal(*WIDE)
        await settled(pilot)
        assert on_screen(pilot) == ["Charts", "Log"]


async def test_a_pane_chosen_by_mouse_stays_when_the_terminal_shrinks() -> None:
    async with session(ScriptedSource(*grokking())).run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("l")
        await pilot.click("#accuracy")
        await pilot.resize_terminal(*SMALL)
        await settled(pilot)
        assert on_screen(pilot) == ["Charts"]
        assert focused(pilot) == "Charts"


@pytest.mark.parametrize("size", [(59, 24), (80, 15), (20, 5)])
async def test_a_terminal_too_small_says_so_and_training_continues(
    size: tuple[int, int],
) -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=size) as pilot:
        await settled(pilot)
        text = shown(pilot)
        assert f"{size[0]} x {size[1]} is too" in " ".join(text.split())
        assert "loss" not in text
        await pilot.press("]")
        assert isinstance(source.commands[-1], SetField)
        await pilot.resize_terminal(60, 16)
        await settled(pilot)
        assert "is too small" not in shown(pilot)
        assert "RUNNING" in shown(pilot)
        assert focused(pilot) == "Charts"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", range(1, len(PANES) + 1))
async def test_no_pane_reaches_beyond_the_screen(size: tuple[int, int], number: int) -> None:
    async with session(ScriptedSource(*grokking())).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(str(number))
        await settled(pilot)
        for pane in run_screen(pilot).query("Pane"):
            assert pane.region.right <= size[0]
            assert pane.region.bottom <= size[1] - 1
        assert len(rows(pilot)) == size[1]
        assert "Quit" in rows(pilot)[-1]


# --- undo and the log -------------------------------------------------------------------


async def test_z_requests_an_undo_and_its_mark_is_drawn() -> None:
    source = playing(*training(1, 100), ConfigApplied(60, "lr", 1e-3, 2e-3))
    async with session(source).run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("z")
        assert source.commands == [Undo()]
        source.deliver(ConfigApplied(100, "lr", 2e-3, 1e-3, undo=True))
        await until(pilot, lambda: "lr 0.001 " in status(pilot))
        await pilot.press("l")
        await settled(pilot)
        assert "undid: lr 0.002 → 0.001" in shown(pilot)
        assert [mark.step for mark in run_screen(pilot).state.marks] == [60, 100]


def logged(pilot: Pilot) -> str:
    """The text of the log."""
    top = run_screen(pilot).query_one(Log).region.y
    return "\n".join(rows(pilot)[top:])


async def test_the_log_lists_events_and_scrolls() -> None:
    source = playing(*(Warned(step, f"warning number {step}") for step in range(100)))
    async with session(source).run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("l")
        await settled(pilot)
        assert "warning number 99" in logged(pilot)
        assert "warning number 20" not in logged(pilot)
        await pilot.press("up")
        await settled(pilot)
        assert "warning number 99" not in logged(pilot)
        await pilot.press("home")
        await settled(pilot)
        assert "compiled in 12.5 s on CPU: 3830 train pairs" in shown(pilot)
        source.deliver(Warned(100, "one more"))  # does not scroll the reader away
        await until(pilot, lambda: "one more" in status(pilot))
        assert "3830 train pairs" in shown(pilot)
        await pilot.press("pagedown", "pageup")
        await settled(pilot)
        assert "3830 train pairs" in shown(pilot)
        await pilot.press("end")
        await settled(pilot)
        assert "one more" in logged(pilot)
        assert isinstance(pilot.app.focused, Log)


async def test_the_log_has_every_kind_of_event() -> None:
    source = ScriptedSource(STARTED, *list(grokking())[1:], CommandRejected(1500, "set", "no"))
    async with session(source).run_test(size=(160, 48)) as pilot:
        await settled(pilot)
        await pilot.press("l")
        await settled(pilot)
        text = shown(pilot)
        for words in (
            "compiled in",
            "MEMORIZING: the train",
            "weight_decay 1 → 1.25",
            "GROKKED",
        ):
            assert words in text
        assert "set: no" in text
