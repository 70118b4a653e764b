"""A run read from its directory equals the run as it happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import Recording, go_on, on, record, small

from grok_tui.protocol.commands import Pause, Resume, SetField, Stop, Undo
from grok_tui.protocol.events import (
    Analyzed,
    CheckpointSaved,
    Compiling,
    Evaluated,
    Event,
    Losses,
    Paused,
    Started,
    Stopped,
)
from grok_tui.protocol.results import AnalysisArrays
from grok_tui.runs.reader import recorded
from grok_tui.sources.recording import recorded_state
from grok_tui.text import UserError
from grok_tui.view.state import SessionState, reduce

CONFIG = small(steps=60, eval_every=10, analyze_every=15, checkpoint_every=20)


@pytest.fixture(scope="module")
def run(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recording]:
    """A run with edits, a pause and an undo, recorded and kept in memory."""
    folder = tmp_path_factory.mktemp("reader") / "run"
    live = record(
        CONFIG,
        folder,
        (on(Evaluated, 10), [SetField("lr", 1e-3), Pause()]),
        (on(Paused), [Resume()]),
        (on(Evaluated, 30), [SetField("weight_decay", 2.0), Undo()]),
        (on(Evaluated, 50), [Stop("enough")]),
    )
    return folder, live


def series(state: SessionState) -> dict[str, tuple[list[float], list[float]]]:
    names = ("train_loss", "test_loss", "train_acc", "test_acc")
    lines = {name: getattr(state, name) for name in names}
    return {name: (x.steps.tolist(), x.values.tolist()) for name, x in lines.items()}


def without_times(event: Event) -> Event:
    """An event without the times that a recording lacks."""
    match event:
        case Losses():
            return replace(event, seconds=0.0)
        case Evaluated():
            return replace(event, seconds=0.0, pairs=None)
        case Analyzed() | CheckpointSaved():
            return replace(event, seconds=0.0)
        case Started():
            return replace(event, train_mask=None)
        case Stopped():
            return replace(event, summary=None)
        case _:
            return event


def merged(events: list[Event]) -> list[Event]:
    """Events with neighboring losses joined, since the chunks depend on speed."""
    result: list[Event] = []
    for event in events:
        if isinstance(event, Losses) and result and isinstance(before := result[-1], Losses):
            both = np.concatenate([before.train_loss, event.train_loss])
            result[-1] = replace(before, train_loss=both)
        else:
            result.append(event)
    return result


def test_the_events_equal_those_of_the_run(run: tuple[Path, Recording]) -> None:
    folder, live = run
    happened = [without_times(e) for e in live.events if not isinstance(e, Compiling)]
    config, read = recorded(folder)
    assert config == CONFIG.model_dump(mode="json")
    for found, expected in zip(merged(list(read)), merged(happened), strict=True):
        if isinstance(expected, Losses):
            assert isinstance(found, Losses)
            assert found.first_step == expected.first_step
            np.testing.assert_array_equal(found.train_loss, expected.train_loss)
        elif isinstance(expected, Evaluated):
            assert isinstance(found, Evaluated)
            # A line has the train loss from before the step's update.
            metrics = replace(found.metrics, train_loss=expected.metrics.train_loss)
            assert metrics.to_dict() == pytest.approx(expected.metrics.to_dict(), rel=1e-8)
        elif isinstance(expected, Analyzed):
            same_analysis(found, expected)
        else:
            assert found == expected


def same_analysis(found: Event, expected: Analyzed) -> None:
    """Check that numbers are equal after rounding to float32, and arrays exactly."""
    assert isinstance(found, Analyzed)
    assert found.step == expected.step
    assert expected.arrays is not None
    assert found.arrays is not None
    for field in fields(AnalysisArrays):
        np.testing.assert_array_equal(
            getattr(found.arrays, field.name), getattr(expected.arrays, field.name)
        )
    rounded, exact = found.measures.to_dict(), expected.measures.to_dict()
    assert rounded.pop("sum_of_squares") == pytest.approx(exact.pop("sum_of_squares"), rel=1e-8)
    assert rounded.pop("key_frequencies") == exact.pop("key_frequencies")
    assert rounded == pytest.approx(exact, rel=1e-8)


def test_the_state_equals_that_of_the_session(run: tuple[Path, Recording]) -> None:
    folder, live = run
    shown = SessionState(CONFIG.model_dump(mode="json"))
    for event in live.events:
        shown = reduce(shown, event)
    read = recorded_state(folder)
    for field in (
        "config",
        "word",
        "step",
        "device",
        "phase",
        "marks",
        "pending",
        "checkpoint",
    ):
        assert getattr(read, field) == getattr(shown, field), field
    for name, (steps, values) in series(shown).items():
        assert series(read)[name] == (steps, pytest.approx(values, rel=1e-8)), name
    assert [line.text for line in read.log] == [
        line.text for line in shown.log if line.kind != "compiling"
    ]


@pytest.mark.parametrize("step", [0, 1, 10, 25, 30])
def test_reading_up_to_a_step(run: tuple[Path, Recording], step: int) -> None:
    state = recorded_state(run[0], step)
    assert state.step == step
    assert state.train_loss.length == step
    assert state.test_loss.length == step // 10
    assert state.config["lr"] == (1e-3 if step >= 10 else 3e-3)
    assert not state.ended


def test_a_run_of_two_sittings_reads_as_one(
    run: tuple[Path, Recording], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    script = (on(Evaluated, 10), [SetField("lr", 1e-3)])
    record(CONFIG, folder, script, (on(Evaluated, 20), [Stop("later", save=False)]))
    go_on(folder)
    state = recorded_state(folder)
    assert (state.step, state.word, state.train_loss.length) == (60, "STOPPED", 60)
    assert state.config["lr"] == 1e-3  # the second start does not undo the edit
    assert [mark.step for mark in state.marks if mark.text == "MEMORIZING"] == [0]


def corrupted(folder: Path, copy: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    copy.mkdir()
    for file in ("config.toml", "metrics.jsonl", "events.jsonl"):
        content = (folder / file).read_bytes()
        (copy / file).write_bytes(change(content) if file == name else content)
    return copy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.replace(b'{"step": 7,', b'{"step": oops,'), "damaged in line 7"),
        (lambda c: c.replace(b'{"step": 7,', b'{"place": 7,'), "damaged in line 7"),
        (
            lambda c: c.replace(b'{"step": 7,', b'{"step": 8,'),
            "in line 7: step 8 found where step 7 should",
        ),
        (
            lambda c: c.replace(b'"train_loss"', b'"loss"', 1),
            "in line 1: train_loss is missing",
        ),
    ],
)
def test_damage_is_named(
    run: tuple[Path, Recording], tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    copy = corrupted(run[0], tmp_path / "copy", "metrics.jsonl", change)
    with pytest.raises(UserError, match=words):
        recorded_state(copy)


def test_a_line_still_being_written_is_left_out(
    run: tuple[Path, Recording], tmp_path: Path
) -> None:
    copy = corrupted(run[0], tmp_path / "copy", "metrics.jsonl", lambda c: c[:-5])
    assert recorded_state(copy).train_loss.length == 49


def test_events_of_a_later_version_are_skipped(
    run: tuple[Path, Recording], tmp_path: Path
) -> None:
    line = json.dumps({"step": 50, "time": 1.0, "event": "celebrated"}).encode() + b"\n"
    copy = corrupted(run[0], tmp_path / "copy", "events.jsonl", lambda c: c + line)
    assert recorded_state(copy).word == "STOPPED"


def test_a_folder_that_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises((UserError, OSError)):
        recorded_state(tmp_path)
