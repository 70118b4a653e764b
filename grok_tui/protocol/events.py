"""Everything that passes between a trainer and the rest: commands in, events out.

Commands and events are frozen dataclasses that hold plain numbers, text and NumPy
arrays, so that they can be pickled, recorded and replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.health import Health
from grok_tui.protocol.results import Measures, Tables

FloatArray = NDArray[np.float32]

# --- commands ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop after the step under way and wait."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause."""


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
    """Take back the newest edit that has not been taken back yet."""


@dataclass(frozen=True, slots=True)
class SaveCheckpoint:
    """Save a checkpoint at the current step."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run; `save` keeps a last checkpoint, `reason` is recorded."""

    reason: str = "stopped by the user"
    save: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """What would the network answer to (a, b) now?"""

    a: int
    b: int


@dataclass(frozen=True, slots=True)
class Inspect:
    """What does a neuron of the last layer do on every pair now?"""

    neuron: int


Command = Pause | Resume | Step | SetField | Undo | SaveCheckpoint | Ask | Inspect | Stop

# --- events -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compiling:
    """The device is opening or kernels are being compiled: stage `done` of `total`."""

    name: ClassVar[str] = "compiling"
    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins, or begins again, after `step` completed steps.

    train_mask: (n_pairs,), True where the pair is trained on; None where the config says it.
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
    seconds: time the n steps took.
    """

    name: ClassVar[str] = "losses"
    first_step: int
    train_loss: FloatArray
    seconds: float

    @property
    def step(self) -> int:
        """The last of the steps."""
        return self.first_step + len(self.train_loss) - 1


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one evaluation of all pairs measured; losses in nats, accuracies in 0..1.

    weight_norm: square root of the sum of all squared weights.
    lr, weight_decay: what the step before used, warm-up included.
    """

    train_loss: float
    test_loss: float
    train_acc: float
    test_acc: float
    weight_norm: float
    lr: float
    weight_decay: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What an evaluation found for every pair, in the task's order.

    answers: (n_pairs,), the most likely residue. loss: (n_pairs,), -log of the probability of
    the right one, in nats.
    """

    answers: NDArray[np.int16]
    loss: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The weights after `step` updates were evaluated on every pair.

    pairs: what was found for each; None where only the numbers matter. health: None in runs
    of a version that did not measure it.
    """

    name: ClassVar[str] = "evaluated"
    step: int
    metrics: Metrics
    seconds: float
    pairs: Pairs | None = None
    health: Health | None = None


@dataclass(frozen=True, slots=True)
class Analyzed:
    """The weights after `step` updates were analysed.

    tables: for the screens; None where only the numbers matter.
    """

    name: ClassVar[str] = "analyzed"
    step: int
    measures: Measures
    seconds: float
    tables: Tables | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """Training waits after `step`."""

    name: ClassVar[str] = "paused"
    step: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Training goes on after `step`."""

    name: ClassVar[str] = "resumed"
    step: int


@dataclass(frozen=True, slots=True)
class ConfigApplied:
    """A live field changed; the step after `step` is the first to use it.

    undo: whether this took an earlier edit back.
    """

    name: ClassVar[str] = "config applied"
    step: int
    field: str
    old: Any
    new: Any
    undo: bool = False


@dataclass(frozen=True, slots=True)
class CommandRejected:
    """A command changed nothing; `reason` says why, `field` names an edit's field."""

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
    """What the network after `step` updates answers to (a, b).

    probabilities: (p,), that of each residue.
    """

    name: ClassVar[str] = "answered"
    step: int
    a: int
    b: int
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a neuron does in the network after `step` updates.

    activation: (n_pairs,), after the ReLU at `=`, in the task's order.
    """

    name: ClassVar[str] = "inspected"
    step: int
    neuron: int
    activation: FloatArray


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a user should know that does not end the run."""

    name: ClassVar[str] = "warning"
    step: int
    message: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint of the state after `step` is safely on disk."""

    name: ClassVar[str] = "checkpoint saved"
    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run ended in good order.

    summary: the content of `summary.json` (see `docs/run-directory.md`).
    """

    name: ClassVar[str] = "stopped"
    step: int
    reason: str
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended because something broke; `reason` is one line for the user."""

    name: ClassVar[str] = "failed"
    step: int
    reason: str
    summary: Mapping[str, Any] = field(default_factory=dict)


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

# --- what commands and events travel through ----------------------------------------


class Inbox(Protocol):
    """Where a trainer finds its commands."""

    def drain(self, *, wait: bool) -> list[Command]:
        """Return the commands that have come; with `wait`, block until there is one."""


class Source(Protocol):
    """Where a screen's events come from: a live trainer or a recording."""

    def start(self, deliver: Sink) -> None:
        """Begin; `deliver` is called for every event, from any thread."""

    def send(self, command: Command) -> None:
        """Pass a command on; without effect once the source has ended."""

    def close(self, timeout: float) -> None:
        """End the source within `timeout` seconds, by force if it must be."""
