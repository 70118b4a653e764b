"""Damaged lines are read as far as they are sound, or refused; a continued run is sound."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from garbage import ANYTHING, TEXT, Fuzz, attempt, check_line, mutated
from hypothesis import strategies as st
from made_run import STEPS

from grok_tui.runs import reader
from grok_tui.runs.branch import branch
from grok_tui.runs.checkpoints import checkpoint_path
from grok_tui.runs.exporting.metrics_csv import write_csv
from grok_tui.runs.resume import resumable
from grok_tui.runs.writer import RunWriter
from grok_tui.sources.recording import recorded_state
from grok_tui.view.state import SessionState

FILES = ("metrics.jsonl", "events.jsonl")


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with lines lost, doubled, swapped, damaged, changed or inserted."""
    lines = content.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 3))):
        if not lines:
            break
        at, other = (draw(st.integers(0, len(lines) - 1)) for _ in "ab")
        match draw(
            st.sampled_from(["lose", "double", "swap", "damage", "cut", "change", "put"])
        ):
            case "lose":
                del lines[at]
            case "double":
                lines.insert(other, lines[at])
            case "swap":
                lines[at], lines[other] = lines[other], lines[at]
            case "damage":
                lines[at] = draw(mutated(lines[at]))
            case "cut":
                lines = [*lines[:at], lines[at][: draw(st.integers(0, 30))]]
            case "change":
                lines[at] = draw(changed(lines[at]))
            case "put":
                lines.insert(at, dumped(draw(ANYTHING)))
    return b"".join(lines)


@st.composite
def changed(draw: st.DrawFn, line: bytes) -> bytes:
    """A JSON line with one value dropped, replaced or added, or with another event."""
    try:
        content = json.loads(line)
    except ValueError:
        return line
    if not isinstance(content, dict) or not content:
        return line
    name = draw(st.sampled_from(sorted(content)))
    match draw(st.sampled_from(["drop", "set", "add", "event"])):
        case "drop":
            del content[name]
        case "set":
            content[name] = draw(ANYTHING)
        case "add":
            content[draw(TEXT)] = draw(ANYTHING)
        case "event":
            content["event"] = draw(st.sampled_from(["celebrated", "started", "stopped"]))
    return dumped(content)


def dumped(value: Any) -> bytes:
    try:
        return json.dumps(value).encode() + b"\n"
    except (ValueError, TypeError):  # Python does not write integers over 4,300 digits
        return b"9" * 5000 + b"\n"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


@pytest.mark.parametrize("file", FILES)
def test_damaged_lines_are_read_or_refused(file: str, fuzz: Fuzz, run: Path) -> None:
    def check(content: bytes) -> None:
        (run / file).write_bytes(content)
        state = attempt(lambda: recorded_state(run))
        assert state is None or 0 <= state.train_loss.length <= STEPS
        attempt(lambda: recorded_state(run, 10))
        attempt(lambda: write_csv(run, io.TextIOWrapper(io.BytesIO(), "utf-8")))
        for field, _ in reader.edits(run, STEPS):
            assert field in ("lr", "decay")

    fuzz(file, damaged((run / file).read_bytes()), check)


def test_a_damaged_run_continues_from_a_sound_state(fuzz: Fuzz, whole: Path, run: Path) -> None:
    whole_lines = (whole / FILES[0]).read_bytes().splitlines()

    def check(case: tuple[bytes, bytes, int]) -> None:
        *contents, step = case
        for file, content in zip(FILES, contents, strict=True):
            (run / file).write_bytes(content)
        if (resumed := attempt(lambda: resumable(run))) is None:
            return  # an edit is gone or another one, but the log goes on
        snapshot, warnings = resumed
        for warning in warnings:
            check_line(warning)
        check_branch(run, step, snapshot.step)
        shown = recorded_state(run, snapshot.step)
        copy = Path(shutil.copytree(run, run.with_name("copy")))
        RunWriter.reopen(copy, snapshot).close()
        state = recorded_state(copy)
        shutil.rmtree(copy)
        check_sound(state, snapshot.step)
        check_sound(shown, snapshot.step)
        # The log ends with the saved checkpoint's line, which is added if it is missing. Lost
        # edits are added, too.
        *before, saved = without_edits(state)
        assert saved.startswith("saved")
        assert without_edits(shown)[: len(before)] == before
        for warning in warnings:
            assert "skipped" in warning or "lost" in warning
        if contents[0].splitlines()[:STEPS] == whole_lines:
            assert snapshot.step == STEPS

    lines = (damaged((run / file).read_bytes()) for file in FILES)
    fuzz("runs to go on with", st.tuples(*lines, st.sampled_from([0, 10, 20])), check)


EDITS = ("lr ", "decay ", "undid: decay ")


def without_edits(state: SessionState) -> list[str]:
    return [line.text for line in state.log if not line.text.startswith(EDITS)]


def check_sound(state: SessionState, step: int) -> None:
    assert state.train_loss.steps.tolist() == list(range(1, step + 1))
    assert state.test_loss.length == step // 5
    assert len(state.analyses.measures) == step // 10


def check_branch(run: Path, step: int, reached: int) -> None:
    """Check that a branch is complete or does not exist."""
    child = run.with_name("child")
    made = attempt(lambda: branch(checkpoint_path(run / "checkpoints", step), child))
    assert made is None or step <= reached
    assert child.exists() == (made is not None)
    if made:
        check_sound(recorded_state(child), step)
        shutil.rmtree(child)
