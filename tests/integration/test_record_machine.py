"""What a headless run needs from the machine: a compiler and disk space."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import (
    ENDLESS,
    SMALL,
    Result,
    Running,
    call,
    environment,
    line_count,
    records,
    summary,
)

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="ziglang and prlimit are Linux's"
)

# How many bytes a file may still grow before the disk is full: a few lines.
ROOM = 300

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Full:
    """A run that filled its disk, and its continuation with more space."""

    run_dir: Path
    result: Result
    steps_left: list[int]
    checkpoints_left: list[str]
    size: int
    limit: int
    resumed: Result


def _full(folder: Path) -> Full:
    import resource

    run_dir = folder / "full"
    running = Running("--record", str(run_dir), *ENDLESS, "--checkpoint-every", "50")
    saved = run_dir / "checkpoints" / "step-00000100.safetensors"
    running.wait_for(saved.exists, "the checkpoint of step 100")
    limit = (run_dir / "metrics.jsonl").stat().st_size + ROOM
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    result = running.end()
    left = [line["step"] for line in records(run_dir / "metrics.jsonl")]
    names = [path.name for path in (run_dir / "checkpoints").iterdir()]
    size = (run_dir / "metrics.jsonl").stat().st_size
    resumed = call("--resume", str(run_dir), "--steps", str(len(left) + 10))
    return Full(run_dir, result, left, names, size, limit, resumed)


def _bare(folder: Path, *before: str) -> dict[str, str]:
    """An environment with a new home and no compiler on the path except in `before`."""
    bare = folder / "bin"
    bare.mkdir(parents=True)
    for name in ("sh", "uname"):
        if found := shutil.which(name):
            (bare / name).symlink_to(found)
    kept = {k: v for k, v in environment().items() if not k.startswith("XDG_") and k != "CC"}
    path = os.pathsep.join([*before, str(bare)])
    return {**kept, "HOME": str(folder), "PATH": path}


def _fresh_home(folder: Path) -> tuple[Path, Result]:
    home = folder / "home"
    env = _bare(home)
    assert shutil.which("clang", path=env["PATH"]) is None
    run_dir = home / "run"
    return home, call("--record", str(run_dir), *SMALL, "--steps", "5", env=env)


def _own_clang(folder: Path) -> tuple[Path, str]:
    """The arguments of the first call of a clang on the path."""
    home, tools = folder / "own", folder / "tools"
    tools.mkdir()
    said = folder / "said"
    ziglang = pytest.importorskip("ziglang")
    zig = shlex.quote(str(Path(ziglang.__file__).with_name("zig")))
    clang = tools / "clang"
    clang.write_text(f'#!/bin/sh\necho "$@" >> {said}\nexec {zig} clang "$@"\n')
    clang.chmod(clang.stat().st_mode | stat.S_IXUSR)
    env = _bare(home, str(tools))
    running = Running("--record", str(home / "run"), *SMALL, env=env)
    try:
        running.wait_for(said.exists, "a call of clang")
        running.wait_for(lambda: said.read_text().endswith("\n"), "a whole line")
        return home, said.read_text().splitlines()[0]
    finally:
        running.kill()


@dataclass(frozen=True)
class Machine:
    full: Future[Full]
    fresh_home: Future[tuple[Path, Result]]
    own_clang: Future[tuple[Path, str]]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """All runs, two at a time, since most of each is compiling on one core."""
    folder = tmp_path_factory.mktemp("machine")
    with ThreadPoolExecutor(2) as pool:
        yield Machine(*(pool.submit(run, folder) for run in (_full, _fresh_home, _own_clang)))  # type: ignore[arg-type]


@linux_only
def test_a_full_disk_ends_the_run_in_one_line(machine: Machine) -> None:
    full = machine.full.result()
    assert full.result.code == 1
    assert full.result.out == ""
    assert "Traceback" not in full.result.err
    lines = full.result.err.splitlines()
    said = [line for line in lines if "cannot write the run: File too large" in line]
    assert said == lines[-2:-1]
    assert f"Saved in {full.run_dir}. Continue: " in lines[-1]


@linux_only
def test_a_full_disk_leaves_complete_lines_and_checkpoints(machine: Machine) -> None:
    full = machine.full.result()
    assert 0 < full.size <= full.limit
    assert full.steps_left == list(range(1, len(full.steps_left) + 1))
    assert "step-00000100.safetensors" in full.checkpoints_left
    assert all(name.endswith(".safetensors") for name in full.checkpoints_left)
    assert not any(name.startswith(".") for name in full.checkpoints_left)


@linux_only
def test_a_run_continues_when_there_is_space_again(machine: Machine) -> None:
    full = machine.full.result()
    assert full.resumed.code == 0
    steps = [line["step"] for line in records(full.run_dir / "metrics.jsonl")]
    assert steps == list(range(1, len(full.steps_left) + 11))
    assert summary(full.run_dir)["exit"] == "completed"
    events = records(full.run_dir / "events.jsonl")
    starts = [r["step"] for r in events if r["event"] == "started"]
    newest = max(int(name[5:13]) for name in full.checkpoints_left)
    assert starts == [0, newest]


@linux_only
def test_a_fresh_home_without_clang_trains(machine: Machine) -> None:
    home, result = machine.fresh_home.result()
    assert result.code == 0
    assert line_count(home / "run") == 5
    (wrapper,) = (home / ".cache" / "grok-tui").glob("clang-*")
    assert os.access(wrapper, os.X_OK)
    assert " clang " in wrapper.read_text()


@linux_only
def test_a_clang_on_the_path_is_preferred(machine: Machine) -> None:
    home, words = machine.own_clang.result()
    assert "--target=" in words
    assert not list((home / ".cache" / "grok-tui").glob("clang-*"))
