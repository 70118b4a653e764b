"""Recordings that are killed many times, compared with an undisturbed one."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import SMALL, Result, Running, call, records, summary
from faults import MOMENTS

from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import checkpoints_in, load

pytestmark = pytest.mark.slow

STEPS = 600
CONFIG = (
    *SMALL,
    *("--steps", str(STEPS), "--checkpoint-every", "50", "--analyze-every", "25"),
    *("--keep", "first, last 3, every 4, phases"),
)
KILLING = (sys.executable, str(Path(__file__).with_name("killing.py")))
# Writing calls, and about how many of each there are in 60 steps.
CALLS = {"pwrite": 14, "fsync": 10, "write": 4, "replace": 4, "mkdir analysis": 2, "unlink": 2}
# Calls that happen only once, at the start and at the end of the run.
FIRST = ("write .step-00000050", "1", "during")
LAST = [("write .summary", "1", "during"), ("replace .summary", "1", "before")]


@dataclass(frozen=True)
class Kill:
    """What a kill left. how: when it came. newest: the newest checkpoint's step."""

    how: str
    newest: int
    metrics: bytes
    partial: list[str]

    @property
    def lost(self) -> int:
        """Recorded steps that will be trained again."""
        return self.metrics.count(b"\n") - self.newest


@dataclass(frozen=True)
class Recording:
    run_dir: Path
    kills: list[Kill]
    end: Result


def _look(run_dir: Path, how: str) -> Kill:
    newest = load(checkpoints_in(run_dir / "checkpoints")[0])  # must not raise
    partial = [path.name for path in run_dir.rglob(".*.partial")]
    return Kill(how, newest.step, (run_dir / "metrics.jsonl").read_bytes(), partial)


def _going_on(run_dir: Path) -> tuple[str, ...]:
    return ("--record", str(run_dir), "--resume", str(run_dir))


def _from_outside(folder: Path) -> Recording:
    """A run killed while compiling, or after some more lines: few, or up to a checkpoint."""
    run_dir, rng = folder / "outside", random.Random(1)
    later = [rng.randint(3, 60) for _ in range(7)]
    moments = [later.pop(), *rng.sample([*later, None, None, None], 9)]
    arguments: tuple[str, ...] = ("--record", str(run_dir), *CONFIG)
    kills: list[Kill] = []
    for more in moments:
        running = Running(*arguments)
        running.wait_for_error("training on CPU" if more else "compiling")
        if more:
            running.wait_for_lines(run_dir, (kills[-1].newest if kills else 0) + more)
        running.send(signal.SIGKILL)
        assert running.end().code == -signal.SIGKILL
        kills.append(_look(run_dir, f"{more} lines later" if more else "compiling"))
        arguments = _going_on(run_dir)
    return Recording(run_dir, kills, call(*arguments))


def _from_inside(folder: Path) -> Recording:
    """A run killed before, during or right after writes of every kind."""
    run_dir, rng = folder / "inside", random.Random(2)
    kinds = [*rng.sample(sorted(CALLS), len(CALLS)), rng.choice(sorted(CALLS))]
    strikes = [(kind, str(rng.randint(1, CALLS[kind])), rng.choice(MOMENTS)) for kind in kinds]
    arguments: tuple[str, ...] = ("--record", str(run_dir), *CONFIG)
    kills: list[Kill] = []
    for strike in [FIRST, *strikes, *LAST]:
        killed = Running(*arguments, command=(*KILLING, *strike)).end()
        assert killed.code == -signal.SIGKILL, (strike, killed)
        like, number, moment = strike
        kills.append(_look(run_dir, f"{moment} {like} {number}"))
        arguments = _going_on(run_dir)
    return Recording(run_dir, kills, call(*arguments))


def _undisturbed(folder: Path) -> Recording:
    run_dir = folder / "whole"
    return Recording(run_dir, [], call("--record", str(run_dir), *CONFIG))


@pytest.fixture(scope="module")
def futures(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[Recording]]]:
    """All three recordings, two at a time, since most of each is compiling on one core."""
    folder = tmp_path_factory.mktemp("killed")
    makers = {"outside": _from_outside, "inside": _from_inside, "whole": _undisturbed}
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(maker, folder) for name, maker in makers.items()}


@pytest.fixture(scope="module")
def whole(futures: dict[str, Future[Recording]]) -> Recording:
    return futures["whole"].result()


@pytest.fixture(scope="module", params=["outside", "inside"])
def killed(futures: dict[str, Future[Recording]], request: pytest.FixtureRequest) -> Recording:
    return futures[request.param].result()


def names(run_dir: Path) -> set[str]:
    return {str(path.relative_to(run_dir)) for path in run_dir.rglob("*")}


def test_every_kill_leaves_a_checkpoint_and_all_lines_before_it(
    killed: Recording, whole: Recording, record_property: Callable[[str, object], None]
) -> None:
    lines = (whole.run_dir / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    assert len(killed.kills) == 10
    for kill in killed.kills:
        assert kill.metrics.startswith(b"".join(lines[: kill.newest])), kill.how
        assert b"".join(lines).startswith(kill.metrics[: kill.metrics.rfind(b"\n") + 1])
    for before, after in pairwise(killed.kills):
        assert before.newest <= after.newest
    partial = sum(1 for kill in killed.kills if kill.partial)
    lost = ", ".join(f"{kill.lost} ({kill.how})" for kill in killed.kills)
    record_property("kills that left half a file", partial)
    record_property("steps lost", lost)
    print(f"{partial} of {len(killed.kills)} kills left half a file; steps lost: {lost}")


def test_all_files_end_up_as_in_a_run_that_never_stopped(
    killed: Recording, whole: Recording
) -> None:
    assert killed.end.code == whole.end.code == 0, killed.end.err
    assert names(killed.run_dir) == names(whole.run_dir)
    for name in sorted(names(whole.run_dir)):
        if name.endswith((".npz", "metrics.jsonl", "config.toml")):
            ours = (killed.run_dir / name).read_bytes()
            assert ours == (whole.run_dir / name).read_bytes(), name


def test_checkpoints_are_equal_but_for_seconds(killed: Recording, whole: Recording) -> None:
    paths = checkpoints_in(whole.run_dir / "checkpoints")
    assert len(paths) >= 5
    for path in paths:
        one, other = load(path), load(killed.run_dir / "checkpoints" / path.name)
        for field in fields(Snapshot):
            if field.name != "seconds":
                np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))


def told(run_dir: Path) -> list[dict[str, Any]]:
    """The events, without times and without the starts of later sittings."""
    lines = records(run_dir / "events.jsonl")
    for line in lines:
        del line["time"]
        line.pop("compile_seconds", None)
    return [line for i, line in enumerate(lines) if i == 0 or line["event"] != "started"]


def test_events_are_equal_but_for_times_and_starts(killed: Recording, whole: Recording) -> None:
    assert told(killed.run_dir) == told(whole.run_dir)
    events = records(killed.run_dir / "events.jsonl")
    starts = [line["step"] for line in events if line["event"] == "started"]
    assert len(starts) > 3
    assert starts == sorted(starts)


def test_the_summary_is_equal_but_for_times(killed: Recording, whole: Recording) -> None:
    one, other = (
        {k: v for k, v in summary(run.run_dir).items() if "second" not in k}
        for run in (killed, whole)
    )
    assert one == other
    assert one["exit"] == "completed"
