"""A branch starts as its parent was at a checkpoint and continues on its own."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from command_line import call, checkpoint_steps, summary
from small_runs import go_on, on, record, small

from grok_tui.cli.main import main
from grok_tui.config.schema import build
from grok_tui.config.sources import load_file
from grok_tui.protocol.commands import SetField, Stop
from grok_tui.protocol.events import Evaluated
from grok_tui.runs import analysis_files
from grok_tui.runs.branch import branch, parent_of
from grok_tui.runs.checkpoints import checkpoint_path
from grok_tui.text import UserError

CONFIG = small(steps=60, eval_every=10, analyze_every=15, checkpoint_every=20)


@pytest.fixture(scope="module")
def parent(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branch") / "parent"
    record(CONFIG, folder, (on(Evaluated, 10), [SetField("lr", 1e-3)]))
    return folder


def steps(folder: Path) -> list[int]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_branch_is_complete_and_names_its_parent(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    snapshot = branch(checkpoint_path(parent / "checkpoints", 40), child)
    assert snapshot.step == 40
    assert build(snapshot.config) == CONFIG.changed(lr=1e-3)
    assert steps(child) == list(range(1, 41))
    assert checkpoint_steps(child) == [40]
    assert [path.name for path in analysis_files.analyses_in(child)] == [
        "step-00000015.npz", "step-00000030.npz",
    ]  # fmt: skip
    assert not (child / "summary.json").exists()
    told = tomllib.loads((child / "config.toml").read_text())
    assert told["parent"] == {"run": str(parent), "step": 40}
    assert build(load_file(child / "config.toml")) == CONFIG


def test_an_unchanged_branch_follows_its_parent(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    branch(checkpoint_path(parent / "checkpoints", 20), child)
    go_on(child)
    expected = (parent / "metrics.jsonl").read_bytes()
    assert (child / "metrics.jsonl").read_bytes() == expected


def test_a_branch_with_a_changed_field_does_not(parent: Path, tmp_path: Path) -> None:
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


def test_compare_distinguishes_a_branch_from_its_parent(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    branch(checkpoint_path(parent / "checkpoints", 40), child)
    answer, text = (
        call("compare", str(parent), str(child), *more) for more in (["--json"], [])
    )
    assert (answer.code, answer.err, text.code, text.err) == (0, "", 0, "")
    content = json.loads(answer.out)
    assert content["differences"] == {}
    ended, cut_off = content["runs"]
    told = summary(parent)
    for name in ("steps", "memorized_step", "grok_step", "exit"):
        assert ended[name] == told[name]
    assert ended["final"]["test_loss"] == pytest.approx(told["final"]["test_loss"], rel=1e-7)
    assert (ended["parent"], cut_off["parent"]) == (None, {"run": str(parent), "step": 40})
    assert (cut_off["steps"], cut_off["exit"]) == (40, "cut off")
    assert cut_off["edits"] == ended["edits"]
    for line in (
        f"x child: branched from {parent} at step 40",
        "x child: lr 0.003 -> 0.001 at step 10",
        "test accuracy   o parent   x child",
    ):
        assert line in text.out.splitlines()


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


def test_a_branch_never_overwrites_another_run(parent: Path) -> None:
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


# --- the command --------------------------------------------------------------------------


def branched(parent: Path, folder: Path, *arguments: str) -> int:
    return main(["--branch", str(parent), "--record", str(folder), *arguments])


def test_the_command_branches_and_follows_the_parent_bit_for_bit(
    parent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = tmp_path / "child"
    assert branched(parent, child, "--at", "20") == 0
    assert (child / "metrics.jsonl").read_bytes() == (parent / "metrics.jsonl").read_bytes()
    said = capsys.readouterr().err
    assert f"branching from {parent} at step 20 into {child}" in said
    assert parent_of(child) == parent


def test_the_command_changes_a_field_at_the_checkpoint(parent: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    assert branched(parent, child, "--at", "40", "--weight-decay", "3", "--steps", "50") == 0
    assert steps(child) == list(range(1, 51))
    events = [json.loads(line) for line in (child / "events.jsonl").read_text().splitlines()]
    edits = [
        (e["step"], e["field"], e["new"]) for e in events if e["event"] == "config applied"
    ]
    assert edits == [(10, "lr", 1e-3), (40, "weight_decay", 3.0), (40, "steps", 50)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--at", "30"], "has no checkpoint at step 30; it has 0, 20, 40, 60"),
        ([], "is complete at step 60; --steps N trains it further"),
        (["--at", "20", "--seed", "3"], "--seed cannot change within a run"),
        (["--at", "20", "--lr", "-1"], "lr must be"),
        (["--at", "20", "--preset", "quick"], "a branch keeps its config"),
        (["--at", "20", "--no-save"], "--branch always save"),
    ],
)
def test_an_invalid_branch_leaves_no_folder(
    parent: Path,
    tmp_path: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert branched(parent, tmp_path / "child", *arguments) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "child").exists()


def test_at_needs_a_branch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--at", "20"]) == 2
    assert "--at needs --branch" in capsys.readouterr().err


def test_a_parent_is_found_after_both_have_moved(parent: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(parent, old / "parent")
    branch(checkpoint_path(old / "parent" / "checkpoints", 20), old / "child")
    old.rename(new)
    assert parent_of(new / "child") == new / "parent"
    shutil.rmtree(new / "parent")
    assert parent_of(new / "child") is None
    assert parent_of(parent) is None
