"""Which checkpoint a damaged run continues from, and the warnings about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_run import made_run

from grok_tui.runs.branch import branch
from grok_tui.runs.checkpoints import CheckpointError, checkpoint_path
from grok_tui.runs.folders import RunError
from grok_tui.runs.resume import resumable
from grok_tui.runs.writer import RunWriter


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("resume") / "run")


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def change(path: Path, how: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of a file."""
    path.write_bytes(b"".join(how(path.read_bytes().splitlines(keepends=True))))


def test_an_undamaged_run_continues_from_its_newest_checkpoint_without_warnings(
    run: Path,
) -> None:
    found, warnings = resumable(run)
    assert (found.step, warnings) == (20, [])


def test_lines_beyond_the_checkpoint_may_be_anything(run: Path) -> None:
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 20, "train_loss": 1.0}\n\xff\n{"ste')
    found, warnings = resumable(run)
    assert (found.step, warnings) == (20, [])
    RunWriter.reopen(run, found).close()
    assert (run / "metrics.jsonl").read_bytes().count(b"\n") == 20  # step 20 not twice


LINES = {
    "a torn last line": (lambda x: [*x[:-1], x[-1][:-1]], "ends at step 19"),
    "lines that are missing at the end": (lambda x: x[:14], "ends at step 14"),
    "garbage in a line": (lambda x: [*x[:14], b"\xff\0\n", *x[15:]], "line 15: it is not"),
    "a line that is gone": (lambda x: [*x[:14], *x[15:]], "line 15: step 16 found"),
    "a line twice": (lambda x: [*x[:14], x[13], *x[14:]], "line 15: step 14 found"),
    "lines in another order": (lambda x: [*x[:13], x[14], x[13], *x[15:]], "line 14: step 15"),
    "a number as text": (
        lambda x: [*x[:14], b'{"step": 15, "train_loss": "1"}\n', *x[15:]],
        "line 15: train_loss must be a number (got '1')",
    ),
    "no number": (
        lambda x: [*x[:14], b'{"step": 15, "train_loss": NaN}\n', *x[15:]],
        "line 15: train_loss must be a finite number",
    ),
    "a step as a truth": (
        lambda x: [b'{"step": true, "train_loss": 1}\n', *x[1:]],
        "line 1: step must be a whole number (got True)",
    ),
    "half an evaluation": (
        lambda x: [*x[:14], x[14].replace(b'"test_acc"', b'"test_akk"'), *x[15:]],
        "line 15: test_acc is missing",
    ),
    "more than all right": (
        lambda x: [*x[:14], x[14].replace(b'"test_acc": 0.25', b'"test_acc": 1e308'), *x[15:]],
        "line 15: test_acc must be",
    ),
    "a frequency that there is not": (
        lambda x: [*x[:9], x[9].replace(b'"key_frequencies": [', b'"key_frequencies": [9, ')],
        "line 10: key frequencies are 1 to 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", LINES)
def test_a_checkpoint_that_the_lines_do_not_reach_is_skipped(damage: str, run: Path) -> None:
    how, why = LINES[damage]
    change(run / "metrics.jsonl", how)
    found, warnings = resumable(run)
    expected = 0 if "line 1:" in why or "line 10:" in why else 10
    assert found.step == expected
    skipped = ["step-00000020.safetensors skipped: ", "step-00000010.safetensors skipped: "]
    count = 1 if expected else 2
    for warning, start in zip(warnings[:count], skipped[:count], strict=True):
        assert warning.startswith(start)
        assert why in warning
    assert warnings[count:] == [f"everything after step {expected} is lost and will be redone"]
    assert all(warning.splitlines() == [warning] for warning in warnings)


def test_without_lines_the_run_continues_from_its_start(run: Path) -> None:
    (run / "metrics.jsonl").unlink()
    found, warnings = resumable(run)
    assert found.step == 0
    assert "there is no" in warnings[0]


def test_a_run_with_nothing_left_is_refused(run: Path) -> None:
    (run / "metrics.jsonl").unlink()
    checkpoint_path(run / "checkpoints", 0).unlink()
    with pytest.raises(
        CheckpointError, match=r"no checkpoint in .* can be used; step-00000020"
    ):
        resumable(run)


def test_a_damaged_checkpoint_and_damaged_lines_are_both_named(run: Path) -> None:
    newest = checkpoint_path(run / "checkpoints", 20)
    newest.write_bytes(newest.read_bytes()[:-1])
    change(run / "metrics.jsonl", lambda x: x[:7])
    found, warnings = resumable(run)
    assert found.step == 0
    assert "step-00000020.safetensors is not a readable checkpoint" in warnings[0]
    assert warnings[1].endswith("ends at step 7")


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (lambda x: [*x[:5], b"\xff\n", *x[6:]], 5),
        (lambda x: [*x[:3], x[3].replace(b'"lr"', b'"lrr"'), *x[4:]], 3),
        (lambda x: [*x[:3], x[3].replace(b'"lr"', b'"modulus"'), *x[4:]], 3),
        (lambda x: [*x[:3], x[3].replace(b"0.5", b"-0.5"), *x[4:]], 3),
    ],
)
def test_damaged_events_cost_no_step_but_are_reported(
    damage: Callable[[list[bytes]], list[bytes]], kept: int, run: Path
) -> None:
    change(run / "events.jsonl", damage)
    found, (warning,) = resumable(run)
    assert found.step == 20
    assert f"events.jsonl is damaged in line {kept + 1}: " in warning
    assert warning.endswith("edits and phases noted after step 7 are lost") or kept == 3
    before = (run / "events.jsonl").read_bytes().splitlines()
    RunWriter.reopen(run, found).close()
    *same, saved = (run / "events.jsonl").read_bytes().splitlines()
    assert same[:kept] == before[:kept]
    again = [json.loads(line) for line in same[kept:]]  # the lost edit, as of the checkpoint
    assert [(x["step"], x["field"], x["new"]) for x in again] == [(20, "lr", 0.5)] * (kept == 3)
    assert resumable(run)[1] == []
    assert b"step-00000020.safetensors" in saved  # written again, since that line was lost


def test_no_branch_leaves_a_gap_in_the_steps(run: Path, tmp_path: Path) -> None:
    change(run / "metrics.jsonl", lambda x: [*x[:14], *x[15:]])
    child = tmp_path / "child"
    with pytest.raises(RunError, match="step 16 found where step 15 should"):
        branch(checkpoint_path(run / "checkpoints", 20), child)
    assert not child.exists()
    assert branch(checkpoint_path(run / "checkpoints", 10), child).step == 10
