"""Trains the runs of several points in one process, as replicas of one network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from grok_tui.config.schema import Config, build
from grok_tui.device.open import open_device
from grok_tui.protocol.events import Failed, Warned
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import CheckpointError
from grok_tui.runs.resume import resumable
from grok_tui.runs.writer import RunWriter, cannot_write, open_writer
from grok_tui.sweep.batching import fitting, parts
from grok_tui.sweep.folder import discard, outcome_of
from grok_tui.text import UserError


@dataclass(frozen=True, slots=True)
class GroupRun:
    """A run to train, from a snapshot if there is one; warnings: to be recorded."""

    path: Path
    config: Config
    snapshot: Snapshot | None = None
    warnings: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        return self.snapshot.step if self.snapshot else 0


def train_runs(runs: Mapping[str, dict[str, Any]], limit: float = math.inf) -> dict[str, str]:
    """Train runs to their ends, from their newest checkpoints if they have any.

    runs: config fields by run directory; configs differ only in `batching.NUMBERS`.
    limit: bytes of memory to use. Returns why runs failed, by run directory.
    """
    reasons: dict[str, str] = {}
    missing = []
    for path, fields in runs.items():
        if outcome_of(Path(path)).state == "done":  # by a worker that has died since
            continue
        try:
            missing.append(_run_of(Path(path), fields))
        except (UserError, OSError) as error:
            reasons[path] = str(error)
    for group in _at_one_step(missing):
        config = group[0].config
        device = open_device(config.device)
        for part in parts(group, fitting(config, device, limit)):
            reasons |= _train(part, device)
    return reasons


def _run_of(path: Path, fields: dict[str, Any]) -> GroupRun:
    config = build(fields)
    try:
        snapshot, warnings = resumable(path)
    except (CheckpointError, FileNotFoundError):
        discard(path)
        return GroupRun(path, config)
    config = config.changed(device=snapshot.config["device"])
    return GroupRun(path, config, snapshot, tuple(warnings))


def _at_one_step(runs: Sequence[GroupRun]) -> Iterator[list[GroupRun]]:
    """Group runs that were cut off at the same step, which can continue together."""

    def where(run: GroupRun) -> tuple[int, str]:
        return run.step, run.config.device

    for _, group in groupby(sorted(runs, key=where), key=where):
        yield list(group)


def _train(runs: Sequence[GroupRun], device: str) -> dict[str, str]:
    """Train runs as replicas on an open device; returns why some failed."""
    from grok_tui.training.fleet import Fleet, Member

    reasons: dict[str, str] = {}
    writers: dict[str, RunWriter] = {}
    members = []
    try:
        for run in runs:
            config, name = run.config.changed(device=device), str(run.path)
            try:
                writer = open_writer(run.path, config, run.snapshot)
            except (UserError, OSError) as error:
                reasons[name] = str(error)
                continue
            writers[name] = writer
            for warning in run.warnings:
                writer(Warned(run.step, warning))
            members.append(Member(config, writer, writer, run.snapshot))
        ends = Fleet(members).run() if members else []
        for name, end in zip(writers, ends, strict=True):
            if isinstance(end, OSError):
                reasons[name] = cannot_write(end)
            elif isinstance(end, Failed):
                reasons[name] = end.reason
        return reasons
    finally:
        for writer in writers.values():
            writer.close()
