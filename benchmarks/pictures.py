"""`python -m benchmarks.pictures FOLDER`: the README's pictures, from real runs.

Most come from a session of `quick`, with its trainer in a child process: the script presses
keys and saves the screen as SVG. One is exported from the recording of a run that does not
grok. `--only` draws some of them; `--sweep DIR` draws a sweep that has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from benchmarks.rounds import say
from benchmarks.training import train
from grok_tui.config.presets import load_preset
from grok_tui.config.schema import build
from grok_tui.sources.job import Job
from grok_tui.sources.launcher import Launcher, replay_launcher
from grok_tui.sweep.folder import SweepFolder, read_spec
from grok_tui.sweep.progress import SweepProgress
from grok_tui.tui.app import SessionApp
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.screens.sweep import SweepScreen
from grok_tui.tui.sweep_app import SweepApp
from grok_tui.tui.themes import load_themes


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to draw once the run has reached a step.

    size: columns and rows. keys: pressed before drawing.
    """

    name: str
    step: int
    size: tuple[int, int]
    keys: Sequence[str] = ()
    theme: str = "midnight"


PICTURES = (
    Picture("small", 300, (80, 24), ("1",), "paper"),
    Picture("grokking", 580, (160, 48), ("4",)),
    Picture("hyperparameters", 820, (120, 36), ("e",), "okabe-ito"),
    Picture("circle", 900, (120, 36), ("7",)),
    Picture("measures", 1000, (120, 36), ("6",)),
)


# The first user's run, up to the step where the user gave up.
ILL, ILL_STEPS = "stackexchange", 5000
SWEEP_SIZE = (100, 18)


def main() -> None:
    """Draw the pictures into the folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--only", choices=("session", "ill"), help="the others stay as they are"
    )
    parser.add_argument(
        "--sweep", type=Path, metavar="DIR", help="draw this sweep, nothing else"
    )
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if options.sweep:
        asyncio.run(_draw_sweep(folder, options.sweep))
        return
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        os.environ["XDG_CONFIG_HOME"] = scratch
        if options.only != "session":
            _draw_ill(folder)
        if options.only != "ill":
            asyncio.run(_draw(folder))


def _draw_ill(folder: Path) -> None:
    """Draw the run that does not grok, with the doctor's verdict."""
    run, path = Path(ILL), folder / f"{ILL}.svg"
    train(run, ["--preset", ILL, "--steps", str(ILL_STEPS), "--keep", "last 1"])
    export = ["export", ILL, "--to", "svg", "--pane", "doctor", "--size", "140x36"]
    command = [sys.executable, "-m", "grok_tui", *export, "-o", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    say(f"{path}: step {ILL_STEPS}")


async def _draw(folder: Path) -> None:
    config = build({**load_preset("quick").fields, "steps": PICTURES[-1].step})
    launcher = Launcher(lambda _: Job(config), save=False)
    app = SessionApp(launcher.open(Job(config)), launcher, load_themes()[0], "midnight")
    try:
        async with app.run_test(size=PICTURES[0].size) as pilot:
            for picture in PICTURES:
                await _until(pilot, picture.step)
                app.theme = picture.theme
                await pilot.resize_terminal(*picture.size)
                await pilot.press(*picture.keys)
                await pilot.pause(1.0)  # the charts redraw later than the rest
                path = folder / f"{picture.name}.svg"
                path.write_text(app.export_screenshot(title="grok-tui"))
                say(f"{path}: step {_screen(pilot).state.step}")
    finally:
        list(launcher.close())


async def _draw_sweep(folder: Path, sweep: Path) -> None:
    """Draw the screen of a sweep that has ended."""
    known = SweepFolder.open(sweep, read_spec(sweep))
    screen = SweepScreen(known, SweepProgress(known), None)
    launcher = replay_launcher()
    themes = load_themes()[0]
    app = SweepApp(
        None,
        launcher,
        themes,
        "midnight",
        sweep=screen,
        replay=lambda run: launcher.replay(run, 0, 1.0),
    )
    async with app.run_test(size=SWEEP_SIZE) as pilot:
        await pilot.press("down", "down", "down", "right", "right")
        await pilot.pause(1.0)
        path = folder / "sweep.svg"
        path.write_text(app.export_screenshot(title="grok-tui sweep"))
        say(str(path))


async def _until(pilot: Pilot[Any], step: int) -> None:
    while (state := _screen(pilot).state).step < step:
        if state.ended:
            raise SystemExit(f"the run ended at step {state.step}: {state.message}")
        await pilot.pause(0.05)


def _screen(pilot: Pilot[Any]) -> RunView:
    return next(s for s in pilot.app.screen_stack if isinstance(s, RunView))


if __name__ == "__main__":
    main()
