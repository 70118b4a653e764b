"""The run directory that `RunWriter` makes, against the contract."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from recordings import (
    CONFIG,
    ENVIRONMENT,
    ON_EVALUATED_STEPS,
    evaluated,
    events_of,
    losses,
    metrics_of,
    snapshot,
)
from summaries import summary

from grok_tui.protocol.events import (
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Failed,
    Losses,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.folders import RunError, check_unused
from grok_tui.runs.jsonl import Lines
from grok_tui.runs.schema import read_summary
from grok_tui.runs.writer import RunWriter


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "first"


@pytest.fixture
def writer(run: Path) -> RunWriter:
    return RunWriter.create(run, CONFIG, ENVIRONMENT)


# --- creating -----------------------------------------------------------------------------


def test_a_new_run_directory(writer: RunWriter, run: Path) -> None:
    writer.close()
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints", "config.toml", "events.jsonl", "metrics.jsonl"
    ]  # fmt: skip
    content = tomllib.loads((run / "config.toml").read_text())
    assert content.pop("environment") == ENVIRONMENT
    assert content == CONFIG.model_dump(mode="json")
    assert metrics_of(run) == events_of(run) == []


def test_an_empty_folder_can_be_used(tmp_path: Path) -> None:
    check_unused(tmp_path)
    RunWriter.create(tmp_path, CONFIG, {}).close()
    assert (tmp_path / "config.toml").exists()


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("precious")
    with pytest.raises(RunError, match=rf"not empty.*--resume {tmp_path}$"):
        RunWriter.create(tmp_path, CONFIG, {})
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
    assert (tmp_path / "metrics.jsonl").read_text() == "precious"


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("precious")
    with pytest.raises(RunError, match=r"is a file; a run needs a folder$"):
        RunWriter.create(tmp_path / "a", CONFIG, {})
    assert (tmp_path / "a").read_text() == "precious"


# --- metrics.jsonl ------------------------------------------------------------------------


def test_every_step_has_one_line_and_evaluated_ones_have_more(
    writer: RunWriter, run: Path
) -> None:
    for event in (
        losses(1, 4.0, 3.5), losses(3, 3.0), evaluated(3),
        losses(4, 2.5, 2.25, 2.0), evaluated(6, 5.5), losses(7, 1.5),
        Stopped(7, "completed"),
    ):  # fmt: skip
        writer(event)
    writer.close()
    found = metrics_of(run)
    assert [line["step"] for line in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [line["train_loss"] for line in found] == [4.0, 3.5, 3.0, 2.5, 2.25, 2.0, 1.5]
    for line in found:
        measured = ON_EVALUATED_STEPS if line["step"] in (3, 6) else set()
        assert line.keys() == {"step", "train_loss"} | measured
    assert found[5] == {
        "step": 6, "train_loss": 2.0, "test_loss": 5.5, "train_acc": 0.75, "test_acc": 0.25,
        "weight_norm": 33.25, "lr": 1e-3, "weight_decay": 1.25,
    }  # fmt: skip


def test_an_evaluated_line_has_the_train_loss_of_its_step(writer: RunWriter, run: Path) -> None:
    """The loss from before the update, not the evaluation's from after it."""
    writer(losses(1, 4.0))
    writer(evaluated(1))
    writer(Paused(1))
    writer.close()
    assert metrics_of(run)[0]["train_loss"] == 4.0


def test_an_evaluation_is_never_on_another_steps_line(writer: RunWriter, run: Path) -> None:
    writer(losses(1, 4.0))
    writer(evaluated(2))
    writer(Paused(2))
    writer.close()
    assert metrics_of(run) == [{"step": 1, "train_loss": 4.0}]


def test_a_loss_comes_back_as_the_same_float32(writer: RunWriter, run: Path) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(1, 0x7F800000, size=2000, dtype=np.uint32)  # every positive exponent
    values = bits.view(np.float32)
    writer(Losses(1, values, 1.0))
    writer(Stopped(2000, "completed"))
    writer.close()
    back = np.array([line["train_loss"] for line in metrics_of(run)]).astype(np.float32)
    assert back.tobytes() == values.tobytes()


def test_all_steps_but_the_newest_are_on_disk_at_once(writer: RunWriter, run: Path) -> None:
    writer(losses(1, 3.0, 2.0, 1.0))
    assert [line["step"] for line in metrics_of(run)] == [1, 2]
    writer(losses(4, 0.5))
    assert [line["step"] for line in metrics_of(run)] == [1, 2, 3]
    writer(evaluated(4))
    writer(Paused(4))  # the next event shows that the step's line is complete
    assert [line["step"] for line in metrics_of(run)] == [1, 2, 3, 4]
    writer.close()


def test_a_checkpoint_is_saved_after_all_lines_before_it(
    writer: RunWriter, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[Lines] = []
    monkeypatch.setattr(Lines, "sync", lambda lines: order.append(lines))  # noqa: PLW0108  a method
    saved = []

    def save(path: Path, snapshot: Snapshot) -> None:
        saved.append((list(order), metrics_of(run)))

    monkeypatch.setattr("grok_tui.runs.checkpoints.save", save)
    writer(losses(1, 3.0, 2.0))
    assert writer.save(snapshot(2)) == "checkpoints/step-00000002.safetensors"
    ((synced, on_disk),) = saved
    assert len({*synced}) == len(synced) == 2  # metrics and events
    assert [line["step"] for line in on_disk] == [1, 2]
    writer.close()


# --- events.jsonl and summary.json --------------------------------------------------------


def test_every_event_of_the_contract_has_a_line(writer: RunWriter, run: Path) -> None:
    for event in (
        Compiling("compiling the evaluation", 2, 4),
        Started(0, {}, "CPU", 7, 18, 1.5),
        losses(1, 1.0),
        evaluated(1),
        Paused(1),
        ConfigApplied(1, "lr", 1e-3, 2e-3),
        CommandRejected(1, "set", "no", "seed"),
        Resumed(1),
        PhaseChanged(1, "GROKKED", "three in a row"),
        Warned(1, "careful"),
        CheckpointSaved(1, "checkpoints/step-00000001.safetensors"),
        Stopped(1, "completed"),
    ):
        writer(event)
    writer.close()
    found = events_of(run)
    times = [line.pop("time") for line in found]
    assert times == sorted(times)
    assert times[0] > 1e9
    assert found == [
        {"step": 0, "event": "started", "device": "CPU", "n_train": 7, "n_test": 18,
         "compile_seconds": 1.5},
        {"step": 1, "event": "paused"},
        {"step": 1, "event": "config applied", "field": "lr", "old": 1e-3, "new": 2e-3,
         "undo": False},
        {"step": 1, "event": "resumed"},
        {"step": 1, "event": "phase", "phase": "GROKKED", "reason": "three in a row"},
        {"step": 1, "event": "warning", "message": "careful"},
        {"step": 1, "event": "checkpoint saved",
         "path": "checkpoints/step-00000001.safetensors"},
        {"step": 1, "event": "stopped", "reason": "completed"},
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [Stopped, Failed])
def test_the_end_writes_the_summary_and_the_last_line(
    kind: type[Stopped] | type[Failed], writer: RunWriter, run: Path
) -> None:
    known = summary(steps=2)
    writer(losses(1, 2.0, 1.0))
    writer(kind(2, "why", summary=known))
    writer.close()
    content = json.loads((run / "summary.json").read_text())
    assert (content["steps"], content["final"]["test_loss"]) == (2, 2.5)
    assert read_summary(run) == known
    assert [line["step"] for line in metrics_of(run)] == [1, 2]
    assert events_of(run)[-1]["reason"] == "why"


def test_an_end_without_a_summary_writes_none(writer: RunWriter, run: Path) -> None:
    writer(Failed(0, "the disk is full"))
    writer.close()
    assert not (run / "summary.json").exists()
