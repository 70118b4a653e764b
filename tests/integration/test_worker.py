"""The trainer in a child process: its pipe, and all the ways it can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from command_line import LIMIT, checkpoint_steps, environment, records, wait_until
from model_for import model_for
from small_runs import small
from workers import Watched, group, wait_until_gone

from grok_tui.config.schema import Config
from grok_tui.protocol.commands import Pause, Resume, SetField
from grok_tui.protocol.events import (
    Compiling,
    ConfigApplied,
    Evaluated,
    Failed,
    Losses,
    Paused,
    Started,
    Stopped,
)
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.sources.job import Job
from grok_tui.tasks.registry import make_task

ENDLESS = small(steps=10_000_000)
E = TypeVar("E")

# A session without a screen, which a test kills.
PARENT = """
import sys, time
from pathlib import Path
from grok_tui.config.schema import Config
from grok_tui.sources.job import Job
from grok_tui.sources.worker import WorkerSource
source = WorkerSource(Job(Config.model_validate_json(sys.argv[1]), Path(sys.argv[2])))
source.start(lambda event: None)
print(source.pid, flush=True)
time.sleep(600)
"""


def untrained(config: Config) -> Snapshot:
    """A snapshot of a config before its first step."""
    weights = model_for(config).initial_weights()
    zeros = {name: np.zeros_like(weight) for name, weight in weights.items()}
    mask, fields = make_task(config).train_mask, config.model_dump(mode="json")
    return Snapshot(0, weights, zeros, zeros, (1.0, 1.0), mask, fields, {}, {})


def test_events_arrive_commands_work_interrupts_do_not_and_closing_saves(
    watch: Callable[[Job], Watched], tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    child = watch(Job(ENDLESS.changed(checkpoint_every=10_000_000), run_dir))
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    child.until(Compiling, lambda e: e.done == 1)
    os.killpg(child.pid, signal.SIGINT)
    child.source.send(Pause())
    started = child.until(Started)
    assert started.config["steps"] == ENDLESS.steps
    assert child.until(Paused) == Paused(0)
    os.killpg(child.pid, signal.SIGINT)
    child.source.send(SetField("lr", 1e-3))
    assert child.until(ConfigApplied) == ConfigApplied(0, "lr", 3e-3, 1e-3)
    child.source.send(Resume())
    evaluated = child.until(Evaluated)
    assert evaluated.step == 10
    child.until(Losses, lambda e: e.step >= 30)
    child.source.close(LIMIT)
    assert not group(child.pid)
    stopped = child.until(Stopped, limit=1.0)
    assert stopped.reason == "stopped by the user"
    losses = [e for e in child.events if isinstance(e, Losses)]
    steps = [s for e in losses for s in range(e.first_step, e.step + 1)]
    assert steps == list(range(1, stopped.step + 1))
    lines = records(run_dir / "metrics.jsonl")
    assert [line["step"] for line in lines] == steps
    found = np.concatenate([e.train_loss for e in losses])
    np.testing.assert_array_equal(found, np.float32([line["train_loss"] for line in lines]))
    assert not child.more()
    assert checkpoint_steps(run_dir) == [0, stopped.step]
    assert child.source.log is None
    assert not list((tmp_path / "temporary").iterdir())
    child.source.send(Pause())  # has no effect and raises no error
    child.source.close(LIMIT)


def test_a_killed_child_is_noticed_within_a_second(watch: Callable[[Job], Watched]) -> None:
    child = watch(Job(ENDLESS))
    child.until(Compiling, lambda e: e.done == 1)
    os.kill(child.pid, signal.SIGKILL)
    failed = child.until(Failed, limit=1.0)
    assert failed.reason == "the trainer was killed by SIGKILL"
    assert failed.step == 0


def test_a_snapshot_that_does_not_fit_fails_with_the_reason(
    watch: Callable[[Job], Watched], tmp_path: Path
) -> None:
    wrong = untrained(ENDLESS.changed(d_model=16))
    child = watch(Job(ENDLESS, snapshot=wrong))
    failed = child.until(Failed)
    assert "the snapshot's weights" in failed.reason
    assert "are not those of its config" in failed.reason
    assert "\n" not in failed.reason


def test_a_child_that_raises_fails_with_the_reason_and_keeps_its_log(
    watch: Callable[[Job], Watched],
) -> None:
    wrong = replace(untrained(ENDLESS), health={"no such": "number"})
    child = watch(Job(ENDLESS, snapshot=wrong))
    failed = child.until(Failed)
    assert failed.reason.startswith("the trainer broke: TypeError: ")
    assert "\n" not in failed.reason
    child.source.close(LIMIT)
    assert child.source.log
    assert "Traceback" in child.source.log.read_text()


class Unknown:
    """No command, and of a module that the child does not have."""


def test_a_child_that_cannot_read_its_commands_ends_with_the_reason(
    watch: Callable[[Job], Watched],
) -> None:
    child = watch(Job(ENDLESS))
    child.until(Compiling)
    child.source.send(Unknown())  # type: ignore[arg-type]
    reason = child.until(Failed).reason
    assert reason.startswith("the trainer exited unexpectedly with code 1: ModuleNotFoundError")


def test_a_device_that_does_not_open_fails_with_the_reason(
    watch: Callable[[Job], Watched], tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    child = watch(Job(ENDLESS.changed(device="NOSUCH"), run_dir))
    failed = child.until(Failed)
    assert failed.reason.startswith("device NOSUCH does not open: ")
    child.source.close(LIMIT)
    assert child.source.log is None
    assert not run_dir.exists()


def test_a_folder_that_is_not_empty_fails_with_the_reason(
    watch: Callable[[Job], Watched], tmp_path: Path
) -> None:
    (tmp_path / "notes").write_text("mine")
    failed = watch(Job(ENDLESS, tmp_path)).until(Failed)
    assert failed.reason.startswith(f"{tmp_path} is not empty")
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.parametrize("moment", ["compiling", "training"])
def test_a_child_does_not_outlive_a_killed_session(tmp_path: Path, moment: str) -> None:
    run_dir = tmp_path / "run"
    command = [sys.executable, "-c", PARENT, ENDLESS.model_dump_json(), str(run_dir)]
    parent = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(TMPDIR=str(tmp_path))
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    wanted = run_dir / ("metrics.jsonl" if moment == "training" else "config.toml")
    try:
        size = 1000 if moment == "training" else 1
        wait_until(lambda: wanted.exists() and wanted.stat().st_size >= size, moment)
        assert group(child)
        parent.kill()
        wait_until_gone(child, limit=10.0)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        for pid in group(child):
            os.kill(pid, signal.SIGKILL)
    if moment == "training":
        steps = [line["step"] for line in records(run_dir / "metrics.jsonl")]
        assert steps == list(range(1, len(steps) + 1))
        assert max(checkpoint_steps(run_dir)) == len(steps) > 0
        last = records(run_dir / "events.jsonl")[-1]
        assert (last["event"], last["reason"]) == ("stopped", "the session is gone")
