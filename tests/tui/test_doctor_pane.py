"""The Doctor pane: its verdicts on the run, and the effect of its fix."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from scripted import (
    CONFIG,
    STARTED,
    STOPPED,
    ScriptedLauncher,
    ScriptedSource,
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

from grok_tui.protocol.commands import SetField
from grok_tui.protocol.events import ConfigApplied, Event, Failed
from grok_tui.sources.launcher import Run
from grok_tui.sources.player import Player
from grok_tui.sources.player import shown as state_shown
from grok_tui.sources.recording import Recording
from grok_tui.sources.replay import ReplaySource
from grok_tui.tui.app import SessionApp
from grok_tui.tui.panes import doctor
from grok_tui.tui.panes.doctor import Doctor
from grok_tui.tui.screens.dialogs import Question
from grok_tui.tui.screens.replay import Replay
from grok_tui.tui.themes import load_themes
from grok_tui.view.state import SessionState

SIZE = (80, 24)


def ill(*events: Event, **fields: object) -> ScriptedSource:
    """A run with another config."""
    config = {**CONFIG.changed(steps=25_000).model_dump(mode="json"), **fields}
    return ScriptedSource(replace(STARTED, config=config), *events)


def principal(pilot: Pilot) -> str:
    verdicts = run_screen(pilot).query_one(Doctor).verdicts
    return verdicts[0].id if verdicts else ""


async def examined(pilot: Pilot) -> None:
    """Open the pane and wait for its first verdict."""
    await settled(pilot)
    await pilot.press("d")
    await until(pilot, lambda: principal(pilot))
    await pilot.pause()


@pytest.mark.parametrize("size", [SIZE, (120, 36), (60, 16)])
async def test_verdict_evidence_and_fix_are_on_the_screen(size: tuple[int, int]) -> None:
    source = ill(*training(1, 900), weight_decay=0.0)
    async with session(source).run_test(size=size) as pilot:
        await examined(pilot)
        text = " ".join(shown(pilot).replace("│", " ").split())
        assert "weight-decay-too-low 9" in text
        assert "weight_decay 0" in text
        assert "Fix: weight_decay 3 (enter: from the next step on)" in text


async def test_enter_applies_a_live_fix_at_once_and_z_undoes_it() -> None:
    source = ill(*training(1, 900), weight_decay=0.0)
    async with session(source).run_test(size=SIZE) as pilot:
        await examined(pilot)
        await pilot.press("enter")
        assert source.commands == [SetField("weight_decay", 3.0)]
        await until(pilot, lambda: "(pending)" in shown(pilot))
        source.deliver(ConfigApplied(900, "weight_decay", 0.0, 3.0))
        await until(pilot, lambda: principal(pilot) == "memorizing")


async def test_enter_plans_a_fix_that_needs_a_new_run_and_r_starts_it() -> None:
    source = ill(*training(1, 900), operation="random")
    app = session(source)
    async with app.run_test(size=SIZE) as pilot:
        await examined(pilot)
        assert principal(pilot) == "not-learnable"
        await pilot.press("enter")
        await until(pilot, lambda: "r starts a new run with operation add" in status(pilot))
        await until(pilot, lambda: "(planned: r starts" in shown(pilot))
        assert source.commands == []
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert "operation random → add" in shown(pilot)


async def test_an_ended_run_plans_a_live_fix_for_the_next_run() -> None:
    app = session(ScriptedSource(*grokking(900), STOPPED))
    async with app.run_test(size=SIZE) as pilot:
        await examined(pilot)
        assert principal(pilot) == "too-few-steps"
        await pilot.press("enter")
        await until(pilot, lambda: "r starts a new run with steps" in status(pilot))
        assert set(run_screen(pilot).state.planned) == {"steps"}


async def test_enter_shows_the_advice_of_a_fix_without_changes() -> None:
    source = ScriptedSource(*grokking())
    async with session(source).run_test(size=SIZE) as pilot:
        await examined(pilot)
        assert principal(pilot) == "grokked"
        await pilot.press("enter")
        await until(pilot, lambda: "there is nothing to set" in status(pilot))
        assert source.commands == []


async def test_a_divergence_is_diagnosed() -> None:
    source = ill(*training(1, 40))
    async with session(source).run_test(size=SIZE) as pilot:
        await examined(pilot)
        assert principal(pilot) == "memorizing"
        source.deliver(Failed(41, "diverged: the train loss became nan at step 41", "diverged"))
        await until(pilot, lambda: principal(pilot) == "diverged")


async def test_a_run_is_examined_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    diagnose = doctor.diagnose
    monkeypatch.setattr(
        doctor, "diagnose", lambda case: times.append(monotonic()) or diagnose(case)
    )
    source = ill(*training(1, 40))
    async with session(source).run_test(size=SIZE) as pilot:
        await examined(pilot)
        steps = itertools.count(50, 10)

        def twice() -> bool:
            for event in training((step := next(steps)) - 9, step):
                source.deliver(event)
            return len(times) == 3

        await until(pilot, twice)
        assert all(b - a >= 0.99 * doctor.EXAMINE_SECONDS for a, b in itertools.pairwise(times))
        source.deliver(STOPPED)
        await settled(pilot)
        await until(pilot, lambda: len(times) == 4)  # after the last event, and not again
        run_screen(pilot).query_one(Doctor).show(run_screen(pilot).state)
        assert len(times) == 4


async def test_new_numbers_are_examined_at_any_address_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python reuses the memory of old objects, so an address does not identify one."""
    examined: list[object] = []
    monkeypatch.setattr(doctor, "diagnose", lambda case: examined.append(case) or [])
    async with session(playing(*training(1, 20))).run_test(size=SIZE) as pilot:
        await settled(pilot)
        state, pane = run_screen(pilot).state, run_screen(pilot).query_one(Doctor)
        examined.clear()

        def another() -> SessionState:
            return replace(state, metrics=replace(state.metrics, lr=0.5))

        old = another()
        address = id(old.metrics)
        pane.show(old, now=True)
        pane.show(state)
        del old
        beside = [another() for _ in range(10_000)]  # all of them keep their memory
        there = [new for new in beside if id(new.metrics) == address]
        pane.show(there[0] if there else beside[0], now=True)
        assert len(examined) == 2


async def test_a_replay_only_shows_the_fix(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "run", *grokking(900))
    recording = Recording.open(folder)
    player = Player(recording.timeline, recording.last, playing=False).sought(900)
    run = Run(ReplaySource(recording, player), state_shown(recording, player), folder)
    app = SessionApp(run, ScriptedLauncher(), load_themes()[0], "midnight")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Replay))
        await pilot.press("d")
        await until(pilot, lambda: principal(pilot) == "too-few-steps")
        await pilot.press("enter")
        await until(pilot, lambda: "a recording cannot be edited" in status(pilot))
        assert run_screen(pilot).state.planned == {}
        assert "enter:" not in shown(pilot)
