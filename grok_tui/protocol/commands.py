"""Commands: what a user or a program can ask of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Pause:
    """Finish the current step, then wait."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Continue after a pause."""


@dataclass(frozen=True, slots=True)
class Step:
    """Train `count` steps, then pause again; only while paused."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class SetField:
    """Change one live config field from the next step on."""

    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class Undo:
    """Undo the newest edit that has not been undone yet."""


@dataclass(frozen=True, slots=True)
class SaveCheckpoint:
    """Save a checkpoint at the current step."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run; `save` writes a last checkpoint, `reason` is recorded."""

    reason: str = "stopped by the user"
    save: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for the network's current answer to (a, b); `Answered` has it."""

    a: int
    b: int


@dataclass(frozen=True, slots=True)
class Inspect:
    """Ask for a last-layer neuron's current activations on all pairs; `Inspected` has them."""

    neuron: int


Command = Pause | Resume | Step | SetField | Undo | SaveCheckpoint | Ask | Inspect | Stop


class Inbox(Protocol):
    """Where a trainer gets its commands from."""

    def drain(self, *, wait: bool) -> list[Command]:
        """Return the pending commands; with `wait`, block until there is one."""
