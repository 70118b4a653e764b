"""Reports and saves one run while its network trains."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from grok_tui.analysis.health import HealthWatch
from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import Config, build
from grok_tui.protocol.commands import Stop
from grok_tui.protocol.events import CheckpointSaved, Failed, Losses, Sink, Started, Stopped
from grok_tui.protocol.results import Metrics, Summary
from grok_tui.protocol.snapshot import ARRAY_KINDS, CheckpointStore, Snapshot
from grok_tui.training.loop import StopWatch
from grok_tui.training.network import Replica, Start
from grok_tui.training.observer import DivergedError, Observer, check_snapshot


class RunLog:
    """Emits the events of one run and saves its checkpoints.

    observer: evaluates and analyzes the network. watch: the time that the run has taken.
    """

    def __init__(
        self,
        replica: Replica,
        start: Start,
        emit: Sink,
        *,
        store: CheckpointStore | None = None,
        watch: StopWatch | None = None,
    ) -> None:
        """start: what the replica started from. watch: a running one; None starts another."""
        resumed, task = start.snapshot, start.task
        self._replica, self._task, self._emit, self._store = replica, task, emit, store
        self.watch = watch or StopWatch(resumed.seconds if resumed else {})
        milestones = Milestones.from_dict(resumed.milestones if resumed else {})
        health = HealthWatch.from_dict(resumed.health) if resumed else HealthWatch()
        self.observer = Observer(
            replica,
            task,
            start.model,
            start.config,
            emit,
            watch=self.watch,
            milestones=replace(milestones, n_answers=task.n_answers),
            health=health,
            metrics=resumed.metrics if resumed else None,
        )
        self._saved = (resumed.step, build(resumed.config)) if resumed else None
        self._changed = False

    @property
    def step(self) -> int:
        return self._replica.step

    def start(self, config: Config) -> None:
        """Report the start of a sitting."""
        task = self._task
        self._emit(
            Started(
                step=self.step,
                config=config.model_dump(mode="json"),
                device=config.device,
                n_train=task.n_train,
                n_test=task.n_pairs - task.n_train,
                compile_seconds=self.watch.seconds["compile"],
                train_mask=task.train_mask,
            )
        )

    def take(self, losses: Losses, config: Config) -> None:
        """Report new steps; evaluate, analyze and save if due at the last of them.

        Raises DivergedError or OSError.
        """
        self._report(losses)
        self.observer.observe(config)
        if self.step % config.checkpoint_every == 0:
            self.save(config)

    def end(self, config: Config) -> Stop | None:
        """The stop that ends the run at this step; None if it continues."""
        if self.step >= config.steps:
            return Stop("completed")
        if config.stop_when == "grokked" and self.observer.milestones.grokked.holds:
            return Stop("grokked")
        return None

    def _report(self, losses: Losses) -> None:
        """Emit the losses; raise DivergedError at the first that is not finite."""
        bad = np.flatnonzero(~np.isfinite(losses.train_loss))
        if not len(bad):
            self._emit(losses)
            self.observer.take_losses(losses)
            return
        if bad[0]:
            good = losses.train_loss[: bad[0]]
            self._emit(Losses(losses.first_step, good, losses.seconds))
        step = losses.first_step + int(bad[0])
        what = f"the train loss became {losses.train_loss[bad[0]]}"
        raise DivergedError(step, what, step - 1)

    def save(self, config: Config) -> None:
        """Save a checkpoint unless it is already saved. Raises DivergedError or OSError."""
        saved = self._saved == (self.step, config) and not self._changed
        if self._store is None or saved:
            return
        started = time.perf_counter()
        snapshot = self.snapshot(config)
        check_snapshot(snapshot)
        path = self._store.save(snapshot)
        self._saved, self._changed = (self.step, config), False
        seconds = time.perf_counter() - started
        self.watch.add("save", seconds)
        self._emit(CheckpointSaved(self.step, path, seconds))

    def note_change(self) -> None:
        """Note that the state has changed, though neither step nor config has."""
        self._changed = True

    def snapshot(self, config: Config) -> Snapshot:
        """Everything that an exact resume needs."""
        return Snapshot(
            step=self.step,
            **{kind: self._replica.copy(kind) for kind in ARRAY_KINDS},
            beta_products=self._replica.beta_products,
            train_mask=self._task.train_mask,
            config=config.model_dump(mode="json"),
            milestones=self.observer.milestones.to_dict(),
            health=self.observer.health.to_dict(),
            metrics=self.observer.metrics,
            seconds=self.watch.total(),
            initial_norm=self._replica.initial_norm,
        )

    def finish(self, stop: Stop, config: Config, rate: float) -> Stopped:
        """Save if `stop` says so, and report the end of the run; rate: steps per second.

        Raises DivergedError or OSError.
        """
        if stop.save:
            self.save(config)
        summary = self._summary(stop.reason, self.observer.metrics, config, rate)
        stopped = Stopped(self.step, stop.reason, summary)
        self._emit(stopped)
        return stopped

    def fail(self, end: DivergedError, config: Config, rate: float) -> Failed:
        """Report that the run diverged; rate: steps per second. Raises OSError."""
        good = f"the last good checkpoint is at step {self._saved[0]}" if self._saved else ""
        advice = f"try a lower lr than {config.lr:g}"
        reason = "; ".join([str(end), good or "there is no checkpoint", advice])
        summary = self._summary("diverged", None, config, rate)
        summary = replace(summary, steps=end.good_steps)
        failed = Failed(end.step, reason, "diverged", summary)
        self._emit(failed)
        return failed

    def _summary(self, end: str, final: Metrics | None, config: Config, rate: float) -> Summary:
        seconds, milestones = self.watch.total(), self.observer.milestones
        return Summary(
            steps=self.step,
            grokked=milestones.grok_step is not None,
            grok_step=milestones.grok_step,
            memorized_step=milestones.memorized_step,
            final=final,
            steps_per_second=rate,
            eval_seconds=seconds["eval"],
            analysis_seconds=seconds["analysis"],
            compile_seconds=seconds["compile"],
            wall_seconds=seconds["wall"],
            device=config.device,
            exit=end,
        )
