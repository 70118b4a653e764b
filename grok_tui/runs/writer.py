"""Writing a run directory: the sink of a recorded run and the store of its checkpoints."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import tomli_w

from grok_tui.config import Config
from grok_tui.core.analysis.result import Measures
from grok_tui.core.events import (
    Analyzed,
    CheckpointSaved,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Metrics,
    Pairs,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.core.snapshot import Snapshot
from grok_tui.errors import UserError
from grok_tui.runs import analyses, checkpoints
from grok_tui.runs.lines import Lines, cut_after
from grok_tui.runs.records import NOTED, kept_events


class RunError(UserError):
    """A run directory cannot be used as asked; the message says why and what to do."""


def check_unused(path: Path) -> None:
    """Raise RunError unless `path` is missing or an empty folder."""
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; a run needs a folder")
    if path.is_dir() and any(path.iterdir()):
        raise RunError(
            f"{path} is not empty. Choose another folder, or go on in it with --resume {path}"
        )


def lock(path: Path) -> IO[bytes]:
    """Be the only writer of a run directory until the file is closed, or this process gone.

    Raises RunError if there is another one, or OSError.
    """
    file = (path / "events.jsonl").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RunError(f"another process is writing into {path}; stop it first") from None
    return file


def being_written(path: Path) -> bool:
    """Whether a process writes into a run directory. Raises OSError."""
    with (path / "events.jsonl").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class RunWriter:
    """Writes the events of one run into its directory. Every method may raise OSError."""

    def __init__(self, path: Path, locked: IO[bytes]) -> None:
        """Open the directory's files for appending; use `create` or `reopen`."""
        self.path, self._lock = path, locked
        self._metrics = Lines(path / "metrics.jsonl")
        self._events = Lines(path / "events.jsonl")
        # The newest step's line, held back for what its evaluation and its analysis add.
        self._held: dict[str, Any] | None = None
        self._evaluated: Evaluated | None = None

    @classmethod
    def create(cls, path: Path, config: Config, environment: Mapping[str, str]) -> RunWriter:
        """A new directory; raises RunError if it exists and is not empty."""
        check_unused(path)
        (path / "checkpoints").mkdir(parents=True)
        content = {
            **config.model_dump(mode="json", exclude_none=True),
            "environment": dict(environment),
        }
        checkpoints.write_durably(path / "config.toml", tomli_w.dumps(content).encode())
        return cls(path, lock(path))

    @classmethod
    def reopen(cls, path: Path, step: int) -> RunWriter:
        """An existing directory, cut back to what it held at `step`.

        Raises RunError if another process is writing there.
        """
        locked = lock(path)
        cut_after(path / "metrics.jsonl", step)
        cut_after(path / "events.jsonl", sum(1 for _ in kept_events(path, step)))
        for checkpoint in checkpoints.checkpoints_in(path / "checkpoints"):
            if checkpoint.name > checkpoints.checkpoint_path(path, step).name:
                checkpoint.unlink()
        analyses.cut_after(path, step)
        (path / "summary.json").unlink(missing_ok=True)
        return cls(path, locked)

    def __call__(self, event: Event) -> None:
        """Record one event."""
        match event:
            case Losses(first_step, train_loss):
                self._release()
                lines = [
                    {"step": first_step + i, "train_loss": _short(loss)}
                    for i, loss in enumerate(train_loss)
                ]
                newest = lines.pop()
                self._metrics.write(*lines)  # if it fails, no later line may follow
                self._held = newest
            case Evaluated(step, metrics):
                self._add(step, _measured(metrics))
                self._evaluated = event
            case Analyzed(step, measures, _, tables):
                self._add(step, _analyzed(measures))
                if tables is not None:
                    analyses.save(self.path, step, tables, self._pairs(step))
            case Started() | Paused() | Resumed() | ConfigApplied() | PhaseChanged() | Warned():
                self._note(event)
            case CheckpointSaved():
                self._note(event)
            case Stopped() | Failed():
                self._end(event)

    def save(self, snapshot: Snapshot) -> str:
        """Write a checkpoint, after making durable all lines that lead up to it."""
        self._release()
        self._metrics.sync()
        self._events.sync()
        path = checkpoints.checkpoint_path(self.path / "checkpoints", snapshot.step)
        checkpoints.save(path, snapshot)
        return str(path.relative_to(self.path))

    def _add(self, step: int, fields: Mapping[str, Any]) -> None:
        """Say more in the line of a step, if it is the one held back."""
        if self._held and self._held["step"] == step:
            self._held |= fields

    def _pairs(self, step: int) -> Pairs | None:
        """What the evaluation at a step found for each pair, if it was the newest."""
        newest = self._evaluated
        return newest.pairs if newest and newest.step == step else None

    def _note(self, event: Event) -> None:
        self._release()
        fields = {name: getattr(event, name) for name in NOTED[type(event)]}
        now = round(time.time(), 3)
        self._events.write({"step": event.step, "time": now, "event": event.name, **fields})  # type: ignore[union-attr]

    def _end(self, event: Stopped | Failed) -> None:
        self._note(event)
        if event.summary:
            content = json.dumps(event.summary, indent=2, allow_nan=False) + "\n"
            checkpoints.write_durably(self.path / "summary.json", content.encode())
        for file in (self._metrics, self._events):
            file.sync()

    def _release(self) -> None:
        if self._held:
            held, self._held = self._held, None
            self._metrics.write(held)

    def close(self) -> None:
        """Close the files; what is recorded stays."""
        self._metrics.close()
        self._events.close()
        self._lock.close()


def _measured(metrics: Metrics) -> dict[str, float]:
    """An evaluation's numbers for its line; the line has its own train loss."""
    return {name: _short(x) for name, x in metrics.to_dict().items() if name != "train_loss"}


def _analyzed(measures: Measures) -> dict[str, Any]:
    """An analysis's numbers for its line."""
    return {name: _shortened(value) for name, value in measures.to_dict().items()}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(x) for name, x in value.items()}
    return _short(value) if isinstance(value, float) else value


def _short(value: float) -> float:
    """A decimal number of at most nine digits that is the same float32."""
    return float(f"{float(value):.9g}")
