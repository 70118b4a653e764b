"""Analyses of a network with known frequencies, as events for a session."""

from __future__ import annotations

import functools

import numpy as np
import planted
from scripted import CONFIG, ScriptedSource, playing

from grok_tui.analysis.analyst import Analyst
from grok_tui.config.schema import Config
from grok_tui.models.registry import model_of
from grok_tui.models.transformer import host
from grok_tui.protocol.commands import Command, Inspect
from grok_tui.protocol.events import Analyzed, Inspected
from grok_tui.protocol.results import AnalysisArrays, Measures
from grok_tui.tasks.registry import make_task

KEYS = (5, 33, 56)
TASK = make_task(CONFIG)


@functools.cache
def analysis(keys: tuple[int, ...] = KEYS) -> tuple[Measures, AnalysisArrays]:
    """The analysis of a network that adds modulo 113 with some frequencies."""
    weights = planted.pizza(113, keys)
    d_model, d_mlp = weights["blocks.0.W_in"].shape
    model = model_of(Config(d_model=d_model, n_heads=1, d_mlp=d_mlp), TASK)
    return Analyst(TASK, model)(weights)


def analyzed(step: int, keys: tuple[int, ...] = KEYS) -> Analyzed:
    measures, arrays = analysis(keys)
    return Analyzed(step, measures, 0.1, arrays)


def inspected(step: int, neuron: int, keys: tuple[int, ...] = KEYS) -> Inspected:
    found = host.neuron(planted.pizza(113, keys), TASK.a, TASK.b, 1, neuron)
    return Inspected(step, neuron, np.asarray(found, dtype=np.float32))


class AnsweringSource(ScriptedSource):
    """Answers questions about neurons as a trainer at step 100 would."""

    def send(self, command: Command) -> None:
        super().send(command)
        if isinstance(command, Inspect):
            self.deliver(inspected(100, command.neuron))


def answering(*events: object) -> AnsweringSource:
    return AnsweringSource(*playing(*events).script)  # type: ignore[arg-type]
