"""Sweeps by the installed command, with local workers and with those of a scheduler."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    SMALL,
    Running,
    call,
    environment,
    line_count,
    summary,
    wait_until,
)

pytestmark = pytest.mark.slow

STEPS = 900
SPEC = """
seeds = {seeds}
steps = {steps}
stop-when = "never"

[base]
modulus = 13
d-model = 32
n-heads = 2
d-mlp = 64
lr = 3e-3
device = "CPU"
checkpoint-every = 100

[axes]
weight-decay = [1, 3]
"""
NAMES = [f"weight_decay-{wd}_seed-{seed}" for seed in (0, 1) for wd in (1, 3)]


def spec(folder: Path, *, seeds: int = 2, steps: int = STEPS, more: str = "") -> str:
    path = folder / "spec.toml"
    path.write_text(SPEC.format(seeds=seeds, steps=steps) + more)
    return str(path)


def env() -> dict[str, str]:
    """The environment without warnings as errors, since Dask and its dependencies warn."""
    kept = environment()
    del kept["PYTHONWARNINGS"]
    return kept


def results(sweep: Path) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = json.loads((sweep / "sweep.json").read_text())["points"]
    return points


def test_finished_points_are_kept_when_the_grid_grows(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    first = call("sweep", spec(tmp_path, seeds=1, steps=60), "-o", str(sweep), env=env())
    assert first.code == 0, first.err
    rows = [line.split() for line in first.out.splitlines()[1:]]
    assert rows == [["1", "never"], ["3", "never"]]
    assert "2 of 2 points to train, in " in first.err
    assert [point["run"] for point in results(sweep)] == NAMES[:2]
    assert {point["state"] for point in results(sweep)} == {"done"}
    done = {name: (sweep / name / "metrics.jsonl").stat().st_mtime_ns for name in NAMES[:2]}

    second = call("sweep", spec(tmp_path, steps=60), "-o", str(sweep), "--json", env=env())
    assert second.code == 0, second.err
    assert "2 of 4 points to train" in second.err
    assert json.loads(second.out) == json.loads((sweep / "sweep.json").read_text())
    assert [line_count(sweep / name) for name in NAMES] == [60] * 4
    table = call("export", str(sweep), "--to", "csv").out
    assert table == (sweep / "index.csv").read_text()
    compared = call("compare", str(sweep)).out
    assert compared.startswith("weight_decay  steps to grok\n1             never\n")
    assert all(name in compared for name in NAMES)
    assert done == {n: (sweep / n / "metrics.jsonl").stat().st_mtime_ns for n in NAMES[:2]}


def test_failed_points_are_reported_and_can_be_retried_alone(tmp_path: Path) -> None:
    """At one of two learning rates, the weights overflow."""
    sweep = tmp_path / "sweep"
    more = "lr = [3e-3, 10]\n"
    flags = ("sweep", spec(tmp_path, seeds=1, steps=60, more=more), "-o", str(sweep))
    found = call(*flags, env=env())
    assert found.code == 1, found.err
    states = {point["run"]: point["state"] for point in results(sweep)}
    assert states == {
        f"weight_decay-{wd}_lr-{lr}_seed-0": "failed" if lr == "10" else "done"
        for wd in (1, 3)
        for lr in ("0.003", "10")
    }
    assert "weight_decay-1_lr-10_seed-0 failed: diverged" in found.err

    nothing = call(*flags, env=env())
    assert nothing.code == 1
    assert "to train" not in nothing.err
    again = call(*flags, "--retry-failed", env=env())
    assert again.code == 1
    assert "2 of 4 points to train" in again.err


@contextlib.contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Dask's own programs."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a scheduler on 127.0.0.1, and its process."""
    file = tmp_path / "scheduler.json"
    flags = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    module = "distributed.cli.dask_scheduler"
    with started(module, *flags, "--scheduler-file", str(file), cwd=tmp_path) as process:
        wait_until(file.exists, "the scheduler's file")
        yield json.loads(file.read_text())["address"], process


def worker(address: str, cwd: Path) -> contextlib.AbstractContextManager[Any]:
    flags = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    return started("distributed.cli.dask_worker", address, *flags, cwd=cwd)


def busy(sweep: Path) -> list[Path]:
    """The unfinished runs that are beyond their first checkpoint."""
    runs = [sweep / name for name in NAMES]
    return [run for run in runs if 150 < line_count(run) < STEPS - 100]


def test_points_of_a_dead_worker_are_trained_by_others(
    scheduler: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    address, _ = scheduler
    sweep = tmp_path / "sweep"
    with worker(address, tmp_path) as one, worker(address, tmp_path):
        running = Running(
            "sweep", spec(tmp_path), "-o", str(sweep), "--scheduler", address, env=env()
        )
        running.wait_for(lambda: len(busy(sweep)) == 4, "two groups of two at once")
        one.kill()
        result = running.end()
    assert result.code == 0, result.err
    assert [point["state"] for point in results(sweep)] == ["done"] * 4
    assert "4/4" in result.err
    cut = [name for name in NAMES if _starts(sweep / name) > 1]
    assert len(cut) == 2  # the dead worker's group
    # A run that was cut ends with the same lines as an uncut one.
    seed = cut[0][-1]
    flags = (
        "--weight-decay",
        cut[0][len("weight_decay-")],
        "--seed",
        seed,
        "--data-seed",
        seed,
    )
    alone = tmp_path / "alone"
    whole = call(
        *("--record", str(alone), *SMALL, *flags, "--steps", str(STEPS)),
        *("--checkpoint-every", "100"),
    )
    assert whole.code == 0, whole.err
    expected = (alone / "metrics.jsonl").read_bytes()
    assert (sweep / cut[0] / "metrics.jsonl").read_bytes() == expected


def _starts(run: Path) -> int:
    """The number of sittings of a run."""
    return (run / "events.jsonl").read_text().count('"event": "started"')


def test_losing_the_scheduler_ends_cleanly_and_the_sweep_can_continue(
    scheduler: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    address, process = scheduler
    sweep = tmp_path / "sweep"
    flags = ("sweep", spec(tmp_path, seeds=1), "-o", str(sweep))
    running = Running(*flags, "--scheduler", address, env=env())
    running.wait_for_error("waiting for a worker of the scheduler")
    with worker(address, tmp_path):
        running.wait_for(lambda: bool(busy(sweep)), "a run")
        process.kill()
        result = running.end()
        assert result.code == 1
        assert result.err.splitlines()[-1].endswith(
            "the scheduler is gone; finished points are kept, and the same command continues"
        )
        assert "Traceback" not in result.err
    again = call(*flags, env=env())
    assert again.code == 0, again.err
    assert [point["state"] for point in results(sweep)] == ["done"] * 2
    assert [summary(sweep / name)["steps"] for name in NAMES[:2]] == [STEPS] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_sweep_and_its_workers(number: signal.Signals, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    flags = ("sweep", spec(tmp_path, seeds=1, steps=1_000_000), "-o", str(sweep))
    running = Running(*flags, "--workers", "1", env=env())
    running.wait_for(lambda: bool(busy(sweep)), "a run")
    running.send(number)
    result = running.end()
    assert result.code == 128 + number
    assert result.err.splitlines()[-1].startswith("grok-tui: stopped; finished points are kept")
    assert "leaked" not in result.err


def test_a_missing_scheduler_is_refused(tmp_path: Path) -> None:
    flags = ("--scheduler", "tcp://127.0.0.1:9")
    found = call("sweep", spec(tmp_path), "-o", str(tmp_path / "sweep"), *flags, env=env())
    assert found.code == 2
    assert "no scheduler at tcp://127.0.0.1:9" in found.err
    assert "Traceback" not in found.err
