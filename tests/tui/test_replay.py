"""A recorded run on the session's screens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from scripted import (
    ScriptedLauncher,
    ScriptedSource,
    grokking,
    recorded_run,
    rows,
    run_screen,
    shown,
    status,
    timed,
    until,
)
from small_weights import snapshot_of
from textual.pilot import Pilot
from textual.widgets import Input

from grok_tui.protocol.events import Failed, Stopped
from grok_tui.runs.checkpoints import checkpoint_path, save
from grok_tui.sources.launcher import BranchRun, Run
from grok_tui.sources.player import Player
from grok_tui.sources.player import shown as state_shown
from grok_tui.sources.recording import Recording
from grok_tui.sources.replay import ReplaySource
from grok_tui.tui.app import SessionApp
from grok_tui.tui.keys.keymap import Entry
from grok_tui.tui.messages import Ending, FieldEdited
from grok_tui.tui.panes.parameters import Parameters
from grok_tui.tui.screens.dialogs import JumpDialog
from grok_tui.tui.screens.help import Help, HelpText
from grok_tui.tui.screens.replay import Replay
from grok_tui.tui.themes import load_themes
from grok_tui.view.state import SessionState

STOPPED = Stopped(1500, "completed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 60 steps per second."""
    folder = tmp_path_factory.mktemp("replay") / "run"
    return timed(recorded_run(folder, *grokking(), STOPPED), 60)


@asynccontextmanager
async def replay(
    folder: Path,
    step: int = 0,
    *,
    playing: bool = False,
    size: tuple[int, int] = (120, 36),
    kind: type[Recording] = Recording,
) -> AsyncIterator[tuple[Pilot[Ending], ScriptedLauncher]]:
    """A replay, paused at a step."""
    recording = kind.open(folder)
    player = Player(recording.timeline, recording.last, playing=playing).sought(step)
    first = Run(ReplaySource(recording, player), state_shown(recording, player), folder)
    launcher = ScriptedLauncher()
    app = SessionApp(first, launcher, load_themes()[0], "midnight")
    async with app.run_test(size=size) as pilot:
        yield pilot, launcher
        first.source.close(5)


class Broken(Recording):
    """A recording that cannot be shown from step 800 to step 899."""

    def state_at(self, step: int) -> SessionState:
        if 800 <= step < 900:
            raise IndexError("no such pair")
        return super().state_at(step)


def at(pilot: Pilot[Ending], step: int) -> bool:
    return f"step {step:,} / 1,500" in status(pilot)


def word(pilot: Pilot[Ending]) -> str:
    return run_screen(pilot).state.word


async def test_it_shows_the_step_it_starts_at(run: Path) -> None:
    async with replay(run, 700) as (pilot, _):
        await until(pilot, lambda: at(pilot, 700))
        assert isinstance(pilot.app.screen, Replay)
        assert word(pilot) == "PAUSED"
        assert "replay 1x" in status(pilot)
        assert "weight_decay 1.25" in status(pilot)  # after the edit at step 620
        assert run_screen(pilot).state.train_loss.length == 700


async def test_space_plays_and_pauses(run: Path) -> None:
    async with replay(run, 100) as (pilot, _):
        await pilot.press("space")
        await until(pilot, lambda: run_screen(pilot).state.step > 110)
        assert status(pilot).startswith(" PLAYING ")
        await pilot.press("space")
        await until(pilot, lambda: word(pilot) == "PAUSED")
        here = run_screen(pilot).state.step
        await pilot.press("s")
        await until(pilot, lambda: at(pilot, here + 1))


async def test_steps_forward_and_back(run: Path) -> None:
    async with replay(run, 640) as (pilot, _):
        for key, step in (("S", 740), ("a", 739), ("A", 639), ("a", 638), ("s", 639)):
            await pilot.press(key)
            await until(pilot, lambda step=step: at(pilot, step))
        assert "weight_decay 1.25" in status(pilot)
        await pilot.press("A")
        await until(pilot, lambda: at(pilot, 539))
        assert "weight_decay 1 " in status(pilot)  # before the edit
        assert not any(mark.kind == "edit" for mark in run_screen(pilot).state.marks)


async def test_the_phases_one_after_another(run: Path) -> None:
    async with replay(run) as (pilot, _):
        then, before = "full_stop", "comma"
        for key, step in ((then, 1290), (then, 1500), (before, 1290), (before, 0)):
            await pilot.press(key)
            await until(pilot, lambda step=step: at(pilot, step))


async def test_the_end_is_the_recorded_one_and_space_starts_over(run: Path) -> None:
    async with replay(run, 1500) as (pilot, _):
        await until(pilot, lambda: word(pilot) == "STOPPED")
        await pilot.press("space")
        await until(pilot, lambda: word(pilot) == "PLAYING")
        assert run_screen(pilot).state.step < 1500


async def test_the_speeds(run: Path) -> None:
    async with replay(run) as (pilot, _):
        faster, slower = "greater_than_sign", "less_than_sign"
        for key, speed in ((faster, "2x"), (faster, "4x"), (slower, "2x"), (slower, "1x")):
            await pilot.press(key)
            await until(pilot, lambda speed=speed: f"replay {speed}" in status(pilot))


async def test_jumping_to_a_number_or_to_a_phase(run: Path) -> None:
    async with replay(run) as (pilot, _):
        await pilot.press("j")
        await until(pilot, lambda: isinstance(pilot.app.screen, JumpDialog))
        assert "step 1290: GROKKED" in shown(pilot)
        await pilot.press(*"777", "enter")
        await until(pilot, lambda: at(pilot, 777))
        await pilot.press("j")
        await until(pilot, lambda: isinstance(pilot.app.screen, JumpDialog))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: at(pilot, 1290))
        await pilot.press("j")
        await until(pilot, lambda: isinstance(pilot.app.screen, JumpDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Replay))
        assert at(pilot, 1290)


async def test_a_recording_cannot_be_edited(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    async with replay(run, 300) as (pilot, _):
        await until(pilot, lambda: at(pilot, 300))
        await pilot.press("right_square_bracket", "z", "c", "r")
        await pilot.press("2")
        parameters = pilot.app.screen.query_one(Parameters)
        parameters.post_message(FieldEdited("lr", 0.1))
        await until(pilot, lambda: "a recording cannot be edited" in status(pilot))
        assert run_screen(pilot).state.pending == {}
        assert len(pilot.app.screen_stack) == 2
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


async def test_a_branch_starts_from_a_checkpoint_before_the_present_step(run: Path) -> None:
    async with replay(run, 600) as (pilot, launcher):
        await until(pilot, lambda: at(pilot, 600))
        await pilot.press("b")
        await until(pilot, lambda: "Branch from which checkpoint?" in shown(pilot))
        assert "step 500" in shown(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: launcher.asked)
        assert launcher.asked == [BranchRun(checkpoint_path(run / "checkpoints", 500))]
        await until(pilot, lambda: not isinstance(pilot.app.screen, Replay))
        assert isinstance(run_screen(pilot).run.source, ScriptedSource)


async def test_questions_are_answered_from_the_checkpoint_before(tmp_path: Path) -> None:
    run = recorded_run(tmp_path / "run", *grokking(600))
    save(checkpoint_path(run / "checkpoints", 500), snapshot_of(500))
    async with replay(run, 550) as (pilot, _):
        await pilot.press("0")
        await pilot.press("enter", *"3 5", "enter")
        await until(pilot, lambda: "3 + 5 =" in shown(pilot))
        assert "step 500; this pair is" in shown(pilot)


async def test_leaving_the_replay_of_a_failed_run_is_not_a_failure(tmp_path: Path) -> None:
    failed = Failed(600, "diverged: the train loss became nan at step 601", "diverged")
    run = recorded_run(tmp_path / "run", *grokking(600), failed)
    async with replay(run, 600) as (pilot, _):
        await until(pilot, lambda: word(pilot) == "FAILED")
        assert "diverged" in status(pilot)
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_value is not None)
        assert pilot.app.return_value == Ending(0)


async def test_help_lists_the_keys_of_a_replay(run: Path) -> None:
    async with replay(run, 700) as (pilot, _):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help))
        page = str(pilot.app.screen.query_one(HelpText).render())
        assert "space plays and pauses, > and < change the speed" in page
        table = [entry.what for entry in app_entries(pilot)]
        assert "Replay: jump to a step or a phase" in table
        assert not any("Weight decay" in what for what in table)


def app_entries(pilot: Pilot[Ending]) -> list[Entry]:
    app = pilot.app
    assert isinstance(app, SessionApp)
    return app.keys.entries(Replay.BINDINGS)


async def test_a_run_that_was_cut_off_ends_paused(tmp_path: Path) -> None:
    run = recorded_run(tmp_path / "run", *grokking(600))  # its newest line was not written yet
    async with replay(run, 600) as (pilot, _):
        await until(pilot, lambda: "step 599 / 599" in status(pilot))
        assert word(pilot) == "PAUSED"


async def test_where_it_cannot_go_on_it_says_so_and_pauses(run: Path) -> None:
    async with replay(run, 790, playing=True, kind=Broken) as (pilot, _):
        broke = "the replay broke: IndexError: no such pair"
        await until(pilot, lambda: broke in status(pilot))
        assert word(pilot) == "PAUSED"
        await pilot.press("S")
        await until(pilot, lambda: run_screen(pilot).state.step >= 900)


async def test_a_jump_asks_until_a_step_of_the_run_is_typed(run: Path) -> None:
    async with replay(run, 700) as (pilot, _):
        for typed in ("", "-", "+", "-5", "1501", "9" * 5000):
            await pilot.press("j")
            await until(pilot, lambda: isinstance(pilot.app.screen, JumpDialog))
            pilot.app.screen.query_one(Input).value = typed
            await pilot.press("enter")
            await until(pilot, lambda: "type a step from 0 to 1500" in shown(pilot))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, Replay))
            assert at(pilot, 700)


async def test_a_jump_takes_digits_however_many(run: Path) -> None:
    async with replay(run, 700) as (pilot, _):
        await pilot.press("j")
        await until(pilot, lambda: isinstance(pilot.app.screen, JumpDialog))
        await pilot.press(*["9"] * 40, "a", "minus", "enter")
        await until(pilot, lambda: "type a step from 0 to 1500" in shown(pilot))
        assert pilot.app.screen.query_one(Input).value == "9" * 40


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_it_fits_a_small_terminal(run: Path, size: tuple[int, int]) -> None:
    async with replay(run, 700, size=size) as (pilot, _):
        await until(pilot, lambda: at(pilot, 700))
        text = rows(pilot)
        assert len(text) == size[1]
        for part in ("space Pause", "step", "speed", "? Help", "q Quit"):
            assert part in text[-1], part
