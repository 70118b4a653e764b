"""A recording whose disk fails at any moment ends up as if it had not failed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from faults import MOMENTS, Calls, Moment
from recordings import (
    CONFIG,
    ENVIRONMENT,
    Asked,
    analyzed,
    evaluated,
    files,
    losses,
    snapshot,
)
from summaries import summary

from grok_tui.protocol.events import (
    CheckpointSaved,
    ConfigApplied,
    Event,
    PhaseChanged,
    Started,
    Stopped,
)
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import checkpoints_in, load
from grok_tui.runs.writer import RunWriter
from grok_tui.sources.retrying_recorder import RetryingRecorder

END = Stopped(8, "completed", summary(steps=8))
# A run: its events, and the steps of its checkpoints.
SCRIPT: tuple[Event | int, ...] = (
    *(Started(0, {}, "CPU", 7, 18, 1.5), 0, PhaseChanged(0, "MEMORIZING", "why")),
    *(losses(1, 5.0, 4.0, 3.0), evaluated(3), analyzed(3), losses(4, 2.0), losses(5, 1.5)),
    *(evaluated(5), PhaseChanged(5, "CLEANUP", "why"), 5),
    *(ConfigApplied(5, "lr", 0.003, 0.001), losses(6, 1.0, 0.5, 0.25), analyzed(8), 8, END),
)


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grok_tui.runs.writer.time.time", lambda: 1.0)
    monkeypatch.setattr(os, "fsync", lambda file: None)  # slow


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def checkpoint(step: int) -> Snapshot:
    """A checkpoint, which the second one after it removes."""
    return snapshot(step, keep="last 2")


def play(
    recorder: RunWriter | RetryingRecorder, script: tuple[Event | int, ...] = SCRIPT
) -> None:
    for item in script:
        if isinstance(item, int):
            recorder(CheckpointSaved(item, recorder.save(checkpoint(item))))
        else:
            recorder(item)


Struck = Callable[[range, Moment, Callable[[], None]], Calls]


@pytest.fixture
def struck() -> Struck:
    """Runs an action while some of its calls fail."""

    def do(at: range, moment: Moment, act: Callable[[], None]) -> Calls:
        calls = Calls(full, at, moment)
        with pytest.MonkeyPatch.context() as patch:
            calls.install(patch.setattr)
            act()
        return calls

    return do


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an undisturbed run."""
    run = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grok_tui.runs.writer.time.time", lambda: 1.0)
        writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
        play(writer)
        writer.close()
    return files(run)


def undamaged(run: Path, whole: dict[str, bytes]) -> None:
    """Check that the files are the start of the whole run."""
    for name in ("metrics.jsonl", "events.jsonl"):
        lines = (run / name).read_bytes().splitlines(keepends=True)
        written = b"".join(line for line in lines if line.endswith(b"\n"))
        assert whole[name].startswith(written)
    for checkpoint in checkpoints_in(run / "checkpoints"):
        load(checkpoint)


def test_the_files_end_up_the_same_whichever_call_fails(
    tmp_path: Path, whole: dict[str, bytes], struck: Struck
) -> None:
    """Each call fails, once or twice in a row, before, during or after it."""
    made = RunWriter.create(tmp_path / "count", CONFIG, ENVIRONMENT)
    calls = struck(range(0), "before", lambda: play(made))
    made.close()
    kinds = {name.split()[0] for name in calls.names}
    assert kinds == {"pwrite", "fsync", "write", "replace", "mkdir", "unlink"}
    assert len(calls.names) > 40
    strikes = [(moment, 1) for moment in MOMENTS] + [("during", 2)]
    for (moment, times), at in product(strikes, range(1, len(calls.names) + 1)):
        run = tmp_path / f"{moment}-{times}-{at}"
        writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
        asked = Asked(look=lambda run=run: undamaged(run, whole))
        recorder = RetryingRecorder(writer, asked, lambda event: None)
        struck(range(at, at + times), moment, lambda r=recorder: play(r))
        writer.close()
        assert files(run) == whole, run.name
        assert asked.waits in (1, times), run.name


def test_reopening_can_be_repeated_whichever_call_fails(
    tmp_path: Path, whole: dict[str, bytes], struck: Struck
) -> None:
    def recorded(name: str) -> Path:
        """A run killed during a write after its checkpoint of step 5."""
        run = tmp_path / name
        writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
        play(writer, SCRIPT[:-3])
        writer.close()
        (run / "checkpoints" / ".step-00000008.safetensors.partial").write_bytes(b"half")
        return run

    def reopen(run: Path) -> None:
        RunWriter.reopen(run, checkpoint(5)).close()

    counted = recorded("count")
    calls = struck(range(0), "before", lambda: reopen(counted))
    left = files(counted)
    assert max(left) == "metrics.jsonl"
    assert len(calls.names) > 1
    for moment in MOMENTS:
        for at in range(1, len(calls.names) + 1):
            run = recorded(f"{moment}-{at}")
            with pytest.raises(OSError, match="No space"):
                struck(range(at, at + 1), moment, lambda run=run: reopen(run))
            reopen(run)
            assert files(run) == left, run.name


def test_a_new_run_leaves_nothing_whichever_call_fails(tmp_path: Path, struck: Struck) -> None:
    def create(run: Path) -> None:
        RunWriter.create(run, CONFIG, ENVIRONMENT).close()

    calls = struck(range(0), "before", lambda: create(tmp_path / "count"))
    wanted = files(tmp_path / "count")
    assert {"mkdir checkpoints", "replace .config.toml.partial"} <= set(calls.names)
    for moment in MOMENTS:
        for at in range(1, len(calls.names) + 1):
            there = tmp_path / f"{moment}-{at}"
            there.mkdir()
            run = there / "runs" / "new"
            with pytest.raises(OSError, match="No space"):
                struck(range(at, at + 1), moment, lambda run=run: create(run))
            assert list(there.iterdir()) == [], there.name
            create(run)
            assert files(run) == wanted


def test_a_removed_folder_is_noticed_at_the_next_losses(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer.save(checkpoint(0))
    writer(losses(1, 4.0, 3.0))
    shutil.rmtree(run)
    with pytest.raises(FileNotFoundError) as caught:
        writer(losses(3, 2.0, 1.0))
    assert caught.value.filename == str(run / "metrics.jsonl")
    assert writer.extent() == "nothing is recorded"
    writer.discard_useless()
    writer.close()
    assert list(tmp_path.iterdir()) == []


# --- extent and leftovers -----------------------------------------------------------------


def test_the_extent_of_a_recording(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path / "run", CONFIG, ENVIRONMENT)
    assert writer.extent() == "nothing is recorded"
    writer.save(snapshot(0))
    words = "nothing after step {} is recorded; the last checkpoint is at step {}"
    assert writer.extent() == words.format(0, 0)
    writer(losses(1, 3.0, 2.0, 1.0))
    with pytest.MonkeyPatch.context() as patch:
        Calls(full, range(1, 9), "before").install(patch.setattr)
        assert writer.extent() == words.format(2, 0)
    assert writer.extent() == words.format(3, 0)
    writer.save(snapshot(3))
    writer(losses(4, 1.0))
    writer.close()
    reopened = RunWriter.reopen(tmp_path / "run", snapshot(3))
    assert reopened.extent() == words.format(3, 3)
    reopened.close()


def test_a_new_run_without_a_checkpoint_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for path in ("mine", "mine/new/run"):
        writer = RunWriter.create(tmp_path / path, CONFIG, ENVIRONMENT)
        writer(losses(1, 3.0))
        writer(analyzed(1))
        writer.discard_useless()
        writer.close()
        assert [p.name for p in tmp_path.rglob("*")] == ["mine"]


def test_files_added_by_others_stay(tmp_path: Path) -> None:
    run = tmp_path / "new"
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    (run / "notes.txt").write_text("mine")
    writer.discard_useless()
    writer.close()
    assert list(run.iterdir()) == [run / "notes.txt"]


def test_a_run_with_a_checkpoint_is_never_removed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer.save(snapshot(0))
    before = files(run)
    writer.discard_useless()
    writer.close()
    reopened = RunWriter.reopen(run, snapshot(0))
    reopened.discard_useless()
    reopened.close()
    assert files(run).items() >= before.items() - {("events.jsonl", b"")}
