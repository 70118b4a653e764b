"""The hyperparameter form: refused values, explanations, and choices."""

from __future__ import annotations

import pytest
from hyperparameters import SMALL, SMALLEST, WIDE, choose, line, lines, text, write
from scripted import (
    STOPPED,
    playing,
    run_screen,
    session,
    settled,
    shown,
    status,
    strips,
    training,
    until,
)
from textual.color import Color

from grok_tui.protocol.commands import SetField
from grok_tui.protocol.events import Event, Failed
from grok_tui.tui.themes import load_themes

# --- invalid values -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "name", "value", "problem"),
    [
        (WIDE, "lr", "abc", "lr must be a number (got 'abc')"),
        (SMALL, "lr", "20", "lr must be above 0 and at most 10 (got 20.0)"),
        (SMALLEST, "modulus", "112", "modulus must be odd, so that each frequency"),
        (SMALL, "n_heads", "5", "n_heads must divide d_model, 128 (got 5)"),
        (
            SMALL,
            "keep",
            "last",
            "keep must list all, first, last N, every M or phases (got 'last')",
        ),
    ],
)
async def test_an_invalid_value_is_explained_below_it_and_changes_nothing(
    size: tuple[int, int], name: str, value: str, problem: str
) -> None:
    source = playing()
    async with session(source).run_test(size=size) as pilot:
        await choose(pilot, name)
        await write(pilot, value)
        for _ in range(2):  # while typing, and after enter
            await settled(pilot)
            screen = lines(pilot)
            at = next(i for i, t in enumerate(screen) if t.startswith("▸"))
            assert " ".join(screen[at + 1 : at + 4]).startswith(problem)
            await pilot.press("enter")
            await settled(pilot)
            assert text(pilot) == value
        assert source.commands == []
        assert run_screen(pilot).state.planned == {}
        await pilot.press(*["backspace"] * len(value), "7")
        await pilot.pause()
        assert problem not in shown(pilot)


async def test_explanations_have_the_error_color_of_every_theme() -> None:
    async with session(playing()).run_test(size=WIDE) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "abc")
        for theme in load_themes()[0]:
            pilot.app.theme = theme
            await pilot.pause()
            (segment,) = (
                segment
                for strip in strips(pilot)
                for segment in strip
                if "must be a number" in segment.text
            )
            assert segment.style is not None
            error = Color.parse(pilot.app.theme_variables["error"])
            assert segment.style.color == error.rich_color


# --- choices --------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "key"), [(WIDE, "left"), (SMALL, "right")])
async def test_left_and_right_choose(size: tuple[int, int], key: str) -> None:
    source = playing()
    async with session(source).run_test(size=size) as pilot:
        await choose(pilot, "stop_when")
        await pilot.press(key)
        await settled(pilot)
        assert source.commands == [SetField("stop_when", "grokked")]
        assert line(pilot, "stop_when") == "▸ stop_when never → grokked pending"


async def test_a_typed_choice_is_checked_after_enter() -> None:
    source = playing()
    async with session(source).run_test(size=WIDE) as pilot:
        await choose(pilot, "operation")
        await pilot.press("enter", "right", "right", "left", "left", "left")
        assert text(pilot) == "random"
        assert run_screen(pilot).state.planned == {}
        await pilot.press("enter")
        await settled(pilot)
        assert run_screen(pilot).state.planned == {"operation": "random"}
        assert line(pilot, "operation") == "▸ operation add → random new run: r starts it"


async def test_an_invalid_choice_is_explained_and_can_be_skipped() -> None:
    async with session(playing()).run_test(size=SMALL) as pilot:
        await choose(pilot, "modulus")
        await write(pilot, "15")
        await pilot.press("enter", "up", "right", "right", "right")
        await settled(pilot)
        assert text(pilot) == "divide"
        assert "divide needs a prime modulus" in shown(pilot)
        assert run_screen(pilot).state.planned["operation"] == "multiply"
        await pilot.press("right", "enter")
        await settled(pilot)
        assert run_screen(pilot).state.planned["operation"] == "x2+y2"


async def test_left_and_right_leave_numbers_alone() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await pilot.press("left", "right")
        await settled(pilot)
        assert text(pilot) is None
        assert source.commands == []


# --- the end --------------------------------------------------------------------------


@pytest.mark.parametrize("end", [STOPPED, Failed(20, "the loss is not a number")])
async def test_an_ended_run_explains_that_no_live_edit_is_possible(
    end: Event,
) -> None:
    source = playing(*training(1, 20), end)
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "stop_when")
        assert "the run has ended; r starts a new one" in lines(pilot)
        await pilot.press("enter", "right", "left")
        assert text(pilot) is None
        await choose(pilot, "n_heads")
        await write(pilot, "8")
        await pilot.press("enter")
        await settled(pilot)
        assert run_screen(pilot).state.planned == {"n_heads": 8}
        assert source.commands == []


async def test_a_run_that_ends_during_typing_accepts_no_edit() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "2")
        source.deliver(STOPPED)
        await until(pilot, lambda: "STOPPED" in status(pilot))
        await pilot.press("enter")
        await settled(pilot)
        assert text(pilot) == "2"
        assert lines(pilot).count("the run has ended; r starts a new one") == 2
        assert source.commands == []
