"""Small runs in this process, whose trainer follows a script of commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import reference
from numpy.typing import NDArray

from grok_tui.config.schema import Config, build
from grok_tui.protocol.commands import Command
from grok_tui.protocol.events import Event, Failed, Losses, Stopped
from grok_tui.protocol.results import Summary
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.resume import resumable
from grok_tui.sources.job import Job, run
from grok_tui.tasks.registry import make_task

SMALL: dict[str, Any] = {
    "modulus": 13,
    "d_model": 32,
    "n_heads": 2,
    "d_mlp": 64,
    "lr": 3e-3,
    "device": "CPU",
}

E = TypeVar("E")
Line = tuple[Callable[[Event], bool], Sequence[Command]]


def small(**changes: Any) -> Config:
    return Config(**{**SMALL, **changes})


def on(kind: type[Any], step: int | None = None) -> Callable[[Event], bool]:
    """A condition: an event is of a kind, and at a step if one is given."""
    return lambda event: isinstance(event, kind) and step in (None, getattr(event, "step", -1))


class LoneInbox:
    """An inbox that only the run's own sink fills, so waiting while empty is a failure."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def drain(self, *, wait: bool) -> list[Command]:
        assert self.commands or not wait, "the trainer waits, and the script is at its end"
        commands, self.commands = self.commands, []
        return commands


class MemoryStore:
    """Keeps every snapshot."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def save(self, snapshot: Snapshot) -> str:
        self.snapshots.append(snapshot)
        return f"snapshot {len(self.snapshots)}"

    def at(self, step: int) -> Snapshot:
        """The newest snapshot at a step."""
        return next(s for s in reversed(self.snapshots) if s.step == step)


@dataclass
class Recording:
    """The sink of a run that follows a script.

    script: each line waits for its event, then sends its commands.
    """

    script: Sequence[Line] = ()
    events: list[Event] = field(default_factory=list)
    inbox: LoneInbox = field(default_factory=LoneInbox)
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self._left = list(self.script)

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if self._left and self._left[0][0](event):
            self.inbox.commands += self._left.pop(0)[1]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    @property
    def end(self) -> Stopped | Failed:
        last = self.events[-1]
        assert isinstance(last, Stopped | Failed)
        assert not self._left, f"{len(self._left)} lines of the script were never reached"
        return last

    @property
    def summary(self) -> Summary:
        assert self.end.summary is not None
        return self.end.summary

    def losses(self) -> NDArray[np.float32]:
        """All train losses; checks that no step is missing or repeated."""
        parts = self.of(Losses)
        steps = [s for part in parts for s in range(part.first_step, part.step + 1)]
        assert steps == list(range(steps[0], steps[0] + len(steps)))
        return np.concatenate([part.train_loss for part in parts])


def train(
    config: Config,
    *script: Line,
    snapshot: Snapshot | None = None,
    store: bool = True,
) -> Recording:
    """Run a trainer to its end; its device must be open."""
    from grok_tui.training.trainer import Trainer

    recording = Recording(script)
    trainer = Trainer(
        config, recording.inbox, recording, recording.store if store else None, snapshot
    )
    assert trainer.run() is recording.end
    return recording


def record(config: Config, run_dir: Path, *script: Line) -> Recording:
    """Record a new run into a run directory."""
    recording = Recording(script)
    assert run(Job(config, run_dir), recording.inbox, recording) is recording.end
    return recording


def go_on(
    run_dir: Path,
    *script: Line,
    edits: tuple[tuple[str, Any], ...] = (),
    damaged: bool = False,
    **changes: Any,
) -> Recording:
    """Resume a run directory. edits: undoable ones. damaged: whether warnings are expected."""
    snapshot, warnings = resumable(run_dir)
    assert bool(warnings) == damaged
    recording = Recording(script)
    job = Job(build(snapshot.config).changed(**changes), run_dir, snapshot, edits)
    assert run(job, recording.inbox, recording) is recording.end
    return recording


def exact(arrays: Any) -> reference.Weights:
    """The arrays in float64."""
    return {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}


def reference_gradients(config: Config, snapshot: Snapshot) -> tuple[float, reference.Weights]:
    """Train loss and gradients of a snapshot's weights, in float64."""
    task, train = make_task(config), snapshot.train_mask
    return reference.loss_and_gradients(
        exact(snapshot.weights),
        task.a[train],
        task.b[train],
        task.answer[train],
        config.n_heads,
        loss=config.loss,
    )


def reference_logits(config: Config, snapshot: Snapshot) -> reference.Array:
    """Logits of every pair by a snapshot's weights, in float64."""
    task = make_task(config)
    return reference.logits(exact(snapshot.weights), task.a, task.b, config.n_heads)
