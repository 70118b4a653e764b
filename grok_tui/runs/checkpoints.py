"""Checkpoints: snapshots as safetensors files, each written in one step.

They contain only arrays and JSON; nothing in them is ever executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from grok_tui.analysis.health import HealthWatch
from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import ConfigError, build, problems
from grok_tui.files import write_durably
from grok_tui.models.registry import model_of
from grok_tui.protocol.results import FloatArray, Metrics
from grok_tui.protocol.snapshot import Snapshot, array_kinds
from grok_tui.tasks.registry import make_task
from grok_tui.tasks.task import Task
from grok_tui.text import UserError

FORMAT = "grok-tui checkpoint 2"
_MASK = "train_mask"
_Share = Annotated[float, Field(ge=0, le=1)]


class CheckpointError(UserError):
    """A checkpoint cannot be used; the message names the file and says why."""


def checkpoint_path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08}.safetensors"


def step_of(path: Path) -> int:
    """The step of a checkpoint, from its file name."""
    return int(path.stem.removeprefix("step-"))


def at_step(folder: Path, step: int | None) -> Path:
    """The checkpoint at a step, or the newest if `step` is None. Raises CheckpointError."""
    steps = {step_of(path): path for path in reversed(checkpoints_in(folder))}
    if not steps:
        raise CheckpointError(f"there is no checkpoint in {folder}")
    wanted = max(steps) if step is None else step
    if wanted not in steps:
        available = ", ".join(map(str, steps))
        raise CheckpointError(f"{folder} has no checkpoint at step {step}; it has {available}")
    return steps[wanted]


def checkpoints_in(folder: Path) -> list[Path]:
    """All checkpoint files of a folder, newest step first."""
    return sorted(folder.glob(f"step-{'[0-9]' * 8}.safetensors"), reverse=True)


def save(path: Path, snapshot: Snapshot) -> None:
    """Write the snapshot durably: a temporary file, fsync, rename. Raises OSError."""
    tensors: dict[str, NDArray[Any]] = {
        f"{kind}/{name}": np.ascontiguousarray(array) for kind, name, array in snapshot.arrays()
    }
    tensors[_MASK] = np.packbits(snapshot.train_mask)
    fields = {
        "step": snapshot.step,
        "n_pairs": len(snapshot.train_mask),
        "beta_products": list(snapshot.beta_products),
        "initial_norm": snapshot.initial_norm,
        "config": snapshot.config,
        "milestones": snapshot.milestones,
        "health": snapshot.health,
        "metrics": snapshot.metrics and snapshot.metrics.to_dict(),
        "seconds": snapshot.seconds,
    }
    metadata = {"format": FORMAT, **{name: json.dumps(value) for name, value in fields.items()}}
    metadata["digest"] = digest(tensors, metadata)
    write_durably(path, safetensors.numpy.save(tensors, metadata))


def digest(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    """The digest of a checkpoint: BLAKE2b over its arrays and other metadata, by name."""
    hasher = hashlib.blake2b(digest_size=32)
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        hasher.update(f"{name} {array.dtype} {array.shape}\n".encode())
        hasher.update(array.data)
    for name in sorted(metadata.keys() - {"digest"}):
        hasher.update(f"{name} {metadata[name]}\n".encode())
    return hasher.hexdigest()


def load(path: Path) -> Snapshot:
    """Read a checkpoint. Raises CheckpointError if it is damaged or not of this program."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # noqa: BLE001  NumPy raises anything at odd types and shapes
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of this version of grok-tui")
    if metadata.get("digest") != digest(tensors, metadata):
        raise CheckpointError(f"{path} is damaged: its content is not what was saved")
    try:
        snapshot = _snapshot(tensors, metadata)
    except KeyError as error:
        raise CheckpointError(f"{path} is damaged: it lacks {error}") from None
    except ValidationError as error:
        raise CheckpointError(f"{path} is damaged: {next(problems(error))}") from None
    except (ValueError, ConfigError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    if path.name != checkpoint_path(path.parent, snapshot.step).name:
        raise CheckpointError(f"{path} is not named after its step")
    return snapshot


def config_in(path: Path) -> Mapping[str, Any] | None:
    """The config in a checkpoint's header, None if it cannot be read. Checks nothing else."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return build(json.loads(file.metadata()["config"])).model_dump(mode="json")
    except Exception:  # noqa: BLE001  as for `load`
        return None


class _Metadata(BaseModel):
    """The metadata in the header, each value as JSON."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    step: Json[Annotated[int, Field(ge=0)]]
    n_pairs: Json[int]
    beta_products: Json[tuple[_Share, _Share]]
    initial_norm: Json[Annotated[float, Field(ge=0)] | None] = None
    config: Json[dict[str, Any]]
    milestones: Json[Milestones]
    health: Json[HealthWatch] = HealthWatch()
    metrics: Json[Metrics | None] = None
    seconds: Json[dict[str, Annotated[float, Field(ge=0)]]]


def _snapshot(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Snapshot:
    fields = _Metadata.model_validate(metadata)
    config = build(fields.config)
    task = make_task(config)
    if fields.n_pairs != task.n_pairs:
        raise ValueError(
            f"it holds a split of {fields.n_pairs} pairs, its config has {task.n_pairs}"
        )
    if not fields.milestones.stuck.isprintable():
        raise ValueError("its milestones contain unprintable text")
    shapes = model_of(config, task).shapes
    kinds = {
        kind: {name: _sound(tensors, f"{kind}/{name}", shapes[name]) for name in shapes}
        for kind in array_kinds(config.grad_filter)
    }
    if len(tensors) > len(kinds) * len(shapes) + 1:
        raise ValueError("it has more arrays than its config has weights")
    return Snapshot(
        step=fields.step,
        **kinds,
        beta_products=fields.beta_products,
        train_mask=_train_mask(tensors[_MASK], task),
        config=config.model_dump(mode="json"),
        milestones=fields.milestones.to_dict(),
        seconds=fields.seconds,
        initial_norm=fields.initial_norm,
        health=fields.health.to_dict(),
        metrics=fields.metrics,
    )


def _sound(
    tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, int]
) -> FloatArray:
    """The array `name`. Raises ValueError if type or shape is wrong, or it is not finite."""
    array = tensors[name]
    if array.dtype != np.float32 or array.shape != shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite everywhere")
    return array


def _train_mask(bits: NDArray[Any], task: Task) -> NDArray[np.bool_]:
    """The split from its bits: (n_pairs,). Raises ValueError if it does not fit the task."""
    if bits.dtype != np.uint8 or bits.shape != (-(-task.n_pairs // 8),):
        raise ValueError(f"its split is not one of {task.n_pairs} pairs")
    mask = np.unpackbits(bits, count=task.n_pairs).astype(np.bool_)
    if (n_train := int(mask.sum())) != task.n_train:
        raise ValueError(f"it has {n_train} train pairs, its config {task.n_train}")
    return mask


def newest(folder: Path) -> tuple[Snapshot, list[str]]:
    """The newest readable checkpoint of a folder, and why newer ones were skipped.

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
