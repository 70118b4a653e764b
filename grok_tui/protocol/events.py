"""Events: what a run reports.

They are frozen dataclasses of plain numbers, text and NumPy arrays, so that they can be
pickled, recorded and replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from grok_tui.protocol.commands import Command
from grok_tui.protocol.results import (
    AnalysisArrays,
    FailureKind,
    FloatArray,
    Health,
    Measures,
    Metrics,
    Pairs,
    Summary,
)


@dataclass(frozen=True, slots=True)
class Compiling:
    """The device is being opened or kernels are being compiled: stage `done` of `total`."""

    name: ClassVar[str] = "compiling"
    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins, or continues in another sitting, after `step` completed steps.

    config: the known fields; those of another program's run may be incomplete.
    train_mask: (n_pairs,), True for train pairs; None if the config determines it.
    """

    name: ClassVar[str] = "started"
    step: int
    config: Mapping[str, Any]
    device: str
    n_train: int
    n_test: int
    compile_seconds: float
    train_mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Losses:
    """Train losses of the consecutive steps `first_step`, `first_step + 1`, ...

    train_loss: (n,), cross-entropy in nats, each taken before its step's update.
    seconds: time that the n steps took, and reporting those before them.
    """

    name: ClassVar[str] = "losses"
    first_step: int
    train_loss: FloatArray
    seconds: float

    @property
    def step(self) -> int:
        """The last step."""
        return self.first_step + len(self.train_loss) - 1


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The weights after `step` updates were evaluated on every pair.

    pairs: the result for each pair, None if only the metrics matter. health: None in
    recordings of versions that did not measure it.
    """

    name: ClassVar[str] = "evaluated"
    step: int
    metrics: Metrics
    seconds: float
    pairs: Pairs | None = None
    health: Health | None = None


@dataclass(frozen=True, slots=True)
class Analyzed:
    """The weights after `step` updates were analyzed.

    arrays: for the panes, None if only the measures matter.
    """

    name: ClassVar[str] = "analyzed"
    step: int
    measures: Measures
    seconds: float
    arrays: AnalysisArrays | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """Training waits after `step`."""

    name: ClassVar[str] = "paused"
    step: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Training continues after `step`."""

    name: ClassVar[str] = "resumed"
    step: int


@dataclass(frozen=True, slots=True)
class ConfigApplied:
    """A live field changed; the step after `step` is the first to use it.

    undo: whether this undid an earlier edit.
    """

    name: ClassVar[str] = "config applied"
    step: int
    field: str
    old: Any
    new: Any
    undo: bool = False


@dataclass(frozen=True, slots=True)
class CommandRejected:
    """A command changed nothing; `reason` says why, `field` is the field of a rejected edit."""

    name: ClassVar[str] = "command rejected"
    step: int
    command: str
    reason: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """The run entered `phase` (a badge text such as `GROKKED`) at `step`."""

    name: ClassVar[str] = "phase"
    step: int
    phase: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The network's answer to (a, b) after `step` updates.

    probabilities: (p,), of each residue.
    """

    name: ClassVar[str] = "answered"
    step: int
    a: int
    b: int
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A neuron's activations after `step` updates.

    activation: (n_pairs,), at `=` after the ReLU, in the task's order.
    """

    name: ClassVar[str] = "inspected"
    step: int
    neuron: int
    activation: FloatArray


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the user should know; the run continues."""

    name: ClassVar[str] = "warning"
    step: int
    message: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint of the state after `step` is safely on disk; saving took some seconds."""

    name: ClassVar[str] = "checkpoint saved"
    step: int
    path: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run ended normally.

    summary: None if it is unknown, as in a recording.
    """

    name: ClassVar[str] = "stopped"
    step: int
    reason: str
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended because of an error; `reason` is one line for the user.

    summary: None if there is none to write.
    """

    name: ClassVar[str] = "failed"
    step: int
    reason: str
    kind: FailureKind = "trainer"
    summary: Summary | None = None


Event = (
    Compiling
    | Started
    | Losses
    | Evaluated
    | Analyzed
    | Paused
    | Resumed
    | ConfigApplied
    | CommandRejected
    | PhaseChanged
    | Answered
    | Inspected
    | Warned
    | CheckpointSaved
    | Stopped
    | Failed
)

Sink = Callable[[Event], None]


class Source(Protocol):
    """Where a screen's events come from: a live trainer or a recording."""

    def start(self, deliver: Sink) -> None:
        """Start; `deliver` is called with every event, from any thread."""

    def send(self, command: Command) -> None:
        """Pass on a command; no effect once the source has ended."""

    def close(self, timeout: float) -> None:
        """End the source within `timeout` seconds, by force if necessary."""
