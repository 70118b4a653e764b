"""What the doctor is told of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.config.schema import is_treatment
from grok_tui.doctor import Case, Curve, case_of
from grok_tui.protocol.events import (
    Analyzed,
    ConfigApplied,
    Evaluated,
    Failed,
    Losses,
    Started,
    Stopped,
)
from grok_tui.protocol.results import Measures
from grok_tui.runs.reader import outline
from grok_tui.runs.writer import RunError, being_written


def read_case(folder: Path) -> Case:
    """The case of the run in a folder. Raises UserError or OSError."""
    if not (folder / "config.toml").is_file():
        raise RunError(f"{folder} is no run directory: it has no config.toml")
    began, events = outline(folder)
    config = began.model_dump(mode="json")
    losses: list[Losses] = []
    evaluations: list[Evaluated] = []
    measures: list[tuple[int, Measures]] = []
    known: dict[str, Any] = {"measures": measures, "edited": 0, "diverged": False}
    for event in events:
        match event:
            case Losses():
                losses.append(event)
            case Evaluated():
                evaluations.append(event)
            case Analyzed(step, found):
                measures.append((step, found))
            case ConfigApplied(step, field, _, new):
                config[field] = new
                known["edited"] = step if is_treatment(field) else known["edited"]
            case Started() | Stopped():
                known["diverged"] = False
            case Failed(_, reason):
                known["diverged"] = reason.startswith("diverged")
    values = np.concatenate([[], *(event.train_loss for event in losses)])
    done = losses[-1].step if losses else 0
    curve = Curve(np.arange(done - len(values) + 1, done + 1, dtype=np.float64), values)
    return case_of(config, done, curve, evaluations, ended=not being_written(folder), **known)
