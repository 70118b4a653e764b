"""Continuing in a run directory: what is cut back, and who may write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from recordings import (
    CONFIG,
    ENVIRONMENT,
    analyzed,
    evaluated,
    events_of,
    files,
    losses,
    metrics_of,
    snapshot,
)
from summaries import summary

from grok_tui.protocol.events import (
    CheckpointSaved,
    ConfigApplied,
    Event,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
)
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import analysis_files
from grok_tui.runs.checkpoints import checkpoint_path, checkpoints_in, load
from grok_tui.runs.folders import RunError
from grok_tui.runs.writer import RunWriter


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def writer(run: Path) -> RunWriter:
    return RunWriter.create(run, CONFIG, ENVIRONMENT)


def recorded(run: Path, steps: int) -> None:
    """Record some steps with an evaluation at each and a checkpoint at every second."""
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer(Started(0, {}, "CPU", 7, 18, 1.5))
    for step in range(1, steps + 1):
        writer(losses(step, 1 / step))
        writer(evaluated(step, step / 8))
        if step % 3 == 0:
            writer(analyzed(step))
        if step % 2 == 0:
            writer(CheckpointSaved(step, writer.save(snapshot(step))))
    writer(Stopped(steps, "completed", summary(steps=steps)))
    writer.close()


def test_reopening_cuts_back_to_the_checkpoint(run: Path) -> None:
    recorded(run, 6)
    kept = metrics_of(run)[:4]
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "train_l')  # as left by a kill
    RunWriter.reopen(run, snapshot(4)).close()
    assert metrics_of(run) == kept
    assert [line["step"] for line in events_of(run)] == [0, 2, 4]
    steps = [load(path).step for path in checkpoints_in(run / "checkpoints")]
    assert steps == [4, 2]
    assert analysis_files.analyses_in(run) == [analysis_files.analysis_path(run, 3)]
    assert not (run / "summary.json").exists()


def test_a_resumed_run_ends_up_as_if_it_had_never_stopped(run: Path, tmp_path: Path) -> None:
    recorded(tmp_path / "whole", 6)
    recorded(run, 5)
    writer = RunWriter.reopen(run, snapshot(4))
    writer(Started(4, {}, "CPU", 7, 18, 1.5))
    for step in (5, 6):
        writer(losses(step, 1 / step))
        writer(evaluated(step, step / 8))
    writer(analyzed(6))
    writer(Stopped(6, "completed", summary(steps=6)))
    writer.close()
    for name in ("metrics.jsonl", "summary.json", "config.toml"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert [path.name[-6:] for path in analysis_files.analyses_in(run)] == ["03.npz", "06.npz"]


def test_reopening_leaves_other_files_alone(run: Path) -> None:
    recorded(run, 4)
    best = checkpoint_path(run / "checkpoints", 4).with_name("step-best.safetensors")
    best.write_bytes(b"mine")
    (run / "notes.txt").write_text("mine")
    RunWriter.reopen(run, snapshot(2)).close()
    assert best.read_bytes() == b"mine"
    assert (run / "notes.txt").read_text() == "mine"


def test_reopening_removes_leftovers_of_interrupted_writes(run: Path) -> None:
    recorded(run, 4)
    before = files(run)
    names = [".config.toml", ".summary.json", "analysis/.step-00000003.npz"]
    for name in (*names, "checkpoints/.step-00000004.safetensors"):
        (run / f"{name}.partial").write_bytes(b"half")
    RunWriter.reopen(run, snapshot(4)).close()
    assert files(run).keys() == before.keys() - {"summary.json"}


# --- events of the checkpoint's own step --------------------------------------------------

EDIT = ConfigApplied(2, "lr", 0.003, 0.001)
SAVED = CheckpointSaved(2, "checkpoints/step-00000002.safetensors")


def reopened(run: Path, *events: Event | Snapshot, at: Snapshot) -> list[str]:
    """The names of the events that stay after a killed run is reopened."""
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer(losses(1, 3.0, 2.0))
    for event in events:
        if isinstance(event, Snapshot):
            writer.save(event)
        else:
            writer(event)
    writer.close()
    RunWriter.reopen(run, at).close()
    return [line["event"] for line in events_of(run)]


def test_events_after_the_checkpoint_are_removed(run: Path) -> None:
    """Including an edit at the checkpoint's step that the checkpoint does not have."""
    before = (PhaseChanged(2, "CLEANUP", "why"), snapshot(2), SAVED)
    after = (Paused(2), EDIT, Resumed(2), Stopped(2, "quit"))
    assert reopened(run, *before, *after, at=snapshot(2)) == ["phase", "checkpoint saved"]


def test_an_edit_included_in_the_checkpoint_stays(run: Path) -> None:
    edited = snapshot(2, lr=0.001)
    found = reopened(run, snapshot(2), SAVED, EDIT, edited, SAVED, Paused(2), at=edited)
    assert found == ["checkpoint saved", "config applied", "checkpoint saved"]


def test_an_edit_stays_even_if_a_kill_came_before_its_checkpoints_line(run: Path) -> None:
    edited = snapshot(2, lr=0.001)
    late = ConfigApplied(2, "beta1", 0.9, 0.8)
    found = reopened(run, snapshot(2), SAVED, Paused(2), EDIT, edited, late, at=edited)
    assert found == ["checkpoint saved", "paused", "config applied", "checkpoint saved"]
    assert events_of(run)[2]["field"] == "lr"


def test_a_checkpoint_gets_its_line_even_if_a_kill_came_between(run: Path) -> None:
    found = reopened(run, Paused(2), snapshot(2), at=snapshot(2))
    assert found == ["paused", "checkpoint saved"]
    assert events_of(run)[1]["path"] == SAVED.path


def test_a_phase_repeated_by_a_new_sitting_has_one_line(run: Path) -> None:
    memorizing, cleanup = (PhaseChanged(0, name, "why") for name in ("MEMORIZING", "CLEANUP"))
    reopened(run, memorizing, snapshot(2), SAVED, at=snapshot(2))
    writer = RunWriter.reopen(run, snapshot(2))
    for event in (Started(2, {}, "CPU", 7, 18, 1.5), memorizing, cleanup, cleanup):
        writer(event)
    writer.close()
    found = [line.get("phase", line["event"]) for line in events_of(run)]
    assert found == ["MEMORIZING", "checkpoint saved", "started", "CLEANUP"]


# --- one writer at a time -----------------------------------------------------------------


def test_a_second_writer_is_refused_and_cuts_nothing(writer: RunWriter, run: Path) -> None:
    writer(losses(1, 3.0, 2.0))
    writer(Paused(2))
    before = (run / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match="another process is writing"):
        RunWriter.reopen(run, snapshot(1))
    assert (run / "metrics.jsonl").read_bytes() == before
    writer.close()
    RunWriter.reopen(run, snapshot(1)).close()
    assert [line["step"] for line in metrics_of(run)] == [1]


def test_a_dead_writer_keeps_no_lock(writer: RunWriter, run: Path) -> None:
    writer.close()
    program = (
        "import sys; from pathlib import Path; from grok_tui.runs.writer import lock;"
        " held = lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(run)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="another process is writing"):
            RunWriter.reopen(run, snapshot(0))
        other.kill()
        other.wait()
        RunWriter.reopen(run, snapshot(0)).close()
