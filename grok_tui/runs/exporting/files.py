"""Exporting a run into the formats of other tools."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import safetensors.numpy

from grok_tui.config.schema import Config, build
from grok_tui.files import write_durably
from grok_tui.models.transformer import export
from grok_tui.protocol.events import FloatArray
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import checkpoints
from grok_tui.runs.reader import metric_lines

CSV = "csv"
TENSORBOARD = "tensorboard"


def write_csv(run: Path, stream: TextIO) -> None:
    """The metrics as a table: a row for every step, empty where a step has no such number.

    The key frequencies are in one column, with spaces between; a sum of squares is in one for
    each weight. Raises LineError or OSError, then with nothing
    written.
    """
    columns: dict[str, None] = {}
    count = 0
    for row in _rows(run):
        columns |= dict.fromkeys(row)
        count += 1
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(itertools.islice(_rows(run), count))  # a run may still be writing


def _rows(run: Path) -> Iterator[dict[str, Any]]:
    for line in metric_lines(run):
        row: dict[str, Any] = {}
        for name, value in line.items():
            if isinstance(value, dict):
                row |= {f"{name}.{part}": x for part, x in value.items()}
            else:
                row[name] = " ".join(map(str, value)) if isinstance(value, list) else value
        yield row


def write_weights(run: Path, form: str, step: int | None, file: Path | None) -> list[Path]:
    """The weights of a checkpoint, the newest if no step is named; returns the files written.

    form: a key of `WEIGHTS`. file: None for a name made from those of run, step and form.
    Raises CheckpointError or OSError.
    """
    snapshot = _snapshot(run, step)
    config = build(snapshot.config)
    file = file or Path(f"{run.resolve().name}-step-{snapshot.step}-{form}.safetensors")
    return WEIGHTS[form](config, snapshot, file)


def _snapshot(run: Path, step: int | None) -> Snapshot:
    folder = run / "checkpoints"
    if step is None:
        return checkpoints.newest(folder)[0]
    return checkpoints.load(checkpoints.at_step(folder, step))


def _own(config: Config, snapshot: Snapshot, file: Path) -> list[Path]:
    """The weights under their own names."""
    fields = {"step": snapshot.step, "config": config.model_dump(mode="json")}
    _save(file, snapshot.weights, fields)
    return [file]


def _transformerlens(config: Config, snapshot: Snapshot, file: Path) -> list[Path]:
    """A state dict, and beside it the config as JSON, which the metadata has too."""
    fields = {"step": snapshot.step, "config": export.model_config(config)}
    _save(file, export.state_dict(config, snapshot.weights), fields)
    beside = file.with_name(f"{file.name}.json")
    content = json.dumps(fields["config"], indent=2) + "\n"
    write_durably(beside, content.encode())
    return [file, beside]


def _save(file: Path, weights: Mapping[str, FloatArray], fields: Mapping[str, Any]) -> None:
    metadata = {name: json.dumps(value) for name, value in fields.items()}
    content = safetensors.numpy.save(dict(weights), {"format": "pt", **metadata})
    write_durably(file, content)


WEIGHTS: Mapping[str, Callable[[Config, Snapshot, Path], list[Path]]] = {
    "safetensors": _own,
    "transformerlens": _transformerlens,
}
