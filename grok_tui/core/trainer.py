"""The training loop: take commands, train a chunk of steps, say what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from grok_tui.config import Config, build, is_live
from grok_tui.core.chunks import ChunkLength, StopWatch
from grok_tui.core.controls import Controls
from grok_tui.core.events import (
    CheckpointSaved,
    Command,
    Compiling,
    ConfigApplied,
    Failed,
    Inbox,
    Losses,
    Metrics,
    Sink,
    Started,
    Stop,
    Stopped,
)
from grok_tui.core.health import HealthWatch
from grok_tui.core.measure import DivergedError, check_snapshot
from grok_tui.core.observe import Observer
from grok_tui.core.openblas import blas_threads, set_threads, shared_rows
from grok_tui.core.phases import Milestones
from grok_tui.core.snapshot import CheckpointStore, Snapshot
from grok_tui.core.step import COMPILE_STAGES, Network
from grok_tui.core.tasks import make_task
from grok_tui.core.threads import ThreadKeeper


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
        self._inbox, self._emit, self._store = inbox, emit, store
        self._watch = StopWatch(snapshot.seconds if snapshot else {})
        self._chunk = ChunkLength()
        choice = config.device.startswith("CPU") and shared_rows() > 0
        self._threads = ThreadKeeper(blas_threads() if choice else 1, set_threads)
        self._task = make_task(config)
        if snapshot:  # the split is data: a later NumPy may draw another from the same seed
            self._task = replace(self._task, train_mask=snapshot.train_mask)
        self._network = Network(config, self._task, snapshot)
        self._resumed = snapshot
        milestones = Milestones.from_dict(snapshot.milestones) if snapshot else Milestones()
        health = HealthWatch.from_dict(snapshot.health) if snapshot else HealthWatch()
        self._observer = Observer(
            self._network,
            self._task,
            config,
            emit,
            watch=self._watch,
            milestones=milestones,
            health=health,
        )
        self._saved = (snapshot.step, build(snapshot.config)) if snapshot else None
        self._unsaved = False
        self._compiled = False
        self._controls = Controls(
            config,
            emit,
            lambda: self.step,
            self._save if store else None,
            answer=self._observer.answer,
            inspect=self._observer.inspect,
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
            return self._finish()
        except DivergedError as end:
            return self._fail(end)

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
        self._watch.add("compile", time.perf_counter() - started)
        self._emit(
            Started(
                step=self.step,
                config=self.config.model_dump(mode="json"),
                device=self.config.device,
                n_train=self.config.n_train,
                n_test=self.config.n_pairs - self.config.n_train,
                compile_seconds=self._watch.seconds["compile"],
                train_mask=self._task.train_mask,
            )
        )
        self._announce_changes()
        for command in early:
            self._obey(command)
        self._observer.begin(new=self._resumed is None)
        if self._resumed is None:  # after all that is said at the start: a resumed run has it
            self._save()

    def _obey(self, command: Command) -> None:
        self._controls.obey(command)
        # Off and on again: the config is as it was saved, the state is not.
        self._unsaved |= self._network.follow(self.config)

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
            if self.step >= self.config.steps:
                self._controls.stop = Stop("completed")
            elif self.config.stop_when == "grokked" and self._observer.milestones.grokked:
                self._controls.stop = Stop("grokked")
        return self._controls.stop is not None

    def _train_chunk(self) -> None:
        """Train up to the next boundary, or for as long as the screen may wait."""
        started = time.perf_counter()
        self._network.make_ready(self.config)
        self._watch.add("compile", time.perf_counter() - started)
        first = self.step + 1
        count = self._chunk.length(self._controls.at_most(self._steps_to_boundary()))
        started = time.perf_counter()
        losses = self._network.train(self.config, count)
        seconds = time.perf_counter() - started
        self._chunk.record(count, seconds)
        self._threads.record(seconds / count)
        self._report(Losses(first, losses, seconds))
        self._observer.observe(self.config)
        if self.step % self.config.checkpoint_every == 0:
            self._save()
        self._controls.stepped(count)

    def _steps_to_boundary(self) -> int:
        """Steps until the next evaluation, analysis, checkpoint or end."""
        config = self.config
        rhythms = (config.eval_every, config.analyze_every, config.checkpoint_every)
        return min(config.steps - self.step, *(n - self.step % n for n in rhythms))

    def _report(self, losses: Losses) -> None:
        """Emit the losses up to the first that is not finite."""
        bad = np.flatnonzero(~np.isfinite(losses.train_loss))
        if not len(bad):
            self._emit(losses)
            self._observer.hear(losses)
            return
        if bad[0]:
            good = losses.train_loss[: bad[0]]
            self._emit(Losses(losses.first_step, good, losses.seconds))
        step = losses.first_step + int(bad[0])
        what = f"the train loss became {losses.train_loss[bad[0]]}"
        raise DivergedError(step, what, step - 1)

    # --- checkpoints and the end --------------------------------------------------------

    def _save(self) -> None:
        saved = self._saved == (self.step, self.config) and not self._unsaved
        if self._store is None or saved:
            return
        snapshot = self.snapshot()
        check_snapshot(snapshot)
        path = self._store.save(snapshot)
        self._saved, self._unsaved = (self.step, self.config), False
        self._emit(CheckpointSaved(self.step, path))

    def snapshot(self) -> Snapshot:
        """All that an exact resume needs."""
        first, second = self._network.moments()
        return Snapshot(
            step=self.step,
            weights=self._network.host_weights(),
            first_moment=first,
            second_moment=second,
            beta_products=self._network.beta_products,
            train_mask=self._task.train_mask,
            config=self.config.model_dump(mode="json"),
            milestones=self._observer.milestones.to_dict(),
            health=self._observer.health.to_dict(),
            seconds=self._watch.total(),
            initial_norm=self._network.initial_norm,
            gradient_mean=self._network.gradient_mean(),
        )

    def _finish(self) -> Stopped:
        stop = self._controls.stop
        assert stop is not None
        if stop.save:
            self._save()
        final = self._observer.final_metrics(self.config) if self._compiled else None
        summary = self._summary(stop.reason, final)
        stopped = Stopped(self.step, stop.reason, summary)
        self._emit(stopped)
        return stopped

    def _fail(self, end: DivergedError) -> Failed:
        good = f"the last good checkpoint is of step {self._saved[0]}" if self._saved else ""
        advice = f"try a lower --lr than {self.config.lr:g}"
        reason = "; ".join([str(end), good or "there is no checkpoint", advice])
        summary = {**self._summary("diverged", None), "steps": end.good_steps}
        failed = Failed(end.step, reason, summary)
        self._emit(failed)
        return failed

    def _summary(self, end: str, final: Metrics | None) -> dict[str, object]:
        """The content of `summary.json`."""
        seconds, milestones = self._watch.total(), self._observer.milestones
        return {
            "steps": self.step,
            "grokked": milestones.grokked,
            "grok_step": milestones.grok_step,
            "memorized_step": milestones.memorized_step,
            "final": final.to_dict() if final else None,
            "steps_per_second": self._chunk.median_rate(),
            "eval_seconds": seconds["eval"],
            "analysis_seconds": seconds["analysis"],
            "compile_seconds": seconds["compile"],
            "wall_seconds": seconds["wall"],
            "device": self.config.device,
            "exit": end,
        }
