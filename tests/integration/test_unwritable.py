"""Runs whose disk is full or whose folder is gone wait if a user can fix it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import LIMIT, checkpoint_steps, records
from small_runs import on, record, small
from workers import Watched

from grok_tui.protocol.commands import Resume, Stop
from grok_tui.protocol.events import (
    CheckpointSaved,
    Compiling,
    Failed,
    Losses,
    Paused,
    Resumed,
    Warned,
)
from grok_tui.runs import checkpoints
from grok_tui.sources.job import Job

ENDLESS = small(steps=10_000_000)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_full_disk_pauses_the_run_until_there_is_space_or_a_stop(
    watch: Callable[[Job], Watched], tmp_path: Path
) -> None:
    import resource

    run_dir = tmp_path / "run"
    child = watch(Job(ENDLESS.changed(checkpoint_every=50), run_dir))
    _, most = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)

    def fill_up() -> None:
        room = (run_dir / "metrics.jsonl").stat().st_size + 300
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (room, most))

    def waits() -> Paused:
        said = child.until(Warned).message
        assert (
            "cannot write the run: File too large; training waits, press space to try again"
            in said
        )
        return child.until(Paused)

    child.until(CheckpointSaved, lambda e: e.step == 100)
    fill_up()
    paused = waits()
    child.source.send(Resume())
    assert waits() == paused  # tried again without success
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (most, most))
    child.source.send(Resume())
    child.until(Resumed)
    saved = child.until(CheckpointSaved, lambda e: e.step >= paused.step + 50).step
    fill_up()
    waits()
    child.source.close(LIMIT)
    failed = child.until(Failed, limit=1.0)
    losses = [e for e in child.events if isinstance(e, Losses)]
    found = np.concatenate([e.train_loss for e in losses])
    lines = records(run_dir / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    np.testing.assert_array_equal(
        found[: len(lines)], np.float32([line["train_loss"] for line in lines])[: len(found)]
    )
    newest = max(checkpoint_steps(run_dir))
    assert checkpoint_steps(run_dir) == list(range(0, newest + 1, 50))
    assert saved <= newest <= len(lines)
    assert failed.reason == child.source.unheard
    assert failed.reason.startswith(
        "cannot write the run: File too large;"
        f" nothing after step {len(lines)} is recorded; the last checkpoint is at step {newest}"
    )


def test_a_new_run_that_cannot_write_its_first_checkpoint_leaves_nothing(
    cpu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, snapshot: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save", full)
    recording = record(ENDLESS, tmp_path / "new" / "run", (on(Compiling), [Stop()]))
    assert isinstance(recording.end, Failed)
    assert recording.end.reason == (
        "cannot write the run: No space left on device; nothing is recorded"
    )
    assert list(tmp_path.iterdir()) == []
