"""Looking at the network while it trains: evaluations, analyses, questions, the phase."""

from __future__ import annotations

import math
import time

import numpy as np

from grok_tui.analysis.analyst import Analyst, why_no_circuit
from grok_tui.analysis.health import HealthWatch
from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import Config
from grok_tui.device.threads import keep_numpy_on_one_thread
from grok_tui.models.transformer import host
from grok_tui.protocol.events import (
    Analyzed,
    Answered,
    Evaluated,
    Inspected,
    Losses,
    Metrics,
    PhaseChanged,
    Sink,
    Warned,
)
from grok_tui.tasks.task import Task
from grok_tui.training.loop import StopWatch
from grok_tui.training.measure import check_weights, measure, measure_health
from grok_tui.training.replica import Replica


class Observer:
    """Says in events what it finds in a network; changes nothing there.

    milestones: what the evaluations and analyses so far have shown. health: what is to be
    remembered of the numbers.
    """

    def __init__(
        self,
        replica: Replica,
        task: Task,
        config: Config,
        emit: Sink,
        *,
        watch: StopWatch,
        milestones: Milestones,
        health: HealthWatch,
    ) -> None:
        keep_numpy_on_one_thread()
        self._replica, self._task, self._emit, self._watch = replica, task, emit, watch
        self._analyst = Analyst(config.operation, task, config.n_heads, config.loss)
        self._why_no_circuit = why_no_circuit(config.operation, task, config.d_mlp)
        self.milestones, self.health = milestones, health
        self._latest: tuple[int, Metrics] | None = None

    def begin(self, *, new: bool) -> None:
        """Say what is to be known at the start of a sitting; of the run, if it is new."""
        if new and self._why_no_circuit:
            self._emit(Warned(self._replica.step, self._why_no_circuit))
        self._announce_phase()

    def hear(self, losses: Losses) -> None:
        """Take note of more train losses."""
        self.health = self.health.after(losses.train_loss, math.log(self._task.modulus))

    def observe(self, config: Config) -> None:
        """Evaluate and analyse, each if the step under way is one of its rhythm."""
        before, step = self.milestones, self._replica.step
        if step % config.eval_every == 0:
            self._evaluate(config)
        if step % config.analyze_every == 0:
            self._analyze()
        if self.milestones.phase != before.phase:
            self._announce_phase()

    def answer(self, a: int, b: int) -> None:
        """Say what the network answers to a pair."""
        weights = self._replica.copy("weights")
        logits = host.logits(weights, np.array([a]), np.array([b]), self._analyst.n_heads)
        likely = host.probabilities(host.exponents(logits, self._analyst.loss))[0]
        self._emit(Answered(self._replica.step, a, b, likely))

    def inspect(self, neuron: int) -> None:
        """Say what a neuron does on every pair."""
        weights = self._replica.copy("weights")
        task, n_heads = self._task, self._analyst.n_heads
        activation = host.neuron(weights, task.a, task.b, n_heads, neuron)
        self._emit(Inspected(self._replica.step, neuron, activation))

    def final_metrics(self, config: Config) -> Metrics:
        """The metrics at the present step."""
        if self._latest and self._latest[0] == self._replica.step:
            return self._latest[1]
        return measure(self._replica.evaluate(), self._task, config, self._replica.step)

    def _evaluate(self, config: Config) -> None:
        started = time.perf_counter()
        evaluation = self._replica.evaluate()
        step = self._replica.step
        metrics = measure(evaluation, self._task, config, step)
        self._latest = (step, metrics)
        health = measure_health(
            evaluation, self._task, self._replica.move, self.health.spikes, step
        )
        seconds = time.perf_counter() - started
        self._watch.add("eval", seconds)
        self._emit(Evaluated(step, metrics, seconds, evaluation.pairs(), health))
        self.milestones = self.milestones.after(step, metrics)
        self.health, news = self.health.telling(step, health)
        for text in news:
            self._emit(Warned(step, text))

    def _analyze(self) -> None:
        started = time.perf_counter()
        step, weights = self._replica.step, self._replica.copy("weights")
        check_weights(weights, step)
        measures, tables = self._analyst(weights)
        seconds = time.perf_counter() - started
        self._watch.add("analysis", seconds)
        self._emit(Analyzed(step, measures, seconds, tables))
        self.milestones = self.milestones.after_analysis(step, measures)

    def _announce_phase(self) -> None:
        phase, reason = self.milestones.phase, self.milestones.reason
        self._emit(PhaseChanged(self._replica.step, phase, reason))
