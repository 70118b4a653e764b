"""Run directories written from events without a trainer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from summaries import summary

from grok_tui.config.schema import Config
from grok_tui.protocol.events import (
    Analyzed,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    PhaseChanged,
    Started,
    Stopped,
)
from grok_tui.protocol.results import Measures, Metrics
from grok_tui.runs.writer import RunWriter

CONFIG = Config(modulus=13, d_model=32, n_heads=2, d_mlp=64, steps=100, device="CPU")
STARTED = Started(0, {}, "CPU", 50, 119, 1.5)
COMPLETED = Stopped(100, "completed")
DIVERGED = Failed(
    31,
    "diverged: the train loss became nan at step 31",
    "diverged",
    summary(steps=30, final=None, exit="diverged"),
)
EDIT = ConfigApplied(60, "weight_decay", 1.0, 3.0)


def written(folder: Path, *events: Event, config: Config = CONFIG) -> Path:
    """A run directory with these events; if there is no end, the run looks killed."""
    writer = RunWriter.create(folder, config, {"version": "0.1"})
    for event in events:
        writer(event)
    writer.close()
    return folder


def losses(first: int, last: int, value: float = 0.5) -> Losses:
    return Losses(first, np.full(last - first + 1, value, dtype=np.float32), 0.1)


def evaluated(
    step: int, train_acc: float, test_acc: float, test_loss: float = 2.0
) -> Evaluated:
    metrics = Metrics(
        train_loss=0.5, test_loss=test_loss, train_acc=train_acc, test_acc=test_acc,
        weight_norm=33.0, lr=1e-3, weight_decay=1.0,
    )  # fmt: skip
    return Evaluated(step, metrics, 0.1)


def analyzed(step: int, *keys: int) -> Analyzed:
    measures = Measures(
        0.25, 0.5, keys, {"W_E": 96.0, "blocks.0.W_in": 7.5}, 0.75, excluded_loss=1.5,
        logit_fve=0.01,
    )  # fmt: skip
    return Analyzed(step, measures, 0.1)


def course(accuracies: Iterable[tuple[float, float]]) -> Iterator[Event]:
    """Ten steps and an evaluation for each pair of train and test accuracy."""
    for number, (train_acc, test_acc) in enumerate(accuracies):
        first, last = 10 * number + 1, 10 * number + 10
        yield losses(first, last, 1 / last)
        yield evaluated(last, train_acc, test_acc, 5 * (1 - test_acc) + 1e-4)


def _grokking() -> Iterator[Event]:
    accuracies = [(0.5, 0.01), (1, 0.02), *[(1, 0.1)] * 4, *[(1, 0.995)] * 4]
    events = list(course(accuracies))
    yield STARTED
    yield PhaseChanged(0, "MEMORIZING", "the train pairs are not yet known")
    yield from events[:12]
    yield EDIT
    yield from events[12:]
    yield analyzed(100, 2, 5)
    yield PhaseChanged(100, "GROKKED", "three in a row")
    yield COMPLETED


# Memorizes at step 20, groks at step 70, with an edit in between, and completes.
RUN = tuple(_grokking())
