"""Dialogs over dialogs: any of them, in any order, and keys that arrive too fast."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from scripted import (
    ScriptedLauncher,
    playing,
    recorded_run,
    run_screen,
    session,
    settled,
    shown,
    training,
    until,
)
from textual.command import CommandPalette

from grok_tui.protocol.commands import Stop
from grok_tui.protocol.events import Failed
from grok_tui.sources.launcher import ResumeRun
from grok_tui.tui.screens.dialogs import Question
from grok_tui.tui.screens.help import Help

# All that opens and closes dialogs without ending the session.
KEYS = ["ctrl+p", "question_mark", "r", "b", "g", "escape", "down", "t"]
DIES = "the trainer dies"
DEAD = Failed(30, "the trainer was killed by SIGKILL")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with checkpoints."""
    return recorded_run(tmp_path_factory.mktemp("dialogs") / "run", *training(1, 30))


@pytest.mark.parametrize("first", ["ctrl+p", "question_mark", "q", "r"])
async def test_a_question_takes_the_place_of_any_dialog(folder: Path, first: str) -> None:
    source, launcher = playing(*training(1, 30)), ScriptedLauncher()
    async with session(source, folder=folder, launcher=launcher).run_test() as pilot:
        await settled(pilot)
        await pilot.press(first)
        before = run_screen(pilot)
        await until(pilot, lambda: pilot.app.screen is not before)
        source.deliver(DEAD)
        await until(pilot, lambda: "The run has failed" in shown(pilot))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: run_screen(pilot) is not before)
        assert launcher.asked == [ResumeRun(folder, paused=False)]
        await until(pilot, lambda: pilot.app.screen is run_screen(pilot))


async def test_ctrl_q_pressed_twice_saves_whatever_dialog_was_open() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test() as pilot:
        await settled(pilot)
        await pilot.press("question_mark", "ctrl+p", "ctrl+q", "ctrl+q")
        await until(pilot, lambda: Stop("quit") in source.commands)


async def test_enter_pressed_twice_in_the_picker_starts_one_run() -> None:
    launcher = ScriptedLauncher()
    async with session(None, launcher=launcher).run_test() as pilot:
        await pilot.pause()
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: run_screen(pilot) is pilot.app.screen)
        assert launcher.asked == ["quick"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_dialogs_in_any_order_leave_one_main_screen(folder: Path, seed: int) -> None:
    source, launcher = playing(*training(1, 30)), ScriptedLauncher()
    keys = random.Random(seed).choices([*KEYS, DIES], k=24)
    async with session(source, folder=folder, launcher=launcher).run_test() as pilot:
        await settled(pilot)
        for key in keys:
            if key == DIES:
                (source, *launcher.sources)[-1].deliver(DEAD)
            else:
                await pilot.press(key)
            await pilot.pause()
        for _ in range(5):  # more dialogs than are ever open
            await pilot.press("escape")
            await pilot.pause()
        assert pilot.app.screen_stack[1:] == [run_screen(pilot)]
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help))
