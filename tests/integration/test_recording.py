"""A replay shows what the session showed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import Recording as Live
from small_runs import on, record, small

from grok_tui.protocol.commands import Pause, Resume, SetField, Stop, Undo
from grok_tui.protocol.events import Analyzed, CheckpointSaved, Compiling, Evaluated, Paused
from grok_tui.sources.recording import Recording
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState, reduce

CONFIG = small(steps=200, eval_every=10, analyze_every=20, checkpoint_every=30)
# Missing in a recording: how long things took.
TIMES = {"speed"}
# Missing from the trainer's start: the stages of compiling.
START = {"stage", "stage_done", "stage_total", "log"}


@pytest.fixture(scope="module")
def run(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Live]:
    """A run with edits, a pause, an undo and an end, recorded and kept in memory."""
    folder = tmp_path_factory.mktemp("recording") / "run"
    live = record(
        CONFIG,
        folder,
        (on(Analyzed, 20), [SetField("lr", 1e-3), Pause()]),
        (on(Paused), [Resume()]),
        (on(CheckpointSaved, 60), [SetField("weight_decay", 2.0)]),
        (on(Evaluated, 110), [Undo()]),
        (on(Evaluated, 170), [Stop("enough")]),
    )
    return folder, live


def live_state(live: Live, step: int) -> SessionState:
    """The state of a session after all events of the steps up to `step`."""
    start = SessionState(CONFIG.model_dump(mode="json"))
    past = [e for e in live.events if isinstance(e, Compiling) or e.step <= step]
    return functools.reduce(reduce, past, start)


def parts(value: Any) -> Mapping[str, Any]:
    """The parts of a value, by name."""
    if isinstance(value, Series):
        return {"steps": value.steps, "values": value.values}
    if isinstance(value, np.ndarray):
        return {str(i): item for i, item in enumerate(value.tolist())}
    if isinstance(value, tuple | list):
        return {str(i): item for i, item in enumerate(value)}
    if is_dataclass(value):
        names = {field.name for field in fields(value)} - TIMES - START
        return {name: getattr(value, name) for name in names}
    return value if isinstance(value, Mapping) else {}


def content(value: Any, name: str = "") -> dict[str, Any]:
    """Every number and text in a state, by its path."""
    inside = parts(value)
    if not inside:
        return {name: str(value) if isinstance(value, tuple | list | dict) else value}
    found: dict[str, Any] = {}
    for part, item in inside.items():
        found |= content(item, f"{name}.{part}")
    # A line has the train loss from before its step, an evaluation from after it.
    found.pop(".metrics.train_loss", None)
    return found


def same(found: SessionState, expected: SessionState) -> None:
    """Check that two states are equal; a recording keeps nine digits of a number."""
    assert content(found) == pytest.approx(content(expected), rel=1e-8, abs=0)


@pytest.mark.parametrize("step", [20, 40, 60, 100, 120, 160])
def test_the_state_after_a_step_equals_that_of_the_live_session(
    run: tuple[Path, Live], step: int
) -> None:
    """Reached from the start, and back from a later step."""
    folder, live = run
    recording = Recording.open(folder)
    expected = live_state(live, step)
    same(recording.state_at(step), expected)
    recording.state_at(recording.last)
    back = recording.state_at(step)
    same(back, expected)
    told = [line.text for line in expected.log if line.kind != "compiling"]
    assert [line.text for line in back.log] == told


def test_the_end_equals_that_of_the_live_session(run: tuple[Path, Live]) -> None:
    folder, live = run
    recording = Recording.open(folder)
    assert recording.last == 170
    end = recording.state_at(170)
    assert (end.word, end.message) == ("STOPPED", "stopped: enough")
    assert end.pairs_step == 160  # the newest evaluation at an analyzed step
    assert end.train_loss.length == live_state(live, 170).train_loss.length == 170


def test_between_evaluations_every_step_is_shown(run: tuple[Path, Live]) -> None:
    recording = Recording.open(run[0])
    losses = run[1].losses()
    for step in (57, 58, 3, 0, 169):
        state = recording.state_at(step)
        assert state.step == step
        assert state.train_loss.values.tolist() == losses[:step].astype(float).tolist()
        assert state.test_loss.length == step // 10


def test_the_phases_are_at_their_steps(run: tuple[Path, Live]) -> None:
    folder, live = run
    marks = [mark for mark in live_state(live, 170).marks if mark.kind == "phase"]
    assert list(Recording.open(folder).phases) == marks
