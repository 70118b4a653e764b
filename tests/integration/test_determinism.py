"""The same config gives the same bytes, no matter how often the run is interrupted."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from small_runs import Line, go_on, on, record, small

from grok_tui.cli.headless import train_headless
from grok_tui.protocol.commands import Pause, Resume, SetField, Step, Stop
from grok_tui.protocol.events import Compiling, Paused
from grok_tui.sources.job import Job

pytestmark = pytest.mark.usefixtures("cpu")

CONFIG = small(steps=60)
# Long enough for a signal to come before the end on any machine.
LONG = 100_000
LIMIT = 60.0


def metrics(run_dir: Path) -> bytes:
    return (run_dir / "metrics.jsonl").read_bytes()


@pytest.fixture(scope="module")
def straight(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The metrics of 60 uninterrupted steps."""
    run_dir = tmp_path_factory.mktemp("straight") / "run"
    record(CONFIG, run_dir)
    assert metrics(run_dir).count(b"\n") == CONFIG.steps
    return metrics(run_dir)


def test_the_same_config_gives_the_same_bytes(straight: bytes, tmp_path: Path) -> None:
    record(CONFIG, tmp_path / "again")
    assert metrics(tmp_path / "again") == straight


@pytest.mark.slow
def test_a_run_continued_past_its_end_has_only_that_evaluation_more(
    straight: bytes, tmp_path: Path
) -> None:
    """The end at step 30 leaves no trace; step 37 has no evaluation of its own."""
    record(CONFIG.changed(steps=30), tmp_path / "cut")
    assert metrics(tmp_path / "cut") == b"".join(straight.splitlines(keepends=True)[:30])
    go_on(tmp_path / "cut", steps=37)
    go_on(tmp_path / "cut", steps=60)
    lines, expected = metrics(tmp_path / "cut").splitlines(), straight.splitlines()
    assert b'"test_loss"' in lines[36]
    assert lines[36].startswith(expected[36].removesuffix(b"}"))
    assert lines[:36] + lines[37:] == expected[:36] + expected[37:]


def _interrupt_when(run_dir: Path, size: int, gave_up: list[str]) -> None:
    """Send SIGINT to this process once the metrics have `size` bytes."""
    path, deadline = run_dir / "metrics.jsonl", time.monotonic() + LIMIT
    while not path.exists() or path.stat().st_size < size:
        if time.monotonic() > deadline:
            gave_up.append("the metrics never came")
            break
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_at_any_moment_leaves_no_trace(
    straight: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not sys.stderr.isatty()
    run_dir, gave_up = tmp_path / "run", list[str]()
    handler = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=_interrupt_when, args=(run_dir, 1000, gave_up))
    thread.start()
    # At most two evaluations; where it stops between them is random.
    code = train_headless(Job(CONFIG.changed(steps=LONG), run_dir))
    thread.join()
    assert not gave_up
    assert code == 130
    assert signal.getsignal(signal.SIGINT) is handler
    assert "stopped: SIGINT" in capsys.readouterr().err
    stopped = metrics(run_dir).count(b"\n")
    assert stopped < LONG
    end = max(60, stopped + 7)
    go_on(run_dir, steps=end)
    lines = metrics(run_dir).splitlines(keepends=True)
    assert len(lines) == end
    assert b"".join(lines[:60]) == straight
    if end > 60:
        record(CONFIG.changed(steps=end), tmp_path / "straight")
        assert metrics(run_dir) == metrics(tmp_path / "straight")


def _edits(*then: Stop | Resume | Step) -> list[Line]:
    """A script: twenty steps, an edit of both betas, then `then`."""
    return [
        (on(Compiling), [Pause()]),
        (on(Paused, 0), [Step(20)]),
        (on(Paused, 20), [SetField("beta1", 0.7), SetField("beta2", 0.9), then[0]]),
        *((on(Paused, 37), [command]) for command in then[1:]),
    ]


@pytest.mark.slow
def test_coupled_decay_and_edited_betas_survive_a_cut(straight: bytes, tmp_path: Path) -> None:
    config = CONFIG.changed(decay="coupled", weight_decay=0.01)
    record(config, tmp_path / "straight", *_edits(Resume()))
    record(config, tmp_path / "cut", *_edits(Step(17), Stop("cut")))
    assert metrics(tmp_path / "cut").count(b"\n") == 37
    go_on(tmp_path / "cut")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "straight") != straight


@pytest.mark.slow
def test_two_layers_continue_from_an_older_checkpoint(cpu: str, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    record(CONFIG.changed(n_layers=2, steps=40, checkpoint_every=23), run_dir)
    straight = metrics(run_dir)
    assert straight.count(b"\n") == 40
    (run_dir / "checkpoints" / "step-00000040.safetensors").unlink()
    again = go_on(run_dir)
    assert again.losses().size == 40 - 23
    assert metrics(run_dir) == straight
