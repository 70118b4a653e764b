"""Branching: a run directory as it was at a checkpoint, copied for another future."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from grok_tui.core.snapshot import Snapshot
from grok_tui.runs import analyses, checkpoints
from grok_tui.runs.lines import cut_after
from grok_tui.runs.writer import check_unused


def branch(checkpoint: Path, folder: Path) -> Snapshot:
    """Copy a run as it was at one of its checkpoints; returns that, to go on from.

    `folder` becomes a run directory that stands alone: lines, tables and checkpoints up to that
    step, and a `[parent]` table in its `config.toml`. Raises CheckpointError, RunError or
    OSError, and then leaves nothing behind.
    """
    snapshot = checkpoints.load(checkpoint)
    check_unused(folder)
    try:
        _copy(checkpoint, snapshot.step, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return snapshot


def parent_of(folder: Path) -> dict[str, Any] | None:
    """Where a branch left its parent: `run` and `step`; None for a run that is no branch.

    Raises OSError, or KeyError, TypeError or ValueError if `config.toml` is damaged.
    """
    parent = tomllib.loads((folder / "config.toml").read_text()).get("parent")
    return parent and {"run": str(parent["run"]), "step": int(parent["step"])}


def _copy(checkpoint: Path, step: int, folder: Path) -> None:
    parent = checkpoint.parents[1]
    (folder / "checkpoints").mkdir(parents=True)
    content = tomllib.loads((parent / "config.toml").read_text())
    content["parent"] = {"run": str(parent), "step": step}
    checkpoints.write_durably(folder / "config.toml", tomli_w.dumps(content).encode())
    for name in ("metrics.jsonl", "events.jsonl"):
        shutil.copyfile(parent / name, folder / name)
        cut_after(folder / name, step)
    shutil.copyfile(checkpoint, folder / "checkpoints" / checkpoint.name)
    (folder / analyses.FOLDER).mkdir()
    for tables in analyses.analyses_in(parent):
        if tables.name <= analyses.analysis_path(parent, step).name:
            shutil.copyfile(tables, folder / analyses.FOLDER / tables.name)
