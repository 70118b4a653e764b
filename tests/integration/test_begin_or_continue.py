"""`--record DIR --resume DIR ...`: one line that begins a run, and continues it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from command_line import SMALL, Running, call, line_count, records, summary

LINE = ("--record", "run", "--resume", "run", "--preset", "quick", *SMALL)


@pytest.mark.slow
def test_one_line_begins_and_continues_a_run(tmp_path: Path) -> None:
    running = Running(*LINE, "--steps", "2e6", cwd=tmp_path)
    running.wait_for_lines(tmp_path / "run", 25)
    running.send(signal.SIGTERM)
    begun = running.end()
    assert begun.code == 143
    assert begun.err.splitlines()[-1] == (
        "grok-tui: Saved in run. Continue: grok-tui --resume run"
    )
    done = line_count(tmp_path / "run")
    steps = str(done + 10)
    (tmp_path / "settings.toml").write_text("modulus = 13\n")
    continued = call(*LINE, "--steps", steps, "--config", "settings.toml", cwd=tmp_path)
    assert continued.code == 0
    assert continued.err.splitlines()[-1] == "grok-tui: Saved in run"
    assert line_count(tmp_path / "run") == done + 10
    edits = [e["field"] for e in records(tmp_path / "run" / "events.jsonl") if "field" in e]
    assert edits == ["steps"]

    complete = call(*LINE, "--steps", steps, cwd=tmp_path)
    assert (complete.code, complete.out) == (0, "")
    assert f"is complete at step {steps}" in complete.err
    other = call(*LINE, "--preset", "nanda", cwd=tmp_path)
    assert other.code == 2
    assert "run began with weight_decay 3, not with 1; leave out" in other.refusal()
    assert (
        "--modulus cannot change"
        in call(*LINE, "--steps", steps, "--modulus", "11", cwd=tmp_path).refusal()
    )


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_what_the_line_continues(tmp_path: Path) -> None:
    line = (*LINE, "--steps", "30")
    for moment in ("compiling the training step", "compiling the evaluation", "training on"):
        running = Running(*line, cwd=tmp_path)
        running.wait_for_error(moment)
        running.send(signal.SIGKILL)
        running.end()
    assert call(*line, cwd=tmp_path).code == 0
    assert summary(tmp_path / "run")["exit"] == "completed"
