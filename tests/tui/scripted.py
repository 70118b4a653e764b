"""A source with scripted events, and a run that groks without training."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from summaries import summary
from textual.pilot import Pilot
from textual.strip import Strip

from grok_tui.config.presets import load_preset
from grok_tui.config.schema import Config, build
from grok_tui.protocol.commands import Command
from grok_tui.protocol.events import (
    Compiling,
    ConfigApplied,
    Evaluated,
    Event,
    Losses,
    PhaseChanged,
    Sink,
    Started,
    Stopped,
)
from grok_tui.protocol.results import Health, Metrics
from grok_tui.runs.checkpoints import checkpoint_path
from grok_tui.runs.writer import RunWriter
from grok_tui.sources.launcher import BranchRun, NewRun, ResumeRun, Run, RunRequest
from grok_tui.tui.app import SessionApp
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.themes import load_themes
from grok_tui.tui.widgets.chart import Chart
from grok_tui.tui.widgets.status import StatusLine
from grok_tui.view.state import SessionState

CONFIG = Config(steps=2000, device="CPU")
SIZES = [(160, 48), (120, 36), (80, 24), (60, 16)]
STOPPED = Stopped(1500, "completed", summary(grokked=True))
STARTED = Started(0, CONFIG.model_dump(mode="json"), "CPU", 3830, 8939, 12.5)


class ScriptedSource:
    """A source that keeps the commands it gets; a test delivers its events."""

    def __init__(self, *script: Event) -> None:
        self.script = script
        self.commands: list[Command] = []
        self.closed = False
        self.deliver: Sink = lambda event: None

    def start(self, deliver: Sink) -> None:
        self.deliver = deliver
        for event in self.script:
            deliver(event)

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def close(self, timeout: float) -> None:
        self.closed = True


class ScriptedLauncher:
    """A launcher that keeps its requests; its runs are scripted and have not started."""

    def __init__(self) -> None:
        self.asked: list[RunRequest | str] = []
        self.sources: list[ScriptedSource] = []

    def preset(self, name: str) -> Run:
        self.asked.append(name)
        return self._made(load_preset(name).fields)

    def config_of(self, name: str) -> Config:
        return build(load_preset(name).fields)

    def launch(self, request: RunRequest) -> Run:
        self.asked.append(request)
        match request:
            case NewRun(config):
                return self._made(config.model_dump(mode="json"))
            case BranchRun(checkpoint):
                return replace(self._made({}), paused=True, parent=checkpoint.parents[1])
            case ResumeRun():
                return self._made({})

    def _made(self, fields: Mapping[str, object]) -> Run:
        self.sources.append(ScriptedSource())
        return Run(self.sources[-1], SessionState({**CONFIG.model_dump(mode="json"), **fields}))


def playing(*events: Event) -> ScriptedSource:
    """A source that has compiled and then delivers these events."""
    return ScriptedSource(STARTED, *events)


def session(
    source: ScriptedSource | None,
    theme: str = "midnight",
    folder: Path | None = None,
    launcher: ScriptedLauncher | None = None,
    **keys: tuple[str, ...],
) -> SessionApp:
    """A session, which shows the preset picker if there is no source.

    folder: the run directory, which is not written. keys: by action id, if not the default.
    """
    state = SessionState(CONFIG.model_dump(mode="json"))
    run = Run(source, state, folder) if source else None
    return SessionApp(run, launcher or ScriptedLauncher(), load_themes()[0], theme, keys)


def recorded_run(folder: Path, *events: Event) -> Path:
    """A run directory with these events, and empty files for checkpoints of steps 0 and 500."""
    writer = RunWriter.create(folder, CONFIG, {})
    for event in events:
        writer(event)
    writer.close()
    for step in (0, 500):
        checkpoint_path(folder / "checkpoints", step).touch()
    return folder


def timed(run: Path, rate: float) -> Path:
    """The run, with times as if it had trained `rate` steps per second."""
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    new = [json.dumps(line | {"time": 1000 + line["step"] / rate}) + "\n" for line in lines]
    (run / "events.jsonl").write_text("".join(new))
    return run


def metrics(step: int) -> Metrics:
    """The metrics of a run that groks near step 1200."""
    train_loss = 4.7 * np.exp(-step / 60) + 2e-3 * np.exp(-step / 300) + 1e-6
    test_loss = 1e-5 + (4.8 + step / 100 if step < 300 else 7.8) / (
        1 + np.exp((step - 1150) / 30)
    )
    return Metrics(
        train_loss=float(train_loss),
        test_loss=float(test_loss),
        train_acc=float(1 - 0.99 * np.exp(-((step / 100) ** 2))),
        test_acc=float(0.01 + 0.99 / (1 + np.exp(-(step - 1150) / 40))),
        weight_norm=45.0,
        lr=1e-3,
        weight_decay=1.0,
    )


def health(step: int) -> Health:
    """The health of a run with a spike at step 900."""
    return Health(
        zero_loss_share=0.0,
        largest_logit=min(30.0, 1 + step / 20),
        gradient_norm=float(np.exp(-step / 200)),
        update_ratio=0.02 if step < 200 else 0.005,
        spikes=int(step >= 900),
    )


def losses(first: int, last: int) -> Losses:
    values = [metrics(step).train_loss for step in range(first, last + 1)]
    return Losses(first, np.array(values, dtype=np.float32), 0.05 * len(values))


def training(first: int, last: int) -> Iterator[Event]:
    """Losses and an evaluation every ten steps."""
    for start in range(first, last + 1, 10):
        end = min(start + 9, last)
        yield losses(start, end)
        if end % 10 == 0:
            yield Evaluated(end, metrics(end), 0.1, health=health(end))


def grokking(last: int = 1500) -> Iterator[Event]:
    """A run up to `last`, with an edit and its phases."""
    yield Compiling("compiling the training step", 0, 4)
    yield STARTED
    yield PhaseChanged(0, "MEMORIZING", "the train pairs are not yet known")
    yield from training(1, min(last, 620))
    if last > 620:
        yield ConfigApplied(620, "weight_decay", 1.0, 1.25)
        yield from training(621, min(last, 1290))
    if last > 1290:
        yield PhaseChanged(1290, "GROKKED", "test accuracy stayed at or above 0.99")
        yield from training(1291, last)


async def until(pilot: Pilot, condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Let the application work until a condition holds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, (
            f"not within {seconds} s; the screen says\n{shown(pilot)}"
        )
        await pilot.pause(0.01)


async def settled(pilot: Pilot) -> None:
    """Wait until all delivered events have been drawn."""
    await pilot.pause()
    run = run_screen(pilot)
    await until(pilot, lambda: not run.behind and not any(c.waiting for c in run.query(Chart)))
    await pilot.pause()


def run_screen(pilot: Pilot) -> RunView:
    return next(s for s in pilot.app.screen_stack if isinstance(s, RunView))


def status(pilot: Pilot) -> str:
    """The text of the status line."""
    return str(run_screen(pilot).query_one(StatusLine).render())


def strips(pilot: Pilot) -> list[Strip]:
    """The lines of the screen as a terminal would show them."""
    drawn: list[Strip] = []

    class Paper(Console):
        """A console that keeps what a screenshot draws."""

        def print(self, *updates: Any, **_: object) -> None:
            for update in updates:
                drawn.extend(Strip.join(line) for line in update.strips)

    with patch("textual.app.Console", Paper):
        pilot.app.export_screenshot()
    return drawn


def rows(pilot: Pilot) -> list[str]:
    """The lines of the screen as text."""
    return [strip.text for strip in strips(pilot)]


def shown(pilot: Pilot) -> str:
    return "\n".join(rows(pilot))
