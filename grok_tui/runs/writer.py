"""Writing a run directory: the sink of a run's events and the store of its checkpoints."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import tomli_w

from grok_tui import __version__
from grok_tui.config import keep_rule
from grok_tui.config.schema import Config
from grok_tui.files import write_durably
from grok_tui.protocol.events import (
    Analyzed,
    CheckpointSaved,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.results import Health, Measures, Metrics, Pairs
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import analysis_files, checkpoints, truncate
from grok_tui.runs.agreement import lost_edits
from grok_tui.runs.folders import RunError, check_unused, is_unbegun
from grok_tui.runs.jsonl import Lines
from grok_tui.runs.schema import NOTED


def lock(path: Path) -> IO[bytes]:
    """Lock a run directory for writing, until the file is closed or this process ends.

    Raises RunError if another process has the lock, or OSError.
    """
    file = (path / "events.jsonl").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RunError(f"another process is writing to {path}; stop it first") from None
    return file


def being_written(path: Path) -> bool:
    """Whether a process is writing to a run directory. Raises OSError."""
    with (path / "events.jsonl").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def open_writer(path: Path, config: Config, snapshot: Snapshot | None) -> RunWriter:
    """The writer of a new run, or of a run that continues from a snapshot.

    config: with the device that was opened. Raises RunError or OSError.
    """
    if snapshot:
        return RunWriter.reopen(path, snapshot)
    from grok_tui.device.matmul import matmul_name  # loads tinygrad, which reading does not

    environment = {
        "version": __version__,
        "tinygrad": importlib.metadata.version("tinygrad"),
        "device": config.device,
        "matmul": matmul_name(config.device),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }
    return RunWriter.create(path, config, environment)


def cannot_write(error: OSError, consequence: str = "") -> str:
    """The message that a recording cannot be written. consequence: text after the cause."""
    place = f" ({error.filename})" if error.filename else ""
    return f"cannot write the run: {error.strerror or error}{consequence}{place}"


class RunWriter:
    """Writes the events of one run to its directory.

    Every method may raise OSError. The call can then be repeated; each line is written once.
    """

    def __init__(self, path: Path, locked: IO[bytes], made: Sequence[Path] = ()) -> None:
        """Open the directory's files for appending; use `create` or `reopen`.

        made: the folders created for this run, inner ones first.
        """
        self.path, self._lock, self._made = path, locked, made
        self._metrics = Lines.open(path / "metrics.jsonl")
        self._events = Lines.open(path / "events.jsonl")
        # The newest step's line, held back until its evaluation and analysis are added.
        self._held: dict[str, Any] | None = None
        self._evaluated: Evaluated | None = None
        self._newest_line = 0
        self._checkpoint: int | None = None
        self._phases: list[tuple[int, str]] = []
        self._end_noted: Event | None = None

    @classmethod
    def create(cls, path: Path, config: Config, environment: Mapping[str, str]) -> RunWriter:
        """Create a run directory, or begin again in that of a run that was never begun.

        Raises RunError if it holds anything else, or another process is writing there.
        """
        if not is_unbegun(path):
            check_unused(path)
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        content = {
            **config.model_dump(mode="json", exclude_none=True),
            "environment": dict(environment),
        }
        locked = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            locked = lock(path)
            for name in ("metrics.jsonl", "events.jsonl"):
                (path / name).write_bytes(b"")
            (path / "checkpoints").mkdir(exist_ok=True)
            write_durably(path / "config.toml", tomli_w.dumps(content).encode())
            return cls(path, locked, made)
        except OSError:
            if locked:
                locked.close()
            _remove(path, made)
            raise

    @classmethod
    def reopen(cls, path: Path, snapshot: Snapshot) -> RunWriter:
        """Continue in an existing directory, cut back to what it held at a checkpoint.

        Raises RunError if another process is writing there.
        """
        with contextlib.ExitStack() as opened:
            locked = opened.enter_context(lock(path))
            lines = truncate.cut_back(path, snapshot)
            writer = cls(path, locked)
            opened.callback(writer.close)
            writer._go_on(snapshot, lines)
            opened.pop_all()
        return writer

    def _go_on(self, snapshot: Snapshot, lines: Sequence[Mapping[str, Any]]) -> None:
        self._newest_line = self._checkpoint = snapshot.step
        self._phases = truncate.phases(lines)
        self._thin_out(snapshot)  # the process may have been killed before this
        for edit in lost_edits(self.path, snapshot):
            self(edit)
        name = _name_of(snapshot)
        if not lines or lines[-1].get("path") != name:  # killed between file and line
            self(CheckpointSaved(snapshot.step, name))

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
                self._metrics.write(*lines)
                self._newest_line = event.step - 1
                self._held = newest
            case Evaluated(step, metrics):
                self._add(step, _measured(metrics, event.health))
                self._evaluated = event
            case Analyzed(step, measures, _, arrays):
                self._add(step, _analyzed(measures))
                if arrays is not None:
                    analysis_files.save(self.path, step, arrays, self._pairs(step))
            case PhaseChanged(step, phase):
                if not self._phases or self._phases[-1][1] != phase:  # a new sitting repeats it
                    self._note(event)
                    self._phases.append((step, phase))
            case Started() | Paused() | Resumed() | ConfigApplied() | Warned():
                self._note(event)
            case CheckpointSaved():
                self._note(event)
            case Stopped() | Failed():
                self._end(event)

    def save(self, snapshot: Snapshot) -> str:
        """Write a checkpoint, after syncing all lines before it; returns its relative path."""
        self._release()
        self._metrics.sync()
        self._events.sync()
        name = _name_of(snapshot)
        checkpoints.save(self.path / name, snapshot)
        self._checkpoint = snapshot.step
        self._thin_out(snapshot)
        return name

    def _thin_out(self, snapshot: Snapshot) -> None:
        """Remove the checkpoints that `keep` does not keep now that this one exists."""
        files = checkpoints.checkpoints_in(self.path / "checkpoints")
        steps = {checkpoints.step_of(file): file for file in files}
        rule = keep_rule.parse(snapshot.config["keep"])
        rhythm = snapshot.config["checkpoint_every"]
        changes = [step for step, _ in self._phases[1:]]
        for step in sorted(keep_rule.unneeded(rule, steps, rhythm=rhythm, changes=changes)):
            steps[step].unlink()

    def extent(self) -> str:
        """How far the recording goes, as text for the user."""
        if not checkpoints.checkpoints_in(self.path / "checkpoints"):  # none yet, or all gone
            return "nothing is recorded"
        with contextlib.suppress(OSError):
            self._release()
        return (
            f"nothing after step {self._newest_line} is recorded;"
            f" the last checkpoint is at step {self._checkpoint}"
        )

    def discard_useless(self) -> None:
        """Remove a new run that has no checkpoint yet and so could not be resumed."""
        if self._checkpoint is None:
            _remove(self.path, self._made)

    def _add(self, step: int, fields: Mapping[str, Any]) -> None:
        """Add fields to the line of a step, if it is the one held back."""
        if self._held and self._held["step"] == step:
            self._held |= fields

    def _pairs(self, step: int) -> Pairs | None:
        """The results for each pair of the evaluation at a step, if it is the newest."""
        newest = self._evaluated
        return newest.pairs if newest and newest.step == step else None

    def _note(self, event: Event) -> None:
        self._release()
        fields = {name: getattr(event, name) for name in NOTED[type(event)]}
        now = round(time.time(), 3)
        self._events.write({"step": event.step, "time": now, "event": event.name, **fields})  # type: ignore[union-attr]

    def _end(self, event: Stopped | Failed) -> None:
        if self._end_noted is not event:
            self._note(event)
            self._end_noted = event
        for file in (self._metrics, self._events):
            file.sync()
        if event.summary:
            content = json.dumps(event.summary.to_dict(), indent=2, allow_nan=False) + "\n"
            write_durably(self.path / "summary.json", content.encode())

    def _release(self) -> None:
        if self._held:
            self._metrics.write(self._held)
            self._newest_line, self._held = self._held["step"], None

    def close(self) -> None:
        """Close the files and release the lock."""
        self._metrics.close()
        self._events.close()
        self._lock.close()


def _name_of(snapshot: Snapshot) -> str:
    """A checkpoint's path relative to its run directory."""
    return str(checkpoints.checkpoint_path(Path("checkpoints"), snapshot.step))


def _remove(path: Path, made: Sequence[Path]) -> None:
    """Remove a run's files, and those folders created for it that are now empty."""
    for folder in (path / "checkpoints", path / analysis_files.FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    files = ("config.toml", "metrics.jsonl", "events.jsonl", "summary.json")
    for remove in (*((path / name).unlink for name in files), *(f.rmdir for f in made)):
        with contextlib.suppress(OSError):
            remove()


def _measured(metrics: Metrics, health: Health | None) -> dict[str, Any]:
    """An evaluation's numbers for a line, without the train loss: the line has its own."""
    numbers = {**metrics.to_dict(), **(health.to_dict() if health else {})}
    return {name: _shortened(x) for name, x in numbers.items() if name != "train_loss"}


def _analyzed(measures: Measures) -> dict[str, Any]:
    """An analysis's numbers for a line."""
    return {name: _shortened(value) for name, value in measures.to_dict().items()}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(x) for name, x in value.items()}
    return _short(value) if isinstance(value, float) else value


def _short(value: float) -> float:
    """The value rounded to nine digits, which identify a float32."""
    return float(f"{float(value):.9g}")
