"""One run and its recorder, in the main thread (`--record`) or in a child process."""

from __future__ import annotations

import contextlib
import queue
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grok_tui.config.schema import Config
from grok_tui.protocol.commands import Command, Inbox
from grok_tui.protocol.events import Compiling, Event, Failed, Sink, Stopped, Warned
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.writer import RunWriter, cannot_write, open_writer
from grok_tui.sources.retrying_recorder import RetryingRecorder
from grok_tui.text import UserError, reason


@dataclass(frozen=True, slots=True)
class Job:
    """What to train and where to record it.

    run_dir: the run directory; None to record nothing.
    snapshot: where to continue in `run_dir`; None for a new run. `config` may differ from the
    snapshot's in live fields and in the device.
    edits: undoable edits of earlier sittings (`CommandHandler.edits`).
    warnings: shown to the user at the start.
    """

    config: Config
    run_dir: Path | None = None
    snapshot: Snapshot | None = None
    edits: tuple[tuple[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


class QueueInbox:
    """An inbox that any thread or signal handler can put commands into."""

    def __init__(self) -> None:
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def put(self, command: Command) -> None:
        self._commands.put(command)

    def drain(self, *, wait: bool) -> list[Command]:
        """Return the waiting commands; with `wait`, block until there is at least one."""
        commands = [self._commands.get()] if wait else []
        with contextlib.suppress(queue.Empty):
            while True:
                commands.append(self._commands.get_nowait())
        return commands


def run(job: Job, inbox: Inbox, sink: Sink, *, patient: bool = False) -> Stopped | Failed:
    """Train the job; `sink` gets every event once it is on disk.

    patient: if a write fails, wait until a command from `inbox` says to retry or stop.
    Returns the event that ended the run. Any error after the start becomes a `Failed`.
    Raises DeviceError, RunError or OSError, with nothing written, if the run cannot start.
    """
    sink(Compiling("opening the device", 0, 1))
    from grok_tui.device.open import open_device

    config = job.config.changed(device=open_device(job.config.device))
    from grok_tui.training.trainer import Trainer

    step = job.snapshot.step if job.snapshot else 0
    writer = open_writer(job.run_dir, config, job.snapshot) if job.run_dir else None
    recorder: RetryingRecorder | RunWriter | None = writer
    if writer and patient:
        recorder = inbox = RetryingRecorder(writer, inbox, sink)

    def emit(event: Event) -> None:
        nonlocal step
        step = getattr(event, "step", step)
        if recorder:
            recorder(event)
        sink(event)

    try:
        for warning in job.warnings:
            emit(Warned(step, warning))
        return Trainer(config, inbox, emit, recorder, job.snapshot, edits=job.edits).run()
    except Exception as error:  # noqa: BLE001  the boundary: an error becomes an event
        if writer and isinstance(error, OSError):
            failed = Failed(step, cannot_write(error, f"; {writer.extent()}"), "recording")
            writer.discard_useless()
        else:
            failed = Failed(step, why(error))
        if writer:
            with contextlib.suppress(OSError):
                writer(failed)
        sink(failed)
        return failed
    finally:
        if writer:
            writer.close()


def why(error: Exception) -> str:
    """Describe an error in one line; prints the traceback if the error was not foreseen."""
    if isinstance(error, OSError):
        return cannot_write(error)
    if not isinstance(error, UserError):
        traceback.print_exception(error)
    return reason(error, "the trainer")
