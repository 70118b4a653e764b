"""Reading a run directory: its config and the recorded events."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.config.schema import Config
from grok_tui.protocol.events import (
    Analyzed,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Started,
)
from grok_tui.runs import analysis_files, schema
from grok_tui.runs.agreement import check_run
from grok_tui.runs.schema import read_config

# The most lines that become one `Losses`; an evaluation or analysis ends it earlier.
_BATCH = 1000


def recorded(
    folder: Path, until: int | None = None
) -> tuple[Mapping[str, Any], Iterator[Event]]:
    """The config that a run started with, and its events.

    until: only the events that the run keeps if it resumes from this step. The events lack what
    is not recorded: times (`seconds` is 0), and results for each pair at steps that were not
    analyzed. Raises ConfigError; reading the events raises LineError or OSError.
    """
    config, events = outline(folder, until)
    with_arrays = (completed(folder, config, event) for event in events)
    return config.model_dump(mode="json"), with_arrays


def outline(folder: Path, until: int | None = None) -> tuple[Config, Iterator[Event]]:
    """The same as `recorded`, but without arrays, which `completed` adds to an event.

    If all of a run is read, its newest checkpoint must belong to it, or `check_run` raises.
    """
    config = read_config(folder)
    if until is None:
        check_run(folder)
    return config, _events(folder, config, until)


def completed(folder: Path, config: Config, event: Event) -> Event:
    """An event of a run's outline with its arrays, if they are recorded and readable."""
    with contextlib.suppress(analysis_files.AnalysisError):
        if isinstance(event, Analyzed):
            path = analysis_files.analysis_path(folder, event.step)
            return replace(event, arrays=analysis_files.load(path, config))
        if isinstance(event, Evaluated):
            path = analysis_files.analysis_path(folder, event.step)
            return replace(event, pairs=analysis_files.load_pairs(path, config))
    return event


def edits(folder: Path, until: int) -> tuple[tuple[str, Any], ...]:
    """The edits up to a step that can still be undone: each field and its previous value."""
    stack: list[tuple[str, Any]] = []
    for line in schema.kept_events(folder, until):
        if line.kind is not ConfigApplied:
            continue
        if line.fields["undo"]:
            del stack[-1:]
        elif line.fields["old"] != line.fields["new"]:
            stack.append((line.fields["field"], line.fields["old"]))
    return tuple(stack)


def event_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of `events.jsonl` as they are. Raises LineError or OSError."""
    return schema.raw_events(folder)


def metric_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of `metrics.jsonl` as they are. Raises LineError or OSError."""
    return schema.raw_metrics(folder)


def _events(folder: Path, config: Config, until: int | None) -> Iterator[Event]:
    """Metrics and events in the order in which they happened. until: as in `recorded`."""
    metrics = _metrics(folder, config, until)
    measured = next(metrics, None)
    for event in _noted(folder, config, until):
        while measured is not None and measured.step <= event.step:  # type: ignore[union-attr]
            yield measured
            measured = next(metrics, None)
        yield event
    if measured is not None:
        yield measured
    yield from metrics


def _metrics(
    folder: Path, config: Config, until: int | None
) -> Iterator[Losses | Evaluated | Analyzed]:
    batch: list[float] = []
    step = 0
    for line in schema.metrics(folder, config.modulus, until):
        step = line.step
        batch.append(line.train_loss)
        if line.metrics or line.measures or len(batch) == _BATCH:
            yield _losses(step, batch)
            batch = []
        if line.metrics:
            yield Evaluated(step, line.metrics, 0.0, health=line.health)
        if line.measures:
            yield Analyzed(step, line.measures, 0.0)
    if batch:
        yield _losses(step, batch)


def _losses(step: int, batch: list[float]) -> Losses:
    return Losses(step - len(batch) + 1, np.array(batch, dtype=np.float32), 0.0)


def _noted(folder: Path, config: Config, until: int | None) -> Iterator[Event]:
    """The events that have lines of their own, except those only later versions know."""
    now = config.model_dump(mode="json")
    lines = schema.events(folder) if until is None else schema.kept_events(folder, until)
    for line in lines:
        if line.kind is None:
            continue
        fields = dict(line.fields)
        if line.kind is ConfigApplied:
            now = {**now, fields["field"]: fields["new"]}
        elif line.kind is Started:
            fields["config"] = now
        elif line.kind is Failed:
            summary = schema.read_summary(folder)
            fields["kind"] = "diverged" if summary and summary.diverged else "trainer"
        yield line.kind(step=line.step, **fields)
