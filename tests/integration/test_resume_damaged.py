"""A run whose folder was damaged continues, and ends up as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_runs import Recording, go_on, on, record, small

from grok_tui.protocol.commands import Stop
from grok_tui.protocol.events import Evaluated, Started, Warned
from grok_tui.runs import analysis_files
from grok_tui.runs.checkpoints import checkpoint_path, load

pytestmark = pytest.mark.slow

CONFIG = small(steps=60, eval_every=10, analyze_every=15, checkpoint_every=20)


@pytest.fixture(scope="module")
def runs(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An uninterrupted run, and one stopped after step 50, ten steps after saving."""
    folder = tmp_path_factory.mktemp("damaged")
    record(CONFIG, folder / "whole")
    record(CONFIG, folder / "half", (on(Evaluated, 50), [Stop("later", save=False)]))
    return folder / "whole", folder / "half"


def checkpoint(run: Path, step: int) -> Path:
    return checkpoint_path(run / "checkpoints", step)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def lines(run: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = run / "metrics.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def a_flipped_bit(run: Path) -> None:
    flip(checkpoint(run, 40), -5)


def checkpoints_that_are_no_more(run: Path) -> None:
    checkpoint(run, 40).write_bytes(b"")
    flip(checkpoint(run, 20), 30)


def a_checkpoint_under_another_name(run: Path) -> None:
    checkpoint(run, 40).rename(checkpoint(run, 45))


def a_lost_line(run: Path) -> None:
    lines(run, lambda x: [*x[:24], *x[25:]])


def a_line_twice(run: Path) -> None:
    lines(run, lambda x: [*x[:41], x[39], *x[41:]])


def lines_lost_at_the_end(run: Path) -> None:
    lines(run, lambda x: x[:33])


def damaged_events_and_tables(run: Path) -> None:
    flip(run / "events.jsonl", 3)
    analysis_files.analysis_path(run, 45).write_bytes(b"")


WAYS: list[tuple[Callable[[Path], None], int]] = [
    (a_flipped_bit, 20),
    (checkpoints_that_are_no_more, 0),
    (a_checkpoint_under_another_name, 20),
    (a_lost_line, 20),
    (a_line_twice, 40),
    (lines_lost_at_the_end, 20),
    (damaged_events_and_tables, 40),
]


@pytest.mark.parametrize(
    ("damage", "step"), [pytest.param(way, step, id=way.__name__) for way, step in WAYS]
)
def test_a_damaged_run_ends_like_an_uninterrupted_one(
    damage: Callable[[Path], None], step: int, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    whole, half = runs
    run = Path(shutil.copytree(half, tmp_path / "run"))
    damage(run)
    resumed = go_on(run, damaged=damage is not a_line_twice)
    check_start(resumed, step)
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    for path in (whole / "analysis").iterdir():
        assert (run / "analysis" / path.name).read_bytes() == path.read_bytes()
    names = [path.name for path in sorted((whole / "checkpoints").iterdir())]
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == names
    for name in names:
        check_same(run / "checkpoints" / name, whole / "checkpoints" / name)


def check_start(resumed: Recording, step: int) -> None:
    assert [event.step for event in resumed.of(Started)] == [step]
    assert resumed.end.step == 60
    assert not resumed.of(Warned)  # go_on has checked the warnings


def check_same(path: Path, other: Path) -> None:
    """Check that two checkpoints are equal except for the seconds."""
    one, two = load(path), load(other)
    assert (one.step, one.beta_products, one.milestones) == (
        two.step, two.beta_products, two.milestones
    )  # fmt: skip
    for kind in ("weights", "first_moment", "second_moment"):
        for name, array in getattr(one, kind).items():
            np.testing.assert_array_equal(array, getattr(two, kind)[name])
