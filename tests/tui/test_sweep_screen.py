"""The screen of a sweep: its map fills in, its runs can be opened, and leaving asks first."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedLauncher, grokking, recorded_run, shown, strips, until
from summaries import summary
from textual.pilot import Pilot

from grok_tui.protocol.events import Failed
from grok_tui.sources.launcher import Run
from grok_tui.sources.player import Player
from grok_tui.sources.player import shown as state_shown
from grok_tui.sources.recording import Recording
from grok_tui.sources.replay import ReplaySource
from grok_tui.sweep.folder import SweepFolder
from grok_tui.sweep.progress import SweepProgress
from grok_tui.sweep.spec import spec_from
from grok_tui.text import UserError
from grok_tui.tui.messages import Ending
from grok_tui.tui.screens.replay import Replay
from grok_tui.tui.screens.sweep import SweepScreen, Train
from grok_tui.tui.sweep_app import SweepApp
from grok_tui.tui.themes import load_themes

AXES = {"weight_decay": [1, 3], "train_fraction": [0.3, 0.5]}
SIZES = [(120, 36), (80, 24)]


def sweep_of(tmp_path: Path, **content: Any) -> SweepFolder:
    whole = {"base": {"steps": 1500}, "axes": AXES, "seeds": 2, **content}
    return SweepFolder.open(tmp_path / "my sweep", spec_from(whole))


def ended(run: Path, **known: Any) -> None:
    """Make the run of a point that has ended."""
    if not run.exists():
        recorded_run(run, *grokking(40))
    content = summary(**{"steps": 1500, "memorized_step": 100, **known}).to_dict()
    (run / "summary.json").write_text(json.dumps(content))


def replay(run: Path) -> Run:
    recording = Recording.open(run)
    player = Player(recording.timeline, recording.last)
    return Run(ReplaySource(recording, player), state_shown(recording, player), run)


@asynccontextmanager
async def screen(
    folder: SweepFolder,
    train: Train | None = None,
    size: tuple[int, int] = (100, 30),
    theme: str = "midnight",
) -> AsyncIterator[Pilot[Ending]]:
    sweep = SweepScreen(folder, SweepProgress(folder), train)
    launcher, themes = ScriptedLauncher(), load_themes()[0]
    app = SweepApp(None, launcher, themes, theme, sweep=sweep, replay=replay)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot


async def says(pilot: Pilot[Ending], *texts: str) -> None:
    await until(pilot, lambda: all(text in shown(pilot) for text in texts))


class Training:
    """A training that continues when a test says so, and records how it was ended."""

    def __init__(self) -> None:
        self.goes_on, self.end = threading.Semaphore(0), threading.Event()
        self.problem: Exception | None = None
        self.left: BaseException | None = None

    def __call__(self, tick: Callable[[], None]) -> None:
        try:
            while True:
                self.goes_on.acquire(timeout=0.05)
                if self.problem:
                    raise self.problem
                tick()
                if self.end.is_set():
                    return
        except BaseException as error:
            self.left = error
            raise


async def test_the_map_fills_in_while_points_are_trained(tmp_path: Path) -> None:
    folder, training = sweep_of(tmp_path), Training()
    async with screen(folder, training) as pilot:
        await says(pilot, "steps to grok, median of 2 seeds", "weight_decay down")
        await says(pilot, "0 of 8 points ended, 0 running", "seed 1", "waiting")
        recorded_run(folder.run_of(folder.points[0]), *grokking(601))
        await says(pilot, "1 running", "training", "600 / 1,500", "####......", "20%")
        for point in folder.points:
            grok_step = 900 if point.values["weight_decay"] == 3 else None
            if point.values["train_fraction"] == 0.3:
                ended(folder.run_of(point), grok_step=grok_step)
        await says(pilot, "4 of 8 points ended", "never", "900", "not grokked")
        await pilot.press("o")
        await says(pilot, "final test accuracy", "25.0%")
        training.end.set()
        await says(pilot, "all 8 points have ended")
        await pilot.press("q")
    assert pilot.app.return_value == Ending(0)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_enter_opens_a_run_and_leaving_it_leads_back(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    folder = sweep_of(tmp_path)
    for point in folder.points:
        ended(folder.run_of(point), grok_step=30)
    async with screen(folder, size=size) as pilot:
        await says(pilot, "seed 0", "grokked", "30")
        await pilot.press("right", "enter", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Replay))
        opened = pilot.app.screen
        assert isinstance(opened, Replay)
        expected = folder.path / "weight_decay-1_train_fraction-0.5_seed-1"
        assert opened.run.folder == expected
        await pilot.press("q")
        await says(pilot, "my sweep", "all 8 points have ended")
        await pilot.press("q")
    assert pilot.app.return_value == Ending(0)


async def test_a_run_that_has_not_begun_cannot_be_opened(tmp_path: Path) -> None:
    folder = sweep_of(tmp_path, seeds=1, axes={"lr": [1e-3, 3e-3]})
    async with screen(folder, Training()) as pilot:
        await says(pilot, "lr down", "0.001", "waiting")
        await pilot.press("enter")
        await says(pilot, "cannot read")
        assert isinstance(pilot.app.screen, SweepScreen)


async def test_more_axes_give_more_maps(tmp_path: Path) -> None:
    axes = {**AXES, "lr": [1e-3, 3e-3], "decay": ["coupled", "decoupled"]}
    async with screen(sweep_of(tmp_path, seeds=1, axes=axes)) as pilot:
        await says(pilot, "lr 0.001, decay coupled", "] Next map")
        await pilot.press("]")
        await says(pilot, "lr 0.001, decay decoupled")
        await pilot.press("[", "[")
        await says(pilot, "lr 0.003, decay decoupled")


async def test_leaving_while_points_are_trained_takes_two_presses(tmp_path: Path) -> None:
    training = Training()
    async with screen(sweep_of(tmp_path), training) as pilot:
        await says(pilot, "0 of 8 points ended")
        await pilot.press("q")
        await says(pilot, "press q again to stop")
        assert training.left is None
        await pilot.press("ctrl+c")
        await until(pilot, lambda: training.left is not None)
    assert pilot.app.return_value == Ending(0)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (UserError("the scheduler is gone"), "the scheduler is gone"),
        (OSError(28, "No space left on device", "a"), "a: No space left on device"),
        (KeyError("weights"), "the sweep broke: KeyError: 'weights'"),
    ],
)
async def test_an_error_that_ends_training_is_shown_and_sets_the_exit_code(
    tmp_path: Path, problem: Exception, said: str
) -> None:
    training = Training()
    training.problem = problem
    async with screen(sweep_of(tmp_path), training) as pilot:
        await says(pilot, said)
        await pilot.press("q")
    assert pilot.app.return_value == Ending(2, said)


@pytest.mark.parametrize("theme", ["midnight", "terminal", "paper"])
async def test_cells_are_distinct_in_every_theme(tmp_path: Path, theme: str) -> None:
    folder = sweep_of(tmp_path, seeds=1)
    *others, last = folder.points
    for point, grok_step in zip(others, (300, 900, None), strict=True):
        ended(folder.run_of(point), grok_step=grok_step)
    recorded_run(folder.run_of(last), *grokking(40), Failed(41, "diverged: inf", "diverged"))
    ended(folder.run_of(last), exit="diverged")
    async with screen(folder, theme=theme) as pilot:
        await says(pilot, "300", "900", "never", "failed")
        await pilot.press("down", "right")
        await says(pilot, "diverged: inf")
        styles = {
            segment.text.strip(): str(segment.style)
            for strip in strips(pilot)
            for segment in strip
            if segment.text.strip() in ("900", "never", "failed")
        }
        assert len(set(styles.values())) == 3, styles


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "{}x{}".format(*size))
def test_the_picture(
    snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]
) -> None:
    folder = sweep_of(
        tmp_path,
        axes={"weight_decay": [0.3, 1, 3, 10], "train_fraction": [0.2, 0.3, 0.5, 0.7]},
    )
    steps = [[None, 2900, 700, 300], [None, 1200, 400, 200], [None, 600, 90, 70], [None] * 4]
    for i, point in enumerate(folder.points[:14] + folder.points[16:30]):
        ended(folder.run_of(point), grok_step=steps[i % 14 // 4][i % 14 % 4])
    sweep = SweepScreen(folder, SweepProgress(folder), None)
    themes = load_themes()[0]
    app = SweepApp(None, ScriptedLauncher(), themes, "midnight", sweep=sweep, replay=replay)
    assert snap_compare(app, terminal_size=size)
