"""Where a run resumes: a checkpoint that is readable and its own, with all lines before it."""

from __future__ import annotations

import shlex
from pathlib import Path

from grok_tui.config.schema import Config, build
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import schema
from grok_tui.runs.agreement import ForeignCheckpointError, check_config
from grok_tui.runs.checkpoints import CheckpointError, checkpoints_in, load
from grok_tui.runs.folders import RunError, is_unbegun
from grok_tui.runs.schema import LineError, read_config, read_summary
from grok_tui.text import UserError


def where_to_resume(run_dir: Path) -> tuple[Config, Snapshot | None, list[str]]:
    """The config and the checkpoint that a run resumes from, and warnings for the user.

    The checkpoint is None for a run that ended before its first, which begins again.
    Raises UserError if the run cannot resume, or OSError.
    """
    if is_unbegun(run_dir):
        return read_config(run_dir), None, []
    snapshot, warnings = resumable(run_dir)
    return build(snapshot.config), snapshot, warnings


def saved(run_dir: Path) -> str:
    """Where a run is saved and how it continues, if it can, as text for the user."""
    command = f"grok-tui --resume {shlex.quote(str(run_dir))}"
    if is_unbegun(run_dir):
        return f"{run_dir} ended before its first checkpoint. Begin again: {command}"
    summary = read_summary(run_dir)
    ended = summary and (summary.complete or summary.diverged)
    if ended or not checkpoints_in(run_dir / "checkpoints"):
        return f"Saved in {run_dir}"
    return f"Saved in {run_dir}. Continue: {command}"


def resumable(run_dir: Path) -> tuple[Snapshot, list[str]]:
    """The newest checkpoint that a run can resume from, and warnings for the user.

    Every step up to it has a valid line in `metrics.jsonl`. The warnings say which newer
    checkpoints were skipped and why, and what is lost. Raises CheckpointError if there is no
    such checkpoint, RunError if config or edits were changed by hand, or OSError.
    """
    folder = run_dir / "checkpoints"
    skipped: list[str] = []
    kind: type[UserError] = CheckpointError
    lines: tuple[int, str] | None = None
    for path in checkpoints_in(folder):
        try:
            snapshot = load(path)
            check_config(run_dir, snapshot.step, snapshot.config)
        except ForeignCheckpointError as error:
            skipped.append(f"{path.name} skipped: {error}")
            kind = RunError
            continue
        except CheckpointError as error:
            skipped.append(f"{path.name} skipped: {error}")
            continue
        lines = lines or lines_up_to(run_dir, snapshot)
        if lines[0] < snapshot.step:
            skipped.append(f"{path.name} skipped: {lines[1]}")
            continue
        if skipped:
            skipped.append(f"everything after step {snapshot.step} is lost and will be redone")
        return snapshot, [*skipped, *_lost_events(run_dir, snapshot.step)]
    if skipped:
        raise kind(f"no checkpoint in {folder} can be used; {skipped[0]}")
    raise CheckpointError(f"there is no checkpoint in {folder}")


def lines_up_to(run_dir: Path, snapshot: Snapshot) -> tuple[int, str]:
    """How many of the steps up to a snapshot have valid lines, and why the next has none."""
    path, step = run_dir / "metrics.jsonl", 0
    try:
        for line in schema.metrics(run_dir, snapshot.config["modulus"], snapshot.step):
            step = line.step
    except FileNotFoundError:
        return 0, f"there is no {path}"
    except LineError as error:
        return step, str(error)
    return step, f"{path} ends at step {step}"


def _lost_events(run_dir: Path, until: int) -> list[str]:
    """Warnings of damage in `events.jsonl`, after which all lines are lost."""
    step = 0
    try:
        for line in schema.events(run_dir, until):
            step = line.step
    except FileNotFoundError:
        return [f"there is no {run_dir / 'events.jsonl'}: edits and phases so far are lost"]
    except LineError as error:
        return [f"{error}; edits and phases noted after step {step} are lost"]
    return []
