"""Restart, branch, ghost, and continuing after a failure: the questions and their effects."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted import (
    CONFIG,
    STOPPED,
    ScriptedLauncher,
    grokking,
    playing,
    recorded_run,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
    until,
)
from textual.pilot import Pilot
from textual.widgets import Label

from grok_tui.protocol.commands import Pause, Stop
from grok_tui.protocol.events import Compiling, Failed
from grok_tui.sources.launcher import BranchRun, NewRun, ResumeRun, Run
from grok_tui.text import UserError
from grok_tui.tui.messages import FieldEdited
from grok_tui.tui.screens.dialogs import Question

DEAD = Failed(30, "the trainer was killed by SIGKILL")
DIVERGED = Failed(
    505,
    "diverged: the train loss became nan at step 505; the last good checkpoint is at step 500;"
    " try a lower lr than 10",
    "diverged",
)


@pytest.fixture
def launcher() -> ScriptedLauncher:
    return ScriptedLauncher()


async def asked(pilot: Pilot) -> str:
    """The text of the question on the screen, once there is one."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Question))
    await pilot.pause()
    return shown(pilot)


async def test_restart_starts_a_new_run_and_saves_the_old_one(
    launcher: ScriptedLauncher,
) -> None:
    source = playing(*training(1, 30))
    app = session(source, launcher=launcher)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        before = run_screen(pilot)
        before.post_message(FieldEdited("n_heads", 8))
        before.post_message(FieldEdited("modulus", 97))
        await pilot.press("r")
        text = await asked(pilot)
        assert "n_heads 4 → 8" in text
        assert "modulus 113 → 97" in text
        await pilot.press("enter")
        await until(pilot, lambda: run_screen(pilot) is not before)
        await until(pilot, lambda: source.closed)
        assert launcher.asked == [NewRun(CONFIG.changed(n_heads=8, modulus=97))]
        assert status(pilot).startswith(" COMPILING ")
        launcher.sources[0].deliver(Compiling("compiling the new run", 0, 2))
        await until(pilot, lambda: "compiling the new run" in status(pilot))


async def test_a_canceled_restart_changes_nothing(launcher: ScriptedLauncher) -> None:
    app = session(playing(*training(1, 30)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        before = run_screen(pilot)
        for keys in (["escape"], ["down", "enter"]):
            await pilot.press("r")
            assert "With the settings of this one" in await asked(pilot)
            await pilot.press(*keys)
            await until(pilot, lambda: pilot.app.screen is before)
        assert launcher.asked == []


async def test_a_planned_change_can_be_taken_back() -> None:
    app = session(playing(*training(1, 30)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        run_screen(pilot).post_message(FieldEdited("n_heads", 8))
        run_screen(pilot).post_message(FieldEdited("n_heads", 4))
        await pilot.press("r")
        assert "n_heads" not in await asked(pilot)


async def test_if_a_run_cannot_be_made_the_present_one_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: ScriptedLauncher, request: object) -> Run:
        raise UserError("there is no room")

    monkeypatch.setattr(ScriptedLauncher, "launch", refuse)
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        before = run_screen(pilot)
        await pilot.press("r")
        await asked(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "there is no room" in status(pilot))
        assert run_screen(pilot) is before
        assert not source.closed


async def test_a_branch_starts_from_the_checkpoint_chosen(
    tmp_path: Path, launcher: ScriptedLauncher
) -> None:
    folder = recorded_run(tmp_path / "run", *grokking(600))
    source = playing(*training(1, 30))
    app = session(source, folder=folder, launcher=launcher)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("b")
        text = await asked(pilot)
        assert text.index("step 500") < text.index("step 0")
        await pilot.press("down", "enter")
        await until(pilot, lambda: launcher.asked)
        checkpoint = folder / "checkpoints" / "step-00000000.safetensors"
        assert launcher.asked == [BranchRun(checkpoint)]
        await until(pilot, lambda: source.closed)
        (branched,) = launcher.sources
        await until(pilot, lambda: branched.commands == [Pause()])
        await until(pilot, lambda: "ghost: run" in status(pilot))


@pytest.mark.parametrize(
    ("folder", "words"), [(None, "not saved (--no-save)"), ("empty", "c saves one")]
)
async def test_without_a_checkpoint_there_is_no_branch(
    tmp_path: Path, folder: str | None, words: str
) -> None:
    app = session(playing(), folder=tmp_path / folder if folder else None)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("b")
        await until(pilot, lambda: words in status(pilot))


@pytest.mark.parametrize(("failed", "paused"), [(DEAD, False), (DIVERGED, True)])
async def test_after_a_failure_the_session_offers_to_continue(
    tmp_path: Path, failed: Failed, paused: bool, launcher: ScriptedLauncher
) -> None:
    folder = recorded_run(tmp_path / "run")
    source = playing(*training(1, 30))
    app = session(source, folder=folder, launcher=launcher)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        source.deliver(failed)
        text = await asked(pilot)
        question = pilot.app.screen.query_one(Label)
        assert str(question.content) == f"The run has failed: {failed.reason}"
        assert "Continue from step 500" in text
        await pilot.press("enter")
        await until(pilot, lambda: launcher.asked)
        assert launcher.asked == [ResumeRun(folder, paused)]
        await until(pilot, lambda: status(pilot).startswith(" COMPILING "))


async def test_a_failed_run_may_be_left_as_it_is(
    tmp_path: Path, launcher: ScriptedLauncher
) -> None:
    source = playing(*training(1, 30), DEAD)
    app = session(source, folder=recorded_run(tmp_path / "run"), launcher=launcher)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is run_screen(pilot))
        assert status(pilot).startswith(" FAILED ")
        assert launcher.asked == []


async def test_a_failure_without_a_checkpoint_is_only_shown() -> None:
    source = playing(*training(1, 30), DEAD)
    async with session(source).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "killed by SIGKILL" in status(pilot)
        assert pilot.app.screen is run_screen(pilot)


async def test_a_ghost_is_chosen_among_the_other_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = recorded_run(Path("runs/own"), *grokking(100))
    recorded_run(Path("runs/other"), *grokking())
    async with session(playing(*training(1, 30)), folder=own).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("g")
        text = await asked(pilot)
        assert "other" in text
        assert "own" not in text
        await pilot.press("enter")
        await until(pilot, lambda: "ghost: other" in status(pilot))


async def test_without_another_run_there_is_no_ghost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with session(playing()).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("g")
        await until(pilot, lambda: "no other recorded run" in status(pilot))


async def test_a_damaged_ghost_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = recorded_run(Path("runs/other"), *grokking(100))
    (other / "metrics.jsonl").write_text("nonsense\n")
    async with session(playing()).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("g")
        await asked(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "is damaged in line 1" in status(pilot))


async def test_a_run_that_has_ended_can_be_started_again(launcher: ScriptedLauncher) -> None:
    source = playing(*training(1, 30), STOPPED)
    app = session(source, launcher=launcher)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("r")
        await asked(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: launcher.asked == [NewRun(CONFIG)])
        assert Stop not in [type(command) for command in source.commands]
