"""Events, snapshots and arrays of a tiny run, for tests that write one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from model_for import model_for

from grok_tui.config.schema import Config
from grok_tui.protocol.commands import Command, Resume
from grok_tui.protocol.events import Analyzed, Evaluated, Losses
from grok_tui.protocol.results import AnalysisArrays, Measures, Metrics, Pairs
from grok_tui.protocol.snapshot import Snapshot

CONFIG = Config(modulus=5, d_model=4, n_heads=2, d_mlp=3, lr=0.003)
ENVIRONMENT = {"version": "0.1", "device": "CPU", "platform": 'odd "words"\n'}
ON_EVALUATED_STEPS = {"test_loss", "train_acc", "test_acc", "weight_norm", "lr", "weight_decay"}


def losses(first: int, *values: float) -> Losses:
    return Losses(first, np.array(values, dtype=np.float32), seconds=0.5)


def evaluated(step: int, test_loss: float = 4.5) -> Evaluated:
    metrics = Metrics(
        train_loss=99.0, test_loss=test_loss, train_acc=0.75, test_acc=0.25,
        weight_norm=33.25, lr=1e-3, weight_decay=1.25,
    )  # fmt: skip
    return Evaluated(
        step, metrics, 0.1, Pairs(np.zeros(25, np.int16), np.zeros(25, np.float16))
    )


MEASURES = Measures(1 / 3, 0.5, (1, 2), {"W_E": 96.0}, restricted_loss=0.25)
ARRAYS = AnalysisArrays(
    elements=np.arange(5, dtype=np.int16),
    spectrum_W_E=np.array([1, 2], dtype=np.float32),
    spectrum_W_L=np.array([3, 4], dtype=np.float32),
    circle=np.ones((2, 5, 2), dtype=np.float32),
    attention=np.ones((2, 3, 5), dtype=np.float32),
    neuron_frequency=np.array([1, 0, 2], dtype=np.int16),
    neuron_share=np.array([0.9, 0, 1], dtype=np.float32),
)


def analyzed(step: int) -> Analyzed:
    return Analyzed(step, MEASURES, 0.1, ARRAYS)


class Asked:
    """An inbox that gives the next of `answers` each time that the recorder waits."""

    def __init__(self, *answers: list[Command], look: Callable[[], None] = lambda: None):
        self.answers, self._look = list(answers), look
        self.waits = 0

    def drain(self, *, wait: bool) -> list[Command]:
        if not wait:
            return []
        self._look()
        self.waits += 1
        return self.answers.pop(0) if self.answers else [Resume()]


def snapshot(step: int, **changes: Any) -> Snapshot:
    """A snapshot whose config has `changes`."""
    shapes = model_for(CONFIG).shapes
    weights = {name: np.full(shape, step, dtype=np.float32) for name, shape in shapes.items()}
    config = CONFIG.changed(**changes).model_dump(mode="json")
    mask = np.arange(25) < 7
    return Snapshot(step, weights, weights, weights, (0.5, 0.5), mask, config, {}, {})


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def metrics_of(run: Path) -> list[dict[str, Any]]:
    return lines(run / "metrics.jsonl")


def events_of(run: Path) -> list[dict[str, Any]]:
    return lines(run / "events.jsonl")


def files(run: Path) -> dict[str, bytes]:
    """The content of every file of a run; headers of checkpoints are sorted to compare."""
    found = {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()}
    for name, content in found.items():
        if name.endswith(".safetensors"):
            size = 8 + int.from_bytes(content[:8], "little")
            header = json.dumps(json.loads(content[8:size]), sort_keys=True)
            found[name] = header.encode() + content[size:]
    return found
