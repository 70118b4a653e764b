"""The training loop: take commands, train a chunk of steps, say what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from grok_tui.config.schema import Config, is_live
from grok_tui.device.threads import thread_keeper
from grok_tui.protocol.events import (
    Command,
    Compiling,
    ConfigApplied,
    Failed,
    Inbox,
    Losses,
    Sink,
    Stop,
    Stopped,
)
from grok_tui.protocol.snapshot import CheckpointStore, Snapshot
from grok_tui.training.command_handler import Controls
from grok_tui.training.loop import ChunkLength, StopWatch
from grok_tui.training.measure import DivergedError
from grok_tui.training.network import COMPILE_STAGES, Network, Start
from grok_tui.training.replica import Replica
from grok_tui.training.run_log import Bookkeeper


class Trainer:
    """One run, from its first step or from a snapshot to its end.

    It draws nothing and writes nothing: it reads `inbox`, hands every event to `emit` and
    snapshots to `store`. The device must be open. `run` may raise OSError, which then comes
    from `emit` or `store`.
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
        """edits: those of an earlier sitting that can be taken back (`Controls.edits`)."""
        self._inbox, self._emit, self._resumed = inbox, emit, snapshot
        watch = StopWatch(snapshot.seconds if snapshot else {})
        self._chunk = ChunkLength()
        self._threads = thread_keeper(config.device)
        start = Start.of(config, snapshot)
        self._network = Network([start])
        replica = Replica(self._network)
        self._books = Bookkeeper(
            replica, start.task, config, emit, store=store, resumed=snapshot, watch=watch
        )
        self._compiled = False
        self._controls = Controls(
            config,
            emit,
            lambda: self.step,
            (lambda: self._books.save(self.config)) if store else None,
            answer=self._books.observer.answer,
            inspect=self._books.observer.inspect,
            edits=edits,
        )

    @property
    def step(self) -> int:
        """Updates done so far."""
        return self._network.step

    @property
    def config(self) -> Config:
        """The config with every edit so far."""
        return self._controls.config

    # --- the run ------------------------------------------------------------------------

    def run(self) -> Stopped | Failed:
        """Train until done, stopped or diverged; returns the last event it emits."""
        controls = self._controls
        try:
            self._compile()
            while not self._finished():
                for command in self._inbox.drain(wait=controls.paused):
                    self._obey(command)
                if not (controls.paused or self._finished()):  # an edit may have ended it
                    self._train_chunk()
            assert controls.stop is not None
            rate, ready = self._chunk.median_rate(), self._compiled
            return self._books.finish(controls.stop, self.config, rate, whole=ready)
        except DivergedError as end:
            return self._books.fail(end, self.config, self._chunk.median_rate())

    def _compile(self) -> None:
        early: list[Command] = []
        started = time.perf_counter()
        for done, stage in enumerate(self._network.compile()):
            early += self._inbox.drain(wait=False)
            if any(isinstance(command, Stop) for command in early):
                break
            self._emit(Compiling(stage, done, COMPILE_STAGES))
        else:
            self._compiled = True
        self._books.watch.add("compile", time.perf_counter() - started)
        self._books.start(self.config)
        self._announce_changes()
        for command in early:
            self._obey(command)
        self._books.observer.begin(new=self._resumed is None)
        if self._resumed is None:  # after all that is said at the start: a resumed run has it
            self._books.save(self.config)

    def _obey(self, command: Command) -> None:
        self._controls.obey(command)
        if self._network.follow(self.config):
            # Off and on again: the config is as it was saved, the state is not.
            self._books.touched()

    def _announce_changes(self) -> None:
        """Where a run goes on with another config than it had, say so like an edit."""
        for field, old in (self._resumed.config if self._resumed else {}).items():
            if (new := self.config.model_dump(mode="json")[field]) != old:
                self._emit(ConfigApplied(self.step, field, old, new))
                if is_live(field):
                    self._controls.edits.append((field, old))

    def _finished(self) -> bool:
        """Whether the run is over; sets the reason."""
        if self._controls.stop is None:
            self._controls.stop = self._books.over(self.config)
        return self._controls.stop is not None

    def _train_chunk(self) -> None:
        """Train up to the next boundary, or for as long as the screen may wait."""
        config = self.config
        started = time.perf_counter()
        self._network.make_ready(config)
        self._books.watch.add("compile", time.perf_counter() - started)
        first = self.step + 1
        count = self._chunk.length(self._controls.at_most(steps_to_boundary(config, self.step)))
        started = time.perf_counter()
        look = (self.step + count) % config.eval_every == 0
        (losses,) = self._network.train([config], count, look=look)
        seconds = time.perf_counter() - started
        self._chunk.record(count, seconds)
        self._threads.record(seconds / count)
        self._books.tell(Losses(first, losses, seconds), config)
        self._controls.stepped(count)


def steps_to_boundary(config: Config, step: int) -> int:
    """Steps from `step` to the next evaluation, analysis, checkpoint or end."""
    rhythms = (config.eval_every, config.analyze_every, config.checkpoint_every)
    return min(config.steps - step, *(n - step % n for n in rhythms))
