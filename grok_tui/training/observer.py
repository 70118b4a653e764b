"""Observes a network while it trains: evaluations, analyses, questions, the phase."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np

from grok_tui.analysis.analyst import Analyst, why_no_circuit
from grok_tui.analysis.health import HealthWatch, UpdateSize
from grok_tui.analysis.phases import Milestones
from grok_tui.analysis.predictions import answer_probabilities
from grok_tui.config.schema import Config
from grok_tui.models.base import Model
from grok_tui.protocol.events import (
    Analyzed,
    Answered,
    Evaluated,
    Inspected,
    Losses,
    PhaseChanged,
    Sink,
    Warned,
)
from grok_tui.protocol.results import FloatArray, Health, Metrics
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.tasks.task import Task
from grok_tui.training.loop import StopWatch, evaluation_due
from grok_tui.training.network import Replica
from grok_tui.training.objective import Evaluation
from grok_tui.training.schedule import learning_rate


class DivergedError(Exception):
    """A number became infinite or NaN at `step`; steps up to `good_steps` are good."""

    def __init__(self, step: int, what: str, good_steps: int) -> None:
        super().__init__(f"diverged: {what} at step {step}")
        self.step, self.good_steps = step, good_steps


class Observer:
    """Observes a network without changing it, and reports what it finds as events.

    milestones: what evaluations and analyses have shown so far.
    health: the state of the watch on numerical health.
    metrics: those of the last evaluation, None before the first.
    """

    def __init__(
        self,
        replica: Replica,
        task: Task,
        model: Model,
        config: Config,
        emit: Sink,
        *,
        watch: StopWatch,
        milestones: Milestones,
        health: HealthWatch,
        metrics: Metrics | None = None,
    ) -> None:
        self._replica, self._task, self._model = replica, task, model
        self._emit, self._watch, self._loss = emit, watch, config.loss
        self._analyst = Analyst(task, model, config.loss)
        self.milestones, self.health = milestones, health
        self.metrics = metrics

    def begin(self, *, new: bool) -> None:
        """Report the phase at the start of a sitting; new: also why the task has no circuit."""
        if new and (why := why_no_circuit(self._task, self._model.n_neurons)):
            self._emit(Warned(self._replica.step, why))
        self._announce_phase()

    def take_losses(self, losses: Losses) -> None:
        """Update the numerical health and the milestones with new train losses."""
        self.health = self.health.after(losses.train_loss, math.log(self._task.n_answers))
        self.milestones = self.milestones.after_loss(float(losses.train_loss[-1]))

    def observe(self, config: Config) -> None:
        """Evaluate and analyze, each if due at the present step. Raises DivergedError."""
        before, step = self.milestones, self._replica.step
        if evaluation_due(config, step):
            self._evaluate(config)
        if step % config.analyze_every == 0:
            self._analyze()
        if self.milestones.phase != before.phase:
            self._announce_phase()

    def answer(self, a: int, b: int) -> None:
        """Report the network's answer to a pair."""
        weights = self._replica.copy("weights")
        likely = answer_probabilities(self._model, weights, (a, b), self._loss)
        self._emit(Answered(self._replica.step, a, b, likely))

    def inspect(self, neuron: int) -> None:
        """Report the activation of a neuron on all pairs."""
        weights = self._replica.copy("weights")
        activation = self._model.neuron(weights, self._task.a, self._task.b, neuron)
        self._emit(Inspected(self._replica.step, neuron, activation))

    def _evaluate(self, config: Config) -> None:
        started = time.perf_counter()
        evaluation = self._replica.evaluate()
        step = self._replica.step
        metrics = metrics_of(evaluation, self._task, config, step)
        self.metrics = metrics
        update, spikes = self._replica.update_size, self.health.spikes
        health = health_of(evaluation, self._task, update, spikes, step)
        seconds = time.perf_counter() - started
        self._watch.add("eval", seconds)
        self._emit(Evaluated(step, metrics, seconds, evaluation.pairs(), health))
        self.milestones = self.milestones.after(step, metrics)
        self.health, warnings = self.health.warned(step, health)
        for text in warnings:
            self._emit(Warned(step, text))

    def _analyze(self) -> None:
        started = time.perf_counter()
        step, weights = self._replica.step, self._replica.copy("weights")
        check_finite(weights, step)
        measures, arrays = self._analyst(weights)
        seconds = time.perf_counter() - started
        self._watch.add("analysis", seconds)
        self._emit(Analyzed(step, measures, seconds, arrays))
        self.milestones = self.milestones.after_analysis(step, measures)

    def _announce_phase(self) -> None:
        phase, reason = self.milestones.phase, self.milestones.reason
        self._emit(PhaseChanged(self._replica.step, phase, reason))


def metrics_of(evaluation: Evaluation, task: Task, config: Config, step: int) -> Metrics:
    """The metrics of an evaluation after `step` updates, losses summed in float64.

    Raises DivergedError if a loss or the weights are not finite.
    """
    train, test = task.train_mask, ~task.train_mask
    right = evaluation.answers == task.answer
    metrics = Metrics(
        train_loss=_mean(evaluation.pair_loss[train]),
        test_loss=_mean(evaluation.pair_loss[test]),
        train_acc=float(right[train].mean()),
        test_acc=float(right[test].mean()),
        weight_norm=evaluation.weight_norm,
        lr=learning_rate(config, max(1, step)),
        weight_decay=config.weight_decay,
    )
    for name in ("train_loss", "test_loss", "weight_norm"):
        if not math.isfinite(value := getattr(metrics, name)):
            # A step's own train loss is taken before its update: this one is the next step's.
            at = step + 1 if name == "train_loss" else step
            raise DivergedError(at, f"the {name.replace('_', ' ')} became {value}", step)
    return metrics


def health_of(
    evaluation: Evaluation, task: Task, update: UpdateSize, spikes: int, step: int
) -> Health:
    """The numerical health at an evaluation after `step` updates.

    update: the size of the last update. spikes: jumps of the train loss so far.
    Raises DivergedError if the gradient is not finite, since the moments then never recover.
    """
    zeros = evaluation.pair_loss[task.train_mask] == 0
    if not math.isfinite(update.gradient_norm):
        what = f"the gradient norm became {update.gradient_norm}"
        raise DivergedError(step, what, step - 1)
    return Health(float(zeros.mean()), evaluation.largest_logit, *update, spikes)


def check_snapshot(snapshot: Snapshot) -> None:
    """Raise DivergedError if any array is not finite, since no run could continue from it."""
    for kind, name, array in snapshot.arrays():
        check_finite({name: array}, snapshot.step, kind.replace("_", " "))


def check_finite(arrays: Mapping[str, FloatArray], step: int, kind: str = "weights") -> None:
    """Raise DivergedError if any array is not finite; kind: what they are, for the message."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DivergedError(step, f"{kind} of {name} became infinite or NaN", step)


def _mean(values: FloatArray) -> float:
    return float(values.mean(dtype=np.float64))
