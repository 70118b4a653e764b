"""Answering questions about a recorded network from its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from grok_tui.config.schema import build
from grok_tui.models.transformer import host
from grok_tui.protocol.events import Answered, Ask, Inspect, Inspected
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import CheckpointError, checkpoints_in, load, step_of
from grok_tui.tasks.task import make_task
from grok_tui.text import UserError


def answer_from(
    folder: Path, question: Ask | Inspect, until: int | None = None
) -> Answered | Inspected:
    """The answer by a run's newest sound checkpoint, or the newest of a step up to `until`.

    Raises UserError if there is none.
    """
    snapshot = next(_sound(folder, until), None)
    if snapshot is None:
        since = "" if until is None else f" of step {until} or before"
        raise UserError(f"there is no checkpoint{since} to ask")
    config = build(snapshot.config)
    if isinstance(question, Inspect):
        task, neuron = make_task(config), question.neuron
        found = host.neuron(snapshot.weights, task.a, task.b, config.n_heads, neuron)
        return Inspected(snapshot.step, neuron, found)
    pair = np.array([question.a]), np.array([question.b])
    logits = host.logits(snapshot.weights, *pair, config.n_heads)
    likely = host.probabilities(host.exponents(logits, config.loss))[0]
    return Answered(snapshot.step, question.a, question.b, likely)


def _sound(folder: Path, until: int | None) -> Iterator[Snapshot]:
    for path in checkpoints_in(folder / "checkpoints"):
        if until is None or step_of(path) <= until:
            try:
                yield _loaded(path)
            except CheckpointError:
                continue


@lru_cache(maxsize=2)  # a replay asks the same one again and again
def _loaded(path: Path) -> Snapshot:
    return load(path)
