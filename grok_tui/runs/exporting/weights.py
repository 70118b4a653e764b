"""The weights of a checkpoint as safetensors, under their own names or another tool's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy

from grok_tui.config.schema import build
from grok_tui.files import write_durably
from grok_tui.models.registry import model_of
from grok_tui.protocol.results import FloatArray
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import checkpoints
from grok_tui.runs.agreement import check_config
from grok_tui.tasks.registry import make_task
from grok_tui.text import UserError

# The format that keeps the weights' own names.
OWN = "safetensors"


def write_weights(run: Path, form: str, step: int | None, file: Path | None) -> list[Path]:
    """Write the weights of a checkpoint, the newest if `step` is None; returns the files.

    form: `OWN`, or one of the model's formats. file: None for a name made from run, step and
    form. In another tool's format, the model's config is written beside it as JSON.
    Raises UserError or OSError.
    """
    snapshot = _snapshot(run, step)
    file = file or Path(f"{run.resolve().name}-step-{snapshot.step}-{form}.safetensors")
    if form == OWN:
        _save(file, snapshot.weights, {"step": snapshot.step, "config": dict(snapshot.config)})
        return [file]
    config = build(snapshot.config)
    task = make_task(config, snapshot.train_mask)
    model = model_of(config, task)
    if form not in model.EXPORTS:
        raise UserError(f"the model of {run} cannot be written as {form}")
    state, fields = model.EXPORTS[form](model, snapshot.weights)
    _save(file, state, {"step": snapshot.step, "config": fields})
    beside = file.with_name(f"{file.name}.json")
    write_durably(beside, (json.dumps(fields, indent=2) + "\n").encode())
    return [file, beside]


def _snapshot(run: Path, step: int | None) -> Snapshot:
    folder = run / "checkpoints"
    if step is None:
        snapshot, _ = checkpoints.newest(folder)
    else:
        snapshot = checkpoints.load(checkpoints.at_step(folder, step))
    check_config(run, snapshot.step, snapshot.config)
    return snapshot


def _save(file: Path, weights: Mapping[str, FloatArray], fields: Mapping[str, Any]) -> None:
    metadata = {name: json.dumps(value) for name, value in fields.items()}
    content = safetensors.numpy.save(dict(weights), {"format": "pt", **metadata})
    write_durably(file, content)
