"""The training loop of one run: take commands, train a chunk of steps, report on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from grok_tui.config.schema import Config, is_live
from grok_tui.device.threads import keep_numpy_on_one_thread, thread_keeper
from grok_tui.protocol.commands import Command, Inbox, Stop
from grok_tui.protocol.events import (
    Compiling,
    ConfigApplied,
    Failed,
    Losses,
    Sink,
    Stopped,
)
from grok_tui.protocol.snapshot import CheckpointStore, Snapshot
from grok_tui.training.command_handler import CommandHandler
from grok_tui.training.loop import ChunkLength, StopWatch, evaluation_due, steps_to_boundary
from grok_tui.training.network import COMPILE_STAGES, Network, Replica, Start
from grok_tui.training.observer import DivergedError
from grok_tui.training.run_log import RunLog


class Trainer:
    """One run, from its first step or a snapshot to its end.

    It neither draws nor writes: it reads commands from `inbox`, and passes events to `emit`
    and snapshots to `store`. The device must be open.
    """

    def __init__(
        self,
        config: Config,
        inbox: Inbox,
        emit: Sink,
        store: CheckpointStore | None = None,
        snapshot: Snapshot | None = None,
        *,
        edits: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """edits: undoable edits of earlier sittings (`CommandHandler.edits`)."""
        self._inbox, self._emit, self._resumed = inbox, emit, snapshot
        watch = StopWatch(snapshot.seconds if snapshot else {})
        self._chunk = ChunkLength()
        self._reporting = 0.0  # seconds that reporting the last chunk took
        self._threads = thread_keeper(config.device)
        start = Start.of(config, snapshot)
        self._network = Network([start])
        self._log = RunLog(Replica(self._network), start, emit, store=store, watch=watch)
        self._commands = CommandHandler(
            config,
            emit,
            lambda: self.step,
            (lambda: self._log.save(self.config)) if store else None,
            task=start.task,
            n_neurons=start.model.n_neurons,
            answer=self._log.observer.answer,
            inspect=self._log.observer.inspect,
            edits=edits,
        )

    @property
    def step(self) -> int:
        """Updates done so far."""
        return self._network.step

    @property
    def config(self) -> Config:
        """The config with all edits so far."""
        return self._commands.config

    # --- the run ------------------------------------------------------------------------

    def run(self) -> Stopped | Failed:
        """Train until done, stopped or diverged; returns the last event.

        Raises OSError if `emit` or `store` does.
        """
        keep_numpy_on_one_thread()
        commands = self._commands
        try:
            self._compile()
            while not self._finished():
                for command in self._inbox.drain(wait=commands.paused):
                    self._handle(command)
                    self._reporting = 0.0  # it may have waited for this command
                if not (commands.paused or self._finished()):  # a command may have ended it
                    self._train_chunk()
            assert commands.stop is not None
            return self._log.finish(commands.stop, self.config, self._chunk.rate())
        except DivergedError as end:
            return self._log.fail(end, self.config, self._chunk.rate())

    def _compile(self) -> None:
        early: list[Command] = []
        started = time.perf_counter()
        for done, stage in enumerate(self._network.compile()):
            early += self._inbox.drain(wait=False)
            if any(isinstance(command, Stop) for command in early):
                break
            self._emit(Compiling(stage, done, COMPILE_STAGES))
        self._log.watch.add("compile", time.perf_counter() - started)
        self._log.start(self.config)
        self._announce_changes()
        for command in early:
            self._handle(command)
        self._log.observer.begin(new=self._resumed is None)
        if self._resumed is None:
            # After all events of the start; a resumed run already has its checkpoint.
            self._log.save(self.config)

    def _handle(self, command: Command) -> None:
        self._commands.handle(command)
        if self._network.follow(self.config):
            # Switched off and on again, the config equals the saved one; the state does not.
            self._log.note_change()

    def _announce_changes(self) -> None:
        """Report fields that differ from the resumed snapshot's config as edits."""
        for field, old in (self._resumed.config if self._resumed else {}).items():
            if (new := self.config.model_dump(mode="json")[field]) != old:
                self._emit(ConfigApplied(self.step, field, old, new))
                if is_live(field):
                    self._commands.edits.append((field, old))

    def _finished(self) -> bool:
        """Whether the run is over; sets the stop with its reason."""
        if self._commands.stop is None:
            self._commands.stop = self._log.end(self.config)
        return self._commands.stop is not None

    def _train_chunk(self) -> None:
        """Train a chunk, at most up to the next boundary."""
        config = self.config
        started = time.perf_counter()
        self._network.make_ready(config)
        self._log.watch.add("compile", time.perf_counter() - started)
        first = self.step + 1
        count = self._chunk.length(self._commands.at_most(steps_to_boundary(config, self.step)))
        started = time.perf_counter()
        look = evaluation_due(config, self.step + count)
        (losses,) = self._network.train([config], count, look=look)
        seconds = time.perf_counter() - started
        self._chunk.record(count, seconds)
        self._threads.record(seconds / count)
        measured, started = self._log.watch.work, time.perf_counter()
        self._log.take(Losses(first, losses, seconds + self._reporting), config)
        work = self._log.watch.work - measured
        self._reporting = time.perf_counter() - started - work
        self._commands.stepped(count)
