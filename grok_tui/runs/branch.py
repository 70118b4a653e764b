"""Branching: copying a run directory as it was at a checkpoint, to continue differently."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import tomli_w

from grok_tui.config.sources import load_parent
from grok_tui.files import read_toml, write_durably
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import analysis_files, checkpoints
from grok_tui.runs.agreement import check_config
from grok_tui.runs.folders import RunError, check_unused, name_of, new_folder
from grok_tui.runs.jsonl import cut_after
from grok_tui.runs.resume import lines_up_to
from grok_tui.runs.schema import kept_events
from grok_tui.runs.writer import RunWriter


def branch(checkpoint: Path, folder: Path) -> Snapshot:
    """Copy a run as it was at one of its checkpoints; returns that checkpoint's content.

    `folder` becomes a self-contained run directory: lines and analyses up to that step, the
    checkpoint, and a `[parent]` table in its `config.toml`. Raises UserError or OSError, in
    which case it leaves nothing behind.
    """
    snapshot, parent = checkpoints.load(checkpoint), checkpoint.parents[1]
    check_unused(folder)
    check_config(parent, snapshot.step, snapshot.config)
    lines, why = lines_up_to(parent, snapshot)
    if lines < snapshot.step:
        raise RunError(f"cannot branch from {checkpoint}: {why}")
    # Renamed into place, so that nobody ever finds half a branch.
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _copy(checkpoint, snapshot.step, partial)
        RunWriter.reopen(partial, snapshot).close()  # with the edits that damage has lost
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return snapshot


def branch_folder(parent: Path) -> Path:
    """A new run directory for a branch of a run, named after that run."""
    return new_folder(f"{name_of(parent)}-branch")


def parent_of(folder: Path) -> Path | None:
    """The run that a run directory branched from, None if there is none or it is gone.

    Raises ConfigError.
    """
    parent = load_parent(folder / "config.toml")
    if parent is None:
        return None
    run, _ = parent
    places = (run, folder.parent / run.name)  # it may have moved together with its branches
    return next((place for place in places if (place / "metrics.jsonl").exists()), None)


def _copy(checkpoint: Path, step: int, folder: Path) -> None:
    parent = checkpoint.parents[1]
    (folder / "checkpoints").mkdir(parents=True)
    run = os.fsencode(parent).decode(errors="replace")  # TOML is UTF-8
    content = read_toml(parent / "config.toml") | {"parent": {"run": run, "step": step}}
    write_durably(folder / "config.toml", tomli_w.dumps(content).encode())
    events = sum(1 for _ in kept_events(parent, step))
    for name, count in (("metrics.jsonl", step), ("events.jsonl", events)):
        shutil.copyfile(parent / name, folder / name)
        cut_after(folder / name, count)
    shutil.copyfile(checkpoint, folder / "checkpoints" / checkpoint.name)
    (folder / analysis_files.FOLDER).mkdir()
    for file in analysis_files.analyses_in(parent):
        if file.name <= analysis_files.analysis_path(parent, step).name:
            shutil.copyfile(file, folder / analysis_files.FOLDER / file.name)
