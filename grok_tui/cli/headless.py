"""A run without a screen: the trainer in the main thread, progress on standard error."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from grok_tui.cli import streams
from grok_tui.protocol.commands import Stop
from grok_tui.protocol.events import (
    Compiling,
    Event,
    Failed,
    PhaseChanged,
    Started,
    Stopped,
    Warned,
)
from grok_tui.sources.job import Job, QueueInbox, run
from grok_tui.text import number, percent
from grok_tui.view.event_text import sentence
from grok_tui.view.progress import step_text, time_left_text
from grok_tui.view.state import SessionState, reduce

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Minimum time between two plain lines of progress.
LINE_SECONDS = 2.0


def train_headless(job: Job) -> int:
    """Train and record; returns 0, 1 if the run failed, or 128 + n if signal n ended it.

    A signal ends the run after a checkpoint; the same signal again ends it at once.
    """
    inbox = QueueInbox()
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        inbox.put(Stop(signal.Signals(number).name))
        signal.signal(number, signal.SIG_DFL)

    # Keep ignoring signals that are ignored: `nohup` and a shell's `&` rely on that.
    heeded = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heeded}
    progress = make_progress(
        SessionState(job.config.model_dump(mode="json")),
        cast("TextIO", streams.Progress(sys.stderr)),
    )
    try:
        end = run(job, inbox, progress)
    finally:
        progress.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        return 128 + received[0]
    return 1 if isinstance(end, Failed) else 0


class PlainProgress:
    """Lines for a log: progress every few seconds, everything else as it happens."""

    def __init__(self, state: SessionState, stream: TextIO) -> None:
        self._state, self._stream = state, stream
        self._printed_at, self._printed_step = -LINE_SECONDS, 0

    def __call__(self, event: Event) -> None:
        self._state = reduce(self._state, event)
        if isinstance(event, Stopped) and self._state.step > self._printed_step:
            self._print(progress_text(self._state))
        if isinstance(event, Stopped | Failed | PhaseChanged | Warned):
            self._print(_said(event, self._state))
        elif isinstance(event, Started):
            self._print(
                f"training on {event.device}: {event.n_train} train pairs,"
                f" {event.n_test} test pairs"
            )
        elif isinstance(event, Compiling):
            if event.total == 1:
                return  # opening the device: if that fails, print only the error
            self._print(f"{event.stage} ...")
        elif time.monotonic() - self._printed_at >= LINE_SECONDS and self._state.metrics:
            self._printed_at, self._printed_step = time.monotonic(), self._state.step
            self._print(progress_text(self._state))

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Do nothing: nothing is open."""


class BarProgress:
    """A progress bar that is redrawn in place."""

    def __init__(self, state: SessionState, stream: TextIO) -> None:
        self._state = state
        console = Console(file=stream)
        bar = BarColumn(bar_width=None)
        self._progress = Progress(
            bar, TextColumn("{task.description}"), console=console, expand=True
        )
        self._task = self._progress.add_task("starting", total=state.config["steps"])

    def __call__(self, event: Event) -> None:
        self._progress.start()  # no effect after the first call
        state = self._state = reduce(self._state, event)
        if isinstance(event, Stopped | Failed | PhaseChanged | Warned):
            line = _said(event, state)
            self._progress.console.print(line, highlight=False, markup=False)
        text = f"{state.stage} ..." if state.word == "COMPILING" else progress_text(state)
        self._progress.update(
            self._task, description=text, completed=state.step, total=state.config["steps"]
        )

    def close(self) -> None:
        """Stop redrawing the bar and release the terminal."""
        self._progress.stop()


def make_progress(state: SessionState, stream: TextIO) -> PlainProgress | BarProgress:
    """A bar if the stream is a terminal, otherwise plain lines."""
    return BarProgress(state, stream) if stream.isatty() else PlainProgress(state, stream)


def _said(event: Event, state: SessionState) -> str:
    """A change of phase, a warning or the end, in a line."""
    what = sentence(event) if isinstance(event, PhaseChanged) else state.message
    return f"step {state.step}: {what}"


def progress_text(state: SessionState) -> str:
    """Step, losses, accuracy, speed, time left and phase in one line."""
    parts = [
        f"step {step_text(state)}",
        f"train {number(state.train_loss.last)}",
        f"test {number(state.test_loss.last)}",
        f"acc {percent(state.train_acc.last)}/{percent(state.test_acc.last)}",
        f"{number(state.steps_per_second)} steps/s",
        time_left_text(state),
        state.phase,
    ]
    return "  ".join(part for part in parts if part)
