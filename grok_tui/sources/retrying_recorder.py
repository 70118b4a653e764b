"""Records a run, and waits while that fails, for example on a full disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from grok_tui.protocol.commands import Command, Inbox, Pause, Resume, SaveCheckpoint, Step, Stop
from grok_tui.protocol.events import Compiling, Event, Paused, Sink, Warned
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.writer import RunWriter, cannot_write

T = TypeVar("T")


class RetryingRecorder:
    """Writes a run, and makes the trainer wait while writing fails.

    It also stands between the trainer and its inbox, where it finds the command to try again.
    Commands that arrive while it waits reach the trainer afterwards, preceded by a pause.
    """

    def __init__(self, writer: RunWriter, inbox: Inbox, sink: Sink) -> None:
        """sink: gets the events that say that training waits, and why."""
        self._writer, self._inbox, self._sink = writer, inbox, sink
        self._kept: list[Command] = []

    def __call__(self, event: Event) -> None:
        """Record an event. Raises OSError if that fails after a stop was requested."""
        if not isinstance(event, Compiling):  # has no step and is not recorded
            self._patiently(lambda: self._writer(event), event.step)

    def save(self, snapshot: Snapshot) -> str:
        """Write a checkpoint; returns its path. Raises OSError as for an event."""
        return self._patiently(lambda: self._writer.save(snapshot), snapshot.step)

    def drain(self, *, wait: bool) -> list[Command]:
        """Return the commands kept while training waited for the disk, then the inbox's."""
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
        """Wait for a command that asks for another try; returns whether it was a stop."""
        message = cannot_write(error, "; training waits, press space to try again")
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
