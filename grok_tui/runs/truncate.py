"""Cutting a run directory back to what it was at a checkpoint."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from grok_tui.protocol.events import CheckpointSaved, ConfigApplied, PhaseChanged
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import analysis_files, checkpoints
from grok_tui.runs.jsonl import cut_after
from grok_tui.runs.schema import kept_events


def cut_back(run: Path, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Remove everything written after a checkpoint, and leftovers of interrupted writes.

    Returns the lines left in `events.jsonl`. If it raises OSError, it can be called again.
    """
    cut_after(run / "metrics.jsonl", snapshot.step)
    lines = _cut_events(run / "events.jsonl", snapshot)
    newest = checkpoints.checkpoint_path(run / "checkpoints", snapshot.step)
    for checkpoint in checkpoints.checkpoints_in(newest.parent):
        if checkpoint.name > newest.name:
            checkpoint.unlink()
    analysis_files.cut_after(run, snapshot.step)
    (run / "summary.json").unlink(missing_ok=True)
    for folder in (run, newest.parent, run / analysis_files.FOLDER):
        for leftover in folder.glob(".*.partial"):
            leftover.unlink()
    return lines


def _cut_events(path: Path, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Drop the lines written after a checkpoint; returns those that stay.

    The checkpoint's own step may have lines after it. The last to stay is the one that says it
    was saved or, if it was saved again at the same step, the last edit that it contains.
    """
    lines: list[dict[str, Any]] = []
    ends, saved_at = [0], 0
    count = sum(1 for _ in kept_events(path.parent, snapshot.step))
    with path.open("r+b") as file:
        for line in itertools.islice(file, count):
            content = json.loads(line)
            lines.append(content)
            ends.append(ends[-1] + len(line))
            if content["step"] == snapshot.step and (
                content.get("event") == CheckpointSaved.name
                or (saved_at and _is_edit_of(content, snapshot))
            ):
                saved_at = len(lines)
        if saved_at:
            del lines[saved_at:]
        file.truncate(ends[len(lines)])
    return lines


def _is_edit_of(line: Mapping[str, Any], snapshot: Snapshot) -> bool:
    """Whether a line is an edit that a checkpoint contains."""
    if line.get("event") != ConfigApplied.name:
        return False
    return line.get("old") != line.get("new") == snapshot.config.get(str(line.get("field")))


def phases(lines: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Each phase and the step it began at; a new sitting may repeat its phase."""
    changes: list[tuple[int, str]] = []
    for line in lines:
        phase = str(line.get("phase"))
        if line.get("event") == PhaseChanged.name and (not changes or changes[-1][1] != phase):
            changes.append((line["step"], phase))
    return changes
