"""The training loop of runs that train together, without a user, each to its own end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grok_tui.config.schema import Config
from grok_tui.device.threads import keep_numpy_on_one_thread, thread_keeper
from grok_tui.protocol.events import Failed, Losses, Sink, Stopped
from grok_tui.protocol.snapshot import CheckpointStore, Snapshot
from grok_tui.training.loop import ChunkLength, evaluation_due, steps_to_boundary
from grok_tui.training.network import Network, Replica, Start
from grok_tui.training.observer import DivergedError
from grok_tui.training.run_log import RunLog

# Move to a smaller network once ended runs have wasted the time of this many compilations.
MOVE_AFTER = 1.0
# How a run ended. An OSError comes from its `emit` or its `store`.
End = Stopped | Failed | OSError


@dataclass(frozen=True, slots=True)
class Member:
    """One run of a fleet; the fields are those of a `Trainer`."""

    config: Config
    emit: Sink
    store: CheckpointStore | None = None
    snapshot: Snapshot | None = None


class Fleet:
    """Runs that train as replicas of one network, each with its own log.

    Their configs differ only as `Network` allows; the steps, the `*_every` fields and the step
    they start at are the same. A run that has ended keeps its place in the network, idle,
    until the others move to a smaller network.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._starts = [Start.of(member.config, member.snapshot) for member in members]
        self._network = Network(self._starts)
        self._replicas = [Replica(self._network, i) for i in range(len(members))]
        self._logs = [
            RunLog(replica, start, m.emit, store=m.store)
            for replica, start, m in zip(self._replicas, self._starts, members, strict=True)
        ]
        self._ends: list[End | None] = [None] * len(members)
        self._places = list(range(len(members)))  # the member at each place in the network
        self._chunk = ChunkLength()
        self._threads = thread_keeper(members[0].config.device)
        self._compile_seconds = self._wasted = 0.0

    def run(self) -> list[End]:
        """Train all runs to their ends; returns the ends in the order of the members."""
        keep_numpy_on_one_thread()
        self._compile()
        for i in self._active():
            self._guarded(i, self._begin)
        while self._active():
            self._train_chunk()
            if self._active() and self._wasted > MOVE_AFTER * self._compile_seconds:
                self._move()
        return [end for end in self._ends if end is not None]

    def _active(self) -> list[int]:
        return [i for i, end in enumerate(self._ends) if end is None]

    def _compile(self) -> None:
        started = time.perf_counter()
        for _ in self._network.compile():
            pass
        self._compile_seconds = time.perf_counter() - started
        for i in self._active():
            self._logs[i].watch.add("compile", self._compile_seconds)

    def _begin(self, i: int) -> None:
        log, start = self._logs[i], self._starts[i]
        log.start(start.config)
        log.observer.begin(new=start.snapshot is None)
        if start.snapshot is None:
            log.save(start.config)
        self._finish_if_over(i)

    def _train_chunk(self) -> None:
        """Train at most up to the next boundary, and let each run report its losses."""
        network, config = self._network, self._starts[0].config
        first = network.step + 1
        count = self._chunk.length(steps_to_boundary(config, network.step))
        look = evaluation_due(config, network.step + count)
        started = time.perf_counter()
        configs = [self._starts[i].config for i in self._places]
        losses = network.train(configs, count, look=look)
        seconds = time.perf_counter() - started
        self._chunk.record(count, seconds)
        self._threads.record(seconds / count)
        self._wasted += seconds * len(network.idle) / network.replicas
        for i, run_losses in zip(self._places, losses, strict=True):
            if self._ends[i] is None:
                self._guarded(i, self._take, Losses(first, run_losses, seconds))
        ended = (at for at, i in enumerate(self._places) if self._ends[i] is not None)
        network.idle = frozenset(ended)

    def _take(self, i: int, losses: Losses) -> None:
        config = self._starts[i].config
        self._logs[i].take(losses, config)
        self._finish_if_over(i)

    def _finish_if_over(self, i: int) -> None:
        log, config = self._logs[i], self._starts[i].config
        if stop := log.end(config):
            self._ends[i] = log.finish(stop, config, self._chunk.rate())

    def _guarded(self, i: int, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` for one run; a divergence or an OSError ends that run only."""
        try:
            try:
                act(i, *arguments)
            except DivergedError as end:
                config = self._starts[i].config
                self._ends[i] = self._logs[i].fail(end, config, self._chunk.rate())
        except OSError as error:
            self._ends[i] = error

    def _move(self) -> None:
        """Continue the runs that still train in a new, smaller network."""
        active = self._active()
        starts = []
        for i in active:
            start = self._starts[i]
            snapshot = self._logs[i].snapshot(start.config)
            starts.append(replace(start, snapshot=snapshot))
        self._network, self._places = Network(starts), active
        for at, i in enumerate(active):
            self._replicas[i].move_to(self._network, at)
        self._chunk, self._wasted = ChunkLength(), 0.0
        self._compile()
