"""The input of the doctor, a case, and its output, verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import is_treatment
from grok_tui.protocol.events import ConfigApplied, Evaluated
from grok_tui.protocol.results import Measures

# The verdicts that find nothing wrong.
HEALTHY = ("grokked", "on-track", "memorizing", "no-delay-expected")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Finite values at ascending steps, (n,) each; n may be 0."""

    steps: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> float | None:
        return float(self.values[-1]) if len(self) else None

    @property
    def first(self) -> float | None:
        return float(self.values[0]) if len(self) else None

    def at(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """The newest values at some steps, (n,); the first before that, NaN if it is empty."""
        if not len(self):
            return np.full(len(steps), np.nan)
        return self.values[np.maximum(np.searchsorted(self.steps, steps, "right") - 1, 0)]

    def since(self, step: float) -> Curve:
        """The points at `step` and after it."""
        begin = int(np.searchsorted(self.steps, step))
        return Curve(self.steps[begin:], self.values[begin:])


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is known of a run, or of a config that was not trained yet.

    config: the known fields, edits included; unknown ones are missing or None.
    steps: done so far. train_loss, test_loss: in nats. train_acc, test_acc: in 0..1.
    weight_norm: root of the sum of squared weights. zero_loss: share of train pairs with a
    loss of exactly 0. measures: step and measures of each analysis.
    ended: whether no more steps follow. diverged: whether it ended because of inf or NaN.
    edits: all that were made, oldest first.
    resolution: the smallest difference that the train losses are written with, in nats: 1e-4
    for four decimals; 0 if unknown.
    milestones: after the newest evaluation and analysis; None to derive them from the curves.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0
    train_loss: Curve = field(default_factory=Curve)
    test_loss: Curve = field(default_factory=Curve)
    train_acc: Curve = field(default_factory=Curve)
    test_acc: Curve = field(default_factory=Curve)
    weight_norm: Curve = field(default_factory=Curve)
    zero_loss: Curve = field(default_factory=Curve)
    measures: Sequence[tuple[int, Measures]] = ()
    ended: bool = False
    diverged: bool = False
    edits: Sequence[ConfigApplied] = ()
    resolution: float = 0.0
    milestones: Milestones | None = None

    @property
    def treatments(self) -> list[ConfigApplied]:
        """The edits that changed how the run trains."""
        return [e for e in self.edits if is_treatment(e.field) and e.old != e.new]

    @property
    def edited(self) -> int:
        """The step of the last of them, 0 if there is none."""
        return self.treatments[-1].step if self.treatments else 0


def case_of(
    config: Mapping[str, Any],
    steps: int,
    train_loss: Curve,
    evaluations: Sequence[Evaluated],
    **known: Any,
) -> Case:
    """The case of a run of this program. known: the other fields of `Case`."""
    at = np.array([e.step for e in evaluations], dtype=np.float64)
    healthy = [e for e in evaluations if e.health is not None]
    zeros = [e.health.zero_loss_share for e in healthy if e.health]

    def curve(name: str) -> Curve:
        return Curve(at, np.array([getattr(e.metrics, name) for e in evaluations]))

    return Case(
        config,
        steps,
        train_loss,
        curve("test_loss"),
        curve("train_acc"),
        curve("test_acc"),
        curve("weight_norm"),
        Curve(np.array([e.step for e in healthy], dtype=np.float64), np.array(zeros)),
        **known,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding.

    confidence: 0..1. evidence: the facts behind it, by name. reason: one sentence.
    changes: fields to set. advice: what to do if no field helps.
    """

    id: str
    confidence: float
    evidence: Mapping[str, float | int | str]
    reason: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""

    @property
    def fix(self) -> dict[str, Any]:
        return {"set": dict(self.changes)} if self.changes else {"advice": self.advice}

    def to_dict(self) -> dict[str, Any]:
        """The verdict as data for JSON."""
        return {
            "id": self.id,
            "confidence": self.confidence,
            "evidence": dict(self.evidence),
            "reason": self.reason,
            "fix": self.fix,
        }
