"""Reading a run directory: the events that it was recorded from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.config import build
from grok_tui.core.analysis.result import Measures, Tables
from grok_tui.core.events import (
    Analyzed,
    CheckpointSaved,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Metrics,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.layers import load_file
from grok_tui.runs import analyses
from grok_tui.runs.writer import RunError

_EVENTS: Mapping[str, type] = {
    event.name: event
    for event in (
        Started, Paused, Resumed, ConfigApplied, PhaseChanged, Warned, CheckpointSaved, Stopped,
        Failed,
    )
}  # fmt: skip
_MEASURED = ("test_loss", "train_acc", "test_acc", "weight_norm", "lr", "weight_decay")
# Lines read at once into one `Losses`, if no evaluation comes earlier.
_BATCH = 1000


def recorded(
    folder: Path, until: int | None = None, *, tables: bool = True
) -> tuple[Mapping[str, Any], Iterator[Event]]:
    """The config that a run began with, and its events up to a step, or all of them.

    The events are those of the run but for what a recording lacks: times (`seconds` are 0)
    and the tables of evaluations. tables: whether to read those of analyses, a file each.
    Raises RunError, ConfigError or OSError; reading the events may, too.
    """
    config = build(load_file(folder / "config.toml")).model_dump(mode="json")
    return config, _sound(folder, _events(folder, config, until, tables=tables))


def edits(folder: Path, until: int) -> tuple[tuple[str, Any], ...]:
    """The edits up to a step that can still be taken back: fields and what they were before."""
    stack: list[tuple[str, Any]] = []
    for line in _lines(folder / "events.jsonl", until):
        if line.get("event") != ConfigApplied.name:
            continue
        if line.get("undo"):
            del stack[-1:]
        elif line["old"] != line["new"]:
            stack.append((line["field"], line["old"]))
    return tuple(stack)


def metric_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of `metrics.jsonl` as they are. Raises RunError or OSError."""
    return _lines(folder / "metrics.jsonl", None)


def event_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of `events.jsonl` as they are. Raises RunError or OSError."""
    return _lines(folder / "events.jsonl", None)


def _sound(folder: Path, events: Iterator[Event]) -> Iterator[Event]:
    """The events, and a word about the folder where a line is not what it should be."""
    try:
        yield from events
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder} is damaged: a line lacks {error}") from None


def _events(
    folder: Path, config: Mapping[str, Any], until: int | None, *, tables: bool
) -> Iterator[Event]:
    """Metrics and events in the order in which they happened."""
    metrics = _metrics(folder, until, tables=tables)
    measured = next(metrics, None)
    for line in _lines(folder / "events.jsonl", until):
        while measured is not None and measured.step <= line["step"]:
            yield measured
            measured = next(metrics, None)
        if (event := _event(line, config)) is not None:
            yield event
    while measured is not None:
        yield measured
        measured = next(metrics, None)


def _metrics(
    folder: Path, until: int | None, *, tables: bool
) -> Iterator[Losses | Evaluated | Analyzed]:
    path = folder / "metrics.jsonl"
    batch: list[float] = []
    step = 0
    for line in _lines(path, until):
        if batch and line["step"] != step + 1:
            raise RunError(f"{path} has step {line['step']} after step {step}")
        step = line["step"]
        batch.append(line["train_loss"])
        if "test_loss" in line or "gini_W_E" in line or len(batch) == _BATCH:
            yield _losses(step, batch)
            batch = []
        if "test_loss" in line:
            values = {name: line[name] for name in _MEASURED}
            yield Evaluated(step, Metrics(line["train_loss"], **values), 0.0)
        if "gini_W_E" in line:
            found = _tables(folder, step) if tables else None
            yield Analyzed(step, Measures.from_dict(line), 0.0, found)
    if batch:
        yield _losses(step, batch)


def _tables(folder: Path, step: int) -> Tables | None:
    """The tables of an analysis; None where there are none to be read."""
    path = analyses.analysis_path(folder, step)
    with contextlib.suppress(analyses.AnalysisError):
        return analyses.load(path)
    return None


def _losses(step: int, batch: list[float]) -> Losses:
    return Losses(step - len(batch) + 1, np.array(batch, dtype=np.float32), 0.0)


def _event(line: dict[str, Any], config: Mapping[str, Any]) -> Event | None:
    """The event that a line was written from; None for those of a later version."""
    kind = _EVENTS.get(line["event"])
    if kind is None:
        return None
    fields = {k: v for k, v in line.items() if k not in ("time", "event")}
    if kind is Started:
        fields["config"] = config
    if kind is Stopped:
        fields["summary"] = {}
    return kind(**fields)  # type: ignore[no-any-return]


def _lines(path: Path, until: int | None) -> Iterator[dict[str, Any]]:
    """The lines up to a step; a torn last one is left out, since a run may still be writing."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                content = json.loads(line)
                step = int(content["step"])
            except (ValueError, KeyError, TypeError):
                raise RunError(f"{path} is damaged in line {number}") from None
            if until is not None and step > until:
                return
            yield content
