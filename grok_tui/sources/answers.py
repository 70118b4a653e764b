"""Answers to questions about a recorded network, from its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from grok_tui.analysis.predictions import answer_probabilities
from grok_tui.config.schema import build
from grok_tui.models.registry import model_of
from grok_tui.protocol.commands import Ask, Inspect
from grok_tui.protocol.events import Answered, Inspected
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import CheckpointError, checkpoints_in, load, step_of
from grok_tui.tasks.registry import make_task
from grok_tui.text import UserError


def answer_from(
    folder: Path, question: Ask | Inspect, until: int | None = None
) -> Answered | Inspected:
    """Answer a question about a run from its newest readable checkpoint.

    folder: the run directory. until: use no checkpoint after this step.
    Raises UserError if there is no such checkpoint, or no such pair.
    """
    snapshot = next(_sound(folder, until), None)
    if snapshot is None:
        since = "" if until is None else f" at or before step {until}"
        raise UserError(f"there is no checkpoint to ask{since}")
    config = build(snapshot.config)
    task = make_task(config, snapshot.train_mask)
    model = model_of(config, task)
    if isinstance(question, Inspect):
        activation = model.neuron(snapshot.weights, task.a, task.b, question.neuron)
        return Inspected(snapshot.step, question.neuron, activation)
    pair = question.a, question.b
    task.index(*pair)  # raises for what is not a pair
    likely = answer_probabilities(model, snapshot.weights, pair, config.loss)
    return Answered(snapshot.step, *pair, likely)


def _sound(folder: Path, until: int | None) -> Iterator[Snapshot]:
    for path in checkpoints_in(folder / "checkpoints"):
        if until is None or step_of(path) <= until:
            try:
                yield _loaded(path)
            except CheckpointError:
                continue


@lru_cache(maxsize=2)  # a replay keeps asking about the same checkpoint
def _loaded(path: Path) -> Snapshot:
    return load(path)
