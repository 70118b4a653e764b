"""The run directory as `RunWriter` leaves it, against the contract."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grok_tui.config import Config
from grok_tui.core.analysis.result import Measures, Tables
from grok_tui.core.events import (
    Analyzed,
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Evaluated,
    Failed,
    Losses,
    Metrics,
    Pairs,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.core.snapshot import Snapshot
from grok_tui.runs import analyses
from grok_tui.runs.checkpoints import checkpoint_path, checkpoints_in
from grok_tui.runs.writer import RunError, RunWriter, check_unused

CONFIG = Config(modulus=5, d_model=4, n_heads=2, d_mlp=3, lr=0.003)
ENVIRONMENT = {"version": "0.1", "device": "CPU", "platform": 'odd "words"\n'}
ON_EVALUATED_STEPS = {"test_loss", "train_acc", "test_acc", "weight_norm", "lr", "weight_decay"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "first"


@pytest.fixture
def writer(run: Path) -> RunWriter:
    return RunWriter.create(run, CONFIG, ENVIRONMENT)


def losses(first: int, *values: float) -> Losses:
    return Losses(first, np.array(values, dtype=np.float32), seconds=0.5)


def evaluated(step: int, test_loss: float = 4.5) -> Evaluated:
    metrics = Metrics(
        train_loss=99.0, test_loss=test_loss, train_acc=0.75, test_acc=0.25,
        weight_norm=33.25, lr=1e-3, weight_decay=1.25,
    )  # fmt: skip
    return Evaluated(
        step, metrics, 0.1, Pairs(np.zeros(25, np.int16), np.zeros(25, np.float16))
    )


MEASURES = Measures(1 / 3, 0.5, (1, 2), {"W_E": 96.0}, restricted_loss=0.25)
TABLES = Tables(
    elements=np.arange(5, dtype=np.int16),
    spectrum_W_E=np.array([1, 2], dtype=np.float32),
    spectrum_W_L=np.array([3, 4], dtype=np.float32),
    circle=np.ones((2, 5, 2), dtype=np.float32),
    attention=np.ones((2, 3, 5), dtype=np.float32),
    neuron_frequency=np.array([1, 0, 2], dtype=np.int16),
    neuron_share=np.array([0.9, 0, 1], dtype=np.float32),
)


def analyzed(step: int) -> Analyzed:
    return Analyzed(step, MEASURES, 0.1, TABLES)


def snapshot(step: int) -> Snapshot:
    weights = {"W_E": np.full((6, 4), step, dtype=np.float32)}
    config = CONFIG.model_dump(mode="json")
    mask = np.arange(25) % 3 == 0
    return Snapshot(step, weights, weights, weights, (0.5, 0.5), mask, config, {}, {})


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def metrics_of(run: Path) -> list[dict[str, Any]]:
    return lines(run / "metrics.jsonl")


def events_of(run: Path) -> list[dict[str, Any]]:
    return lines(run / "events.jsonl")


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


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
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


def test_every_step_has_one_line_in_order_and_evaluated_ones_have_more(
    writer: RunWriter, run: Path
) -> None:
    for event in (
        losses(1, 4.0, 3.5), losses(3, 3.0), evaluated(3),
        losses(4, 2.5, 2.25, 2.0), evaluated(6, 5.5), losses(7, 1.5),
        Stopped(7, "completed", {}),
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


def test_an_evaluated_steps_train_loss_is_that_of_its_step(
    writer: RunWriter, run: Path
) -> None:
    """Taken before the update, not after it as the evaluation's own."""
    writer(losses(1, 4.0))
    writer(evaluated(1))
    writer(Paused(1))
    writer.close()
    assert metrics_of(run)[0]["train_loss"] == 4.0


def test_an_evaluation_never_lands_on_another_steps_line(writer: RunWriter, run: Path) -> None:
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
    writer(Stopped(2000, "completed", {}))
    writer.close()
    back = np.array([line["train_loss"] for line in metrics_of(run)]).astype(np.float32)
    assert back.tobytes() == values.tobytes()


def test_all_but_the_newest_step_is_on_disk_at_once(writer: RunWriter, run: Path) -> None:
    writer(losses(1, 3.0, 2.0, 1.0))
    assert [line["step"] for line in metrics_of(run)] == [1, 2]
    writer(losses(4, 0.5))
    assert [line["step"] for line in metrics_of(run)] == [1, 2, 3]
    writer(evaluated(4))
    writer(Paused(4))  # what happens next shows that nothing more is said of the step
    assert [line["step"] for line in metrics_of(run)] == [1, 2, 3, 4]
    writer.close()


def test_an_analysed_step_has_its_measures_and_its_tables(writer: RunWriter, run: Path) -> None:
    writer(losses(1, 4.0, 3.0))
    writer(evaluated(2))
    writer(analyzed(2))
    writer(losses(3, 2.0))
    writer(Analyzed(3, MEASURES, 0.1))  # its tables were left out on the way
    writer(Stopped(3, "completed", {}))
    writer.close()
    first, second, third = metrics_of(run)
    assert set(first) == {"step", "train_loss"}
    assert set(second) == set(first) | ON_EVALUATED_STEPS | set(MEASURES.to_dict())
    assert set(third) == set(first) | set(MEASURES.to_dict())
    assert third["key_frequencies"] == [1, 2]
    assert third["excluded_loss"] is None
    assert third["sum_of_squares"] == {"W_E": 96.0}
    assert third["gini_W_E"] == pytest.approx(1 / 3, rel=1e-8)
    assert [path.name for path in analyses.analyses_in(run)] == ["step-00000002.npz"]
    found = analyses.load(analyses.analysis_path(run, 2), CONFIG)
    for field in fields(Tables):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(TABLES, field.name))


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_damaged_tables_are_refused_in_words(run: Path, content: bytes | None) -> None:
    RunWriter.create(run, CONFIG, ENVIRONMENT).close()
    analyses.save(run, 2, TABLES)
    path = analyses.analysis_path(run, 2)
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    with pytest.raises(analyses.AnalysisError, match=r"step-00000002\.npz"):
        analyses.load(path, CONFIG)


def test_tables_without_one_of_their_arrays_are_refused(run: Path) -> None:
    path = analyses.analysis_path(run, 2)
    path.parent.mkdir(parents=True)
    np.savez(path, elements=TABLES.elements)
    with pytest.raises(analyses.AnalysisError, match="it lacks"):
        analyses.load(path, CONFIG)


def test_a_checkpoint_comes_after_all_lines_that_lead_up_to_it(
    writer: RunWriter, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("_metrics", "_events"):
        monkeypatch.setattr(getattr(writer, name), "sync", lambda name=name: order.append(name))
    saved = []

    def save(path: Path, snapshot: Snapshot) -> None:
        saved.append((list(order), metrics_of(run)))

    monkeypatch.setattr("grok_tui.runs.checkpoints.save", save)
    writer(losses(1, 3.0, 2.0))
    assert writer.save(snapshot(2)) == "checkpoints/step-00000002.safetensors"
    ((synced, on_disk),) = saved
    assert synced == ["_metrics", "_events"]
    assert [line["step"] for line in on_disk] == [1, 2]
    writer.close()


def failing_once(real: Callable[..., None]) -> Callable[..., None]:
    calls = iter([True])

    def write(*records: Any) -> None:
        if records and next(calls, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*records)

    return write


def test_after_a_failed_write_no_later_step_is_written(
    writer: RunWriter, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the file would have a gap: a chunk of lines needs more space than one line."""
    writer(losses(1, 4.0, 3.0))
    writer(evaluated(2))
    writer(Paused(2))
    monkeypatch.setattr(writer._metrics, "write", failing_once(writer._metrics.write))
    with pytest.raises(OSError, match="No space left"):
        writer(losses(3, 2.0, 1.0, 0.5))
    writer(Failed(5, "cannot write the run: No space left on device"))
    writer.close()
    assert [line["step"] for line in metrics_of(run)] == [1, 2]
    assert events_of(run)[-1]["event"] == "failed"


# --- events.jsonl and summary.json --------------------------------------------------------


def test_every_event_of_the_contract_has_its_line(writer: RunWriter, run: Path) -> None:
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
        Stopped(1, "completed", {}),
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
    summary = {"steps": 2, "grokked": False, "grok_step": None, "final": {"test_loss": 0.1}}
    writer(losses(1, 2.0, 1.0))
    writer(kind(2, "why", summary))
    writer.close()
    assert json.loads((run / "summary.json").read_text()) == summary
    assert [line["step"] for line in metrics_of(run)] == [1, 2]
    assert events_of(run)[-1]["reason"] == "why"


def test_an_end_without_a_summary_writes_none(writer: RunWriter, run: Path) -> None:
    writer(Failed(0, "the disk is full"))
    writer.close()
    assert not (run / "summary.json").exists()


# --- going on -----------------------------------------------------------------------------


def recorded(run: Path, steps: int) -> None:
    """A run of some steps with an evaluation at each, and a checkpoint at every second."""
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer(Started(0, {}, "CPU", 7, 18, 1.5))
    for step in range(1, steps + 1):
        writer(losses(step, 1 / step))
        writer(evaluated(step, step / 8))
        if step % 3 == 0:
            writer(analyzed(step))
        if step % 2 == 0:
            writer(CheckpointSaved(step, writer.save(snapshot(step))))
    writer(Stopped(steps, "completed", {"steps": steps}))
    writer.close()


def test_reopening_cuts_back_to_the_checkpoint(run: Path) -> None:
    recorded(run, 6)
    kept = metrics_of(run)[:4]
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "train_l')  # what a kill leaves
    RunWriter.reopen(run, 4).close()
    assert metrics_of(run) == kept
    assert [line["step"] for line in events_of(run)] == [0, 2, 4]
    assert checkpoints_in(run / "checkpoints") == [
        checkpoint_path(run / "checkpoints", step) for step in (4, 2)
    ]
    assert analyses.analyses_in(run) == [analyses.analysis_path(run, 3)]
    assert not (run / "summary.json").exists()


def test_a_resumed_run_ends_up_as_if_it_had_never_stopped(run: Path, tmp_path: Path) -> None:
    recorded(tmp_path / "whole", 6)
    recorded(run, 5)
    writer = RunWriter.reopen(run, 4)
    writer(Started(4, {}, "CPU", 7, 18, 1.5))
    for step in (5, 6):
        writer(losses(step, 1 / step))
        writer(evaluated(step, step / 8))
    writer(analyzed(6))
    writer(Stopped(6, "completed", {"steps": 6}))
    writer.close()
    for name in ("metrics.jsonl", "summary.json", "config.toml"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert [path.name[-6:] for path in analyses.analyses_in(run)] == ["03.npz", "06.npz"]


def test_reopening_leaves_other_files_alone(run: Path) -> None:
    recorded(run, 4)
    best = checkpoint_path(run / "checkpoints", 4).with_name("step-best.safetensors")
    best.write_bytes(b"mine")
    (run / "notes.txt").write_text("mine")
    RunWriter.reopen(run, 2).close()
    assert best.read_bytes() == b"mine"
    assert (run / "notes.txt").read_text() == "mine"


# --- one writer at a time -----------------------------------------------------------------


def test_a_second_writer_is_refused_and_cuts_nothing(writer: RunWriter, run: Path) -> None:
    writer(losses(1, 3.0, 2.0))
    writer(Paused(2))
    before = (run / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match="another process is writing"):
        RunWriter.reopen(run, 1)
    assert (run / "metrics.jsonl").read_bytes() == before
    writer.close()
    RunWriter.reopen(run, 1).close()
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
            RunWriter.reopen(run, 0)
        other.kill()
        other.wait()
        RunWriter.reopen(run, 0).close()
