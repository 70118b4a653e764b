"""Whether a run's checkpoints belong to its config and its edits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from grok_tui.config.schema import is_live, written
from grok_tui.protocol.events import CheckpointSaved, ConfigApplied
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import schema
from grok_tui.runs.checkpoints import (
    CheckpointError,
    checkpoint_path,
    checkpoints_in,
    config_in,
    step_of,
)
from grok_tui.runs.folders import RunError
from grok_tui.runs.schema import LineError, read_config

# The machine may be another one each time.
_FREE = "device"


class ForeignCheckpointError(CheckpointError):
    """A checkpoint is of another run: it differs in a setting that never changes."""


def check_run(run: Path) -> None:
    """Check the config of a run's newest readable checkpoint; raises like `check_config`."""
    for path in checkpoints_in(run / "checkpoints"):
        if config := config_in(path):
            check_config(run, step_of(path), config)
            return


def check_config(run: Path, step: int, config: Mapping[str, Any]) -> None:
    """Check that a checkpoint has the config of its run, and all edits up to its step.

    Where `events.jsonl` is damaged or ends too early, edits may be missing, and only settings
    that never change are compared. Raises ForeignCheckpointError; RunError if a setting differs
    that can be edited, so that `config.toml` or `events.jsonl` was changed by hand; ConfigError
    or OSError.
    """
    start = read_config(run).model_dump(mode="json")
    path = checkpoint_path(run / "checkpoints", step)
    try:
        states, whole = list(_states(run, step, start)), _mentions(run, path)
    except (LineError, FileNotFoundError):
        states, whole = [start], False
    differing = [_differing(state, config) for state in states]
    fields, state = min(zip(differing, states, strict=True), key=lambda pair: len(pair[0]))
    if fixed := [name for name in fields if not is_live(name)]:
        raise ForeignCheckpointError(
            f"{path} is of another run: {_values(fixed, config)}, but config.toml has"
            f" {_values(fixed, state)}"
        )
    if fields and whole:
        raise RunError(
            f"{path} has {_values(fields, config)}, but config.toml with the edits in"
            f" events.jsonl has {_values(fields, state)}; put back what was changed there, and"
            " change settings of a run by their flags"
        )


def lost_edits(run: Path, snapshot: Snapshot) -> list[ConfigApplied]:
    """The edits that a checkpoint contains and that `events.jsonl` has lost, as of its step."""
    *_, state = _states(run, snapshot.step, read_config(run).model_dump(mode="json"))
    return [
        ConfigApplied(snapshot.step, name, state[name], snapshot.config[name])
        for name in _differing(state, snapshot.config)
    ]


def _states(run: Path, step: int, start: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The configs that were in force at a step, in order. Raises LineError or OSError."""
    state = start
    for line in schema.events(run, step):
        if line.kind is ConfigApplied:
            if line.step == step:
                yield state
            state = {**state, line.fields["field"]: line.fields["new"]}
    yield state


def _mentions(run: Path, checkpoint: Path) -> bool:
    """Whether the events reach the one that a checkpoint was saved."""
    return any(
        line.kind is CheckpointSaved and Path(line.fields["path"]).name == checkpoint.name
        for line in schema.events(run)
    )


def _differing(state: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    return [name for name in state if name != _FREE and state[name] != config[name]]


def _values(names: list[str], config: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {written(config[name])}" for name in names)
