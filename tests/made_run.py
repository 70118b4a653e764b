"""Makes the directory of a short run without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from model_for import model_for
from summaries import summary

from grok_tui.analysis.analyst import Analyst
from grok_tui.config.schema import Config
from grok_tui.models.registry import model_of
from grok_tui.protocol.events import (
    Analyzed,
    CheckpointSaved,
    ConfigApplied,
    Evaluated,
    Losses,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.results import Metrics
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.writer import RunWriter
from grok_tui.tasks.registry import make_task

CONFIG = Config(modulus=5, d_model=4, n_heads=2, d_mlp=3, steps=20, device="CPU")
STEPS = 20


EDITED = CONFIG.changed(lr=0.5)  # from step 7 on


def snapshot(step: int, config: Config = CONFIG) -> Snapshot:
    """A random snapshot after `step`."""
    rng = np.random.default_rng(step)

    def arrays() -> dict[str, Any]:
        shapes = model_for(config).shapes.items()
        return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes}

    return Snapshot(
        step,
        arrays(),
        arrays(),
        arrays(),
        (0.9**step, 0.98**step),
        make_task(config).train_mask,
        config.model_dump(mode="json"),
        {"memorized_step": 5} if step > 5 else {},
        {"wall": 0.5},
    )


def made_run(folder: Path) -> Path:
    """Make a run of 20 steps, evaluated every 5, analyzed and saved every 10, with an edit."""
    task = make_task(CONFIG)
    analyst = Analyst(task, model_of(CONFIG, task))
    n_test = task.n_pairs - task.n_train
    write = RunWriter.create(folder, CONFIG, {"device": "CPU", "version": "0"})
    write(Started(0, {}, "CPU", task.n_train, n_test, 1.5))
    write(CheckpointSaved(0, write.save(snapshot(0))))
    write(PhaseChanged(0, "MEMORIZING", "the train pairs are not yet known"))
    for step in range(1, STEPS + 1):
        write(Losses(step, np.array([1 / step], dtype=np.float32), 0.1))
        if step % 5 == 0:
            lr = (CONFIG if step <= 7 else EDITED).lr
            metrics = Metrics(1 / step, 2.5, 0.5, 0.25, 33.0, lr, CONFIG.weight_decay)
            write(Evaluated(step, metrics, 0.1))
        if step % 10 == 0:
            saved = snapshot(step, EDITED)
            measures, arrays = analyst(saved.weights)
            write(Analyzed(step, measures, 0.1, arrays))
            write(CheckpointSaved(step, write.save(saved)))
        if step == 7:
            write(ConfigApplied(7, "lr", CONFIG.lr, EDITED.lr))
            write(Paused(7))
            write(Resumed(7))
        if step == 12:
            write(ConfigApplied(12, "decay", "decoupled", "coupled"))
            write(ConfigApplied(12, "decay", "coupled", "decoupled", undo=True))
            write(Warned(12, "something → odd"))
    write(Stopped(STEPS, "completed", summary(steps=STEPS)))
    write.close()
    return folder
