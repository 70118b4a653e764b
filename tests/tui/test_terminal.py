"""The installed `grok-tui` in a real pseudo-terminal, with a real trainer."""

from __future__ import annotations

import json
import os
import signal
import time
import tomllib
from pathlib import Path

import pytest
from terminal import ALTERNATE_ON, SMALL, Start, Terminal, processes

pytestmark = [
    pytest.mark.usefixtures("cpu"),
    pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning"),
]

# On an idle machine, the first frame takes half a second; a test machine may be busy.
FIRST_FRAME_SECONDS = 3.0


@pytest.fixture
def training(start: Start) -> tuple[Terminal, int]:
    """A session that trains, and its trainer's process ID."""
    terminal = start("--preset", "nanda", *SMALL)
    terminal.until(lambda: terminal.step() > 0 or "FAILED" in terminal.text(), 60)
    assert "FAILED" not in terminal.text(), terminal.text()
    return terminal, terminal.trainer()


def assert_saved(folder: Path) -> int:
    """Check that the only run has a last checkpoint and a summary; returns its last step."""
    (run_dir,) = (folder / "runs").iterdir()
    steps = int(json.loads((run_dir / "summary.json").read_text())["steps"])
    assert (run_dir / "checkpoints" / f"step-{steps:08}.safetensors").exists()
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, steps + 1))
    return steps


def assert_gone(group: int, seconds: float = 10.0) -> None:
    """Check that no process of the trainer's group is left."""
    end = time.monotonic() + seconds
    while any(g == group for _, _, g in processes()):
        assert time.monotonic() < end, "the trainer lives on"
        time.sleep(0.02)


def test_a_session_from_its_first_frame_to_its_end(start: Start, tmp_path: Path) -> None:
    terminal = start(*SMALL)
    terminal.until(lambda: ALTERNATE_ON in terminal.output and "quick" in terminal.text())
    assert time.monotonic() - terminal.started < FIRST_FRAME_SECONDS

    terminal.press("\r")
    terminal.shows("COMPILING")
    terminal.shows("RUNNING", 60)
    terminal.until(lambda: terminal.step() > 0)

    terminal.press(" ")
    terminal.shows("PAUSED")
    paused_at = terminal.step()
    terminal.press("s")
    terminal.until(lambda: terminal.step() > paused_at and "PAUSED" in terminal.text())
    assert terminal.step() == paused_at + 1
    terminal.press("S")
    terminal.until(lambda: terminal.step() > paused_at + 1 and "PAUSED" in terminal.text())
    assert terminal.step() == paused_at + 101

    terminal.shows("weight_decay 3 ")
    terminal.press("]")
    terminal.until(
        lambda: "weight_decay 4 " in terminal.text() and "pending" not in terminal.text()
    )
    assert "weight_decay 3 → 4" in terminal.text()

    terminal.press("\x03")
    terminal.shows("End this run?")
    terminal.press("\x1b")
    terminal.until(lambda: "End this run?" not in terminal.text())
    trainer = terminal.trainer()
    terminal.press("q")
    terminal.shows("Stop and save")
    terminal.press("\r")
    assert terminal.exit_code() == 0
    terminal.assert_restored()
    assert assert_saved(tmp_path) == paused_at + 101
    assert_gone(trainer)
    (run_dir,) = (tmp_path / "runs").iterdir()
    assert f"--resume runs/{run_dir.name}" in terminal.output.decode()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_restores_the_terminal(
    training: tuple[Terminal, int], tmp_path: Path, number: signal.Signals
) -> None:
    terminal, trainer = training
    os.kill(terminal.pid, number)
    assert terminal.exit_code() == 128 + number
    terminal.assert_restored()
    assert assert_saved(tmp_path) > 0
    assert_gone(trainer)


@pytest.mark.slow
def test_closing_the_window_saves(training: tuple[Terminal, int], tmp_path: Path) -> None:
    terminal, trainer = training
    ui = terminal.pid
    terminal.close()
    assert_gone(trainer)
    assert_gone(ui)
    assert assert_saved(tmp_path) > 0


@pytest.mark.slow
def test_a_killed_trainer_is_shown_at_once_and_the_run_continues(
    training: tuple[Terminal, int], tmp_path: Path
) -> None:
    terminal, trainer = training
    terminal.press("c")
    terminal.shows("saved checkpoints/step-")
    terminal.press(" ")
    terminal.shows("PAUSED")
    os.kill(trainer, signal.SIGKILL)
    terminal.shows("FAILED", 1.0)
    terminal.shows("The run has failed: the trainer was killed by SIGKILL")
    checkpoints = (tmp_path / "runs").glob("*/checkpoints/*")
    newest = max(int(path.stem.removeprefix("step-")) for path in checkpoints)
    terminal.shows(f"Continue from step {newest}")
    terminal.press("\r")
    terminal.shows("RUNNING", 60)
    terminal.until(lambda: terminal.step() > newest)
    assert_gone(trainer)

    os.kill(terminal.trainer(), signal.SIGKILL)
    terminal.shows("The run has failed")
    terminal.press("qq")  # closes the question, then the session
    assert terminal.exit_code() == 1
    terminal.assert_restored()
    assert b"error: the trainer was killed by SIGKILL" in terminal.output


@pytest.mark.slow
def test_a_restart_a_branch_and_an_undo(training: tuple[Terminal, int], tmp_path: Path) -> None:
    terminal, first = training
    runs = tmp_path / "runs"
    terminal.press("]]")
    terminal.shows("weight_decay 1.5 ")
    terminal.press("z")
    terminal.shows("weight_decay 1.5 → 1.2")
    terminal.press("c")
    terminal.shows("saved checkpoints/step-")

    terminal.press("b")
    terminal.shows("Branch from which checkpoint?")
    terminal.press("\r")
    terminal.shows("PAUSED", 60)
    terminal.shows("ghost: ")
    terminal.shows("weight_decay 1.2 ")
    parent, branch = sorted(runs.iterdir(), key=lambda run: "branch" in run.name)
    told = tomllib.loads((branch / "config.toml").read_text())["parent"]
    assert told["run"] == f"runs/{parent.name}"
    assert terminal.step() == told["step"] > 0
    terminal.until((parent / "summary.json").exists)
    assert_gone(first)
    terminal.press("z")
    terminal.shows("weight_decay 1 ")
    terminal.press(" ")
    terminal.until(lambda: terminal.step() > told["step"])

    terminal.press("r")
    terminal.shows("Start a new run from step 0?")
    terminal.press("\r")
    terminal.shows("COMPILING")
    terminal.shows("RUNNING", 60)
    terminal.press("q\r")
    assert terminal.exit_code() == 0
    terminal.assert_restored()
    assert len(list(runs.iterdir())) == 3
    for run in runs.iterdir():
        steps = json.loads((run / "summary.json").read_text())["steps"]
        lines = (run / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines] == list(range(1, steps + 1))
        assert (run / "checkpoints" / f"step-{steps:08}.safetensors").exists()


@pytest.mark.slow
def test_the_panes_of_a_real_run(training: tuple[Terminal, int]) -> None:
    terminal, _ = training
    terminal.press("3")
    terminal.shows("residue 0")
    terminal.press("4")
    terminal.shows("─ Grid ")
    for key, words in (
        ("5", "W_E above, W_L below"),
        ("6", "Gini of W_E"),
        ("7", "key frequencies"),
        ("8", "head 0, token 0"),
        ("9", "neuron "),
    ):
        terminal.press(key)
        terminal.shows(words)
    terminal.press("0")
    terminal.shows("enter asks for a pair")
    terminal.press("\r")
    terminal.shows("two numbers, such as")
    terminal.press("12 7\r")
    terminal.shows("12 + 7 = ")
    terminal.shows("(mod 13)")
    terminal.press("l")
    terminal.shows("on CPU: ")
    terminal.press("?")
    terminal.shows("weight decay")
    terminal.press("\x1b")
    terminal.until(lambda: "What is going on" not in terminal.text())
    terminal.press("q\r")
    assert terminal.exit_code() == 0
    terminal.assert_restored()


@pytest.mark.slow
def test_a_killed_session_ends_its_trainer(training: tuple[Terminal, int]) -> None:
    terminal, trainer = training
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.process.wait()
    assert_gone(trainer)


def test_a_session_left_while_compiling_is_gone_soon(start: Start) -> None:
    terminal = start("--preset", "nanda", "--no-save", *SMALL, size=(80, 24))
    terminal.shows("COMPILING")
    trainer = terminal.trainer()
    left = time.monotonic()
    terminal.press("\x03\x03")
    assert terminal.exit_code() == 0
    assert time.monotonic() - left < 5.0
    terminal.assert_restored()
    assert_gone(trainer)
