"""A recording that waits while it cannot be written: for room on the disk, for its folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from grok_tui.protocol.events import (
    Command,
    Compiling,
    Event,
    Inbox,
    Pause,
    Paused,
    Resume,
    SaveCheckpoint,
    Sink,
    Step,
    Stop,
    Warned,
)
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.writer import RunWriter

T = TypeVar("T")


class Recorder:
    """Writes a run; what cannot be written keeps the trainer waiting until it can.

    It stands between the trainer and its inbox as well: it hears there when to try again. All
    commands that came meanwhile are the trainer's afterwards, behind a pause.
    """

    def __init__(self, writer: RunWriter, inbox: Inbox, sink: Sink) -> None:
        """sink: is told that training waits, and why."""
        self._writer, self._inbox, self._sink = writer, inbox, sink
        self._kept: list[Command] = []

    def __call__(self, event: Event) -> None:
        """Record one event. Raises OSError if it cannot be written and the run is to end."""
        if not isinstance(event, Compiling):  # which has no step, and is not recorded
            self._patiently(lambda: self._writer(event), event.step)

    def save(self, snapshot: Snapshot) -> str:
        """Write a checkpoint. Raises OSError if it cannot be written and the run is to end."""
        return self._patiently(lambda: self._writer.save(snapshot), snapshot.step)

    def drain(self, *, wait: bool) -> list[Command]:
        """What was said while training waited for the disk, then what the inbox has."""
        kept, self._kept = self._kept, []
        return kept + self._inbox.drain(wait=wait and not kept)

    def _patiently(self, write: Callable[[], T], step: int) -> T:
        last_try = False
        while True:
            try:
                return write()
            except OSError as error:
                if last_try:
                    raise
                last_try = self._wait(error, step)

    def _wait(self, error: OSError, step: int) -> bool:
        """Wait for someone to ask for another try; returns whether the run is to end then."""
        message = cannot_write(error, "; training waits, space tries again")
        self._sink(Warned(step, message))
        self._sink(Paused(step))
        self._kept = self._kept or [Pause()]
        while True:
            commands = self._inbox.drain(wait=True)
            self._kept += commands
            if any(isinstance(command, Stop) for command in commands):
                return True
            if any(isinstance(command, Resume | Step | SaveCheckpoint) for command in commands):
                return False


def cannot_write(error: OSError, consequence: str = "") -> str:
    """Why a recording cannot be written, and what comes of it, in words."""
    place = f" ({error.filename})" if error.filename else ""
    return f"cannot write the run: {error.strerror or error}{consequence}{place}"
