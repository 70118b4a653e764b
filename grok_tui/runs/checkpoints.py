"""Checkpoints: snapshots as safetensors files, written whole or not at all.

They hold arrays and JSON only; nothing in them is ever executed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from grok_tui.config import ConfigError, build
from grok_tui.core.snapshot import Snapshot
from grok_tui.errors import UserError

FORMAT = "grok-tui checkpoint 1"
_ARRAYS = ("weights", "first_moment", "second_moment")


class CheckpointError(UserError):
    """A checkpoint cannot be used; the message names the file and says why."""


def checkpoint_path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08}.safetensors"


def step_of(path: Path) -> int:
    """The step of a checkpoint, from its name."""
    return int(path.stem.removeprefix("step-"))


def at_step(folder: Path, step: int | None) -> Path:
    """The checkpoint of a step, or without one the newest. Raises CheckpointError."""
    steps = {step_of(path): path for path in reversed(checkpoints_in(folder))}
    if not steps:
        raise CheckpointError(f"there is no checkpoint in {folder}")
    wanted = max(steps) if step is None else step
    if wanted not in steps:
        there = ", ".join(map(str, steps))
        raise CheckpointError(f"{folder} has no checkpoint of step {step}; there are {there}")
    return steps[wanted]


def checkpoints_in(folder: Path) -> list[Path]:
    """All checkpoint files of a folder, newest step first."""
    return sorted(folder.glob(f"step-{'[0-9]' * 8}.safetensors"), reverse=True)


def save(path: Path, snapshot: Snapshot) -> None:
    """Write the snapshot durably: a temporary file, fsync, rename. Raises OSError."""
    tensors = {
        f"{kind}/{name}": np.ascontiguousarray(array)
        for kind in _ARRAYS
        for name, array in getattr(snapshot, kind).items()
    }
    tensors["train_mask"] = np.packbits(snapshot.train_mask)
    fields = {
        "step": snapshot.step,
        "n_pairs": len(snapshot.train_mask),
        "beta_products": list(snapshot.beta_products),
        "config": snapshot.config,
        "milestones": snapshot.milestones,
        "seconds": snapshot.seconds,
    }
    metadata = {"format": FORMAT, **{name: json.dumps(value) for name, value in fields.items()}}
    write_durably(path, safetensors.numpy.save(tensors, metadata))


def load(path: Path) -> Snapshot:
    """Read a checkpoint; raises CheckpointError if it is damaged or not one of ours."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} was not written by grok-tui, or by another version of it"
        )
    try:
        return _snapshot(
            tensors, {k: json.loads(v) for k, v in metadata.items() if k != "format"}
        )
    except KeyError as error:
        raise CheckpointError(f"{path} is damaged: it lacks {error}") from None
    except (TypeError, ValueError, OverflowError, RecursionError, ConfigError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None


def _snapshot(tensors: dict[str, Any], fields: dict[str, Any]) -> Snapshot:
    config = build(fields["config"])
    n_pairs = int(fields["n_pairs"])
    if n_pairs != config.n_pairs:
        raise ValueError(
            f"it holds a split of {n_pairs} pairs, its config has {config.n_pairs}"
        )
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in _ARRAYS}
    for name, array in tensors.items():
        kind, _, weight = name.partition("/")
        if weight and array.dtype != np.float32:
            raise ValueError(f"{name} is {array.dtype}, not float32")
        if weight and kind in kinds:
            kinds[kind][weight] = array
    if len(tensors["train_mask"]) != -(-n_pairs // 8):
        raise ValueError(f"its split is not one of {n_pairs} pairs")
    if not isinstance(fields["milestones"], dict) or not isinstance(fields["seconds"], dict):
        raise TypeError("its milestones or its seconds are no tables")
    beta1, beta2 = fields["beta_products"]
    return Snapshot(
        step=int(fields["step"]),
        **kinds,
        beta_products=(float(beta1), float(beta2)),
        train_mask=np.unpackbits(tensors["train_mask"], count=n_pairs).astype(np.bool_),
        config=config.model_dump(mode="json"),
        milestones=fields["milestones"],
        seconds=fields["seconds"],
    )


def newest(folder: Path) -> tuple[Snapshot, list[str]]:
    """The newest checkpoint of a folder that can be read, and why newer ones could not.

    Raises CheckpointError if there is none.
    """
    problems: list[str] = []
    for path, loaded in _attempts(folder):
        if isinstance(loaded, Snapshot):
            return loaded, problems
        problems.append(f"{path.name} skipped: {loaded}")
    if problems:
        raise CheckpointError(f"no checkpoint in {folder} can be read; {problems[0]}")
    raise CheckpointError(f"there is no checkpoint in {folder}")


def _attempts(folder: Path) -> Iterator[tuple[Path, Snapshot | CheckpointError]]:
    for path in checkpoints_in(folder):
        try:
            yield path, load(path)
        except CheckpointError as error:
            yield path, error


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file's content in one step that survives a power cut. Raises OSError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new files in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
