"""A branch is its parent as it was at a checkpoint, with another future."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from command_line import checkpoint_steps
from small_runs import go_on, on, record, small

from grok_tui.config import build
from grok_tui.core.events import Evaluated, SetField, Stop
from grok_tui.errors import UserError
from grok_tui.layers import load_file
from grok_tui.runs import analyses
from grok_tui.runs.branch import branch
from grok_tui.runs.checkpoints import checkpoint_path

CONFIG = small(steps=60, eval_every=10, analyze_every=15, checkpoint_every=20)


@pytest.fixture(scope="module")
def parent(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branch") / "parent"
    record(CONFIG, folder, (on(Evaluated, 10), [SetField("lr", 1e-3)]))
    return folder


def steps(folder: Path) -> list[int]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_branch_stands_alone_and_names_its_parent(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    snapshot = branch(checkpoint_path(parent / "checkpoints", 40), child)
    assert snapshot.step == 40
    assert build(snapshot.config) == CONFIG.changed(lr=1e-3)
    assert steps(child) == list(range(1, 41))
    assert checkpoint_steps(child) == [40]
    assert [path.name for path in analyses.analyses_in(child)] == [
        "step-00000015.npz", "step-00000030.npz",
    ]  # fmt: skip
    assert not (child / "summary.json").exists()
    told = tomllib.loads((child / "config.toml").read_text())
    assert told["parent"] == {"run": str(parent), "step": 40}
    assert build(load_file(child / "config.toml")) == CONFIG


def test_a_branch_with_nothing_changed_follows_its_parent(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    branch(checkpoint_path(parent / "checkpoints", 20), child)
    go_on(child)
    expected = (parent / "metrics.jsonl").read_bytes()
    assert (child / "metrics.jsonl").read_bytes() == expected


def test_a_branch_with_another_knob_does_not(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    before = {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}
    branch(checkpoint_path(parent / "checkpoints", 20), child)
    go_on(child, weight_decay=3.0)
    one, other = ((f / "metrics.jsonl").read_text().splitlines() for f in (parent, child))
    assert one[:20] == other[:20]
    # The step after the checkpoint still has the loss of its weights.
    assert json.loads(one[20])["train_loss"] == json.loads(other[20])["train_loss"]
    assert all(a != b for a, b in zip(one[21:], other[21:], strict=True))
    assert before == {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}


def test_a_damaged_checkpoint_leaves_no_branch(parent: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "checkpoints" / "step-00000020.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        branch(checkpoint, tmp_path / "child")
    assert not (tmp_path / "child").exists()


def test_a_branch_that_cannot_be_written_leaves_nothing(parent: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    kept = checkpoint_path(parent / "checkpoints", 20)
    checkpoint = run / "checkpoints" / kept.name
    checkpoint.write_bytes(kept.read_bytes())
    (run / "config.toml").write_bytes((parent / "config.toml").read_bytes())
    (run / "metrics.jsonl").write_bytes((parent / "metrics.jsonl").read_bytes())
    with pytest.raises(FileNotFoundError):  # the events are gone
        branch(checkpoint, tmp_path / "child")
    assert not (tmp_path / "child").exists()


def test_a_branch_never_lands_on_another_run(parent: Path) -> None:
    with pytest.raises(UserError, match="not empty"):
        branch(checkpoint_path(parent / "checkpoints", 20), parent)
    assert steps(parent) == list(range(1, 61))


def test_a_run_that_was_stopped_without_saving_can_be_branched(
    cpu: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    record(CONFIG, run, (on(Evaluated, 30), [Stop("thrown away", save=False)]))
    branch(checkpoint_path(run / "checkpoints", 20), tmp_path / "child")
    go_on(tmp_path / "child")
    assert steps(tmp_path / "child") == list(range(1, 61))
