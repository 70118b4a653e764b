"""What a screen shows: one immutable state, made from events by a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from grok_tui.core.events import (
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Metrics,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.tui.series import Series

Word = Literal["COMPILING", "RUNNING", "PAUSED", "STOPPED", "FAILED"]

# Weight of the newest chunk in the running mean of the speed.
_NEWEST = 0.2
# What the charts call a field.
_SHORT = {"weight_decay": "wd"}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a step and belongs on the charts."""

    step: int
    kind: Literal["edit", "phase"]
    text: str


@dataclass(frozen=True, slots=True)
class SessionState:
    """Everything a screen draws.

    config: fields by name, edits included. pending: edits sent but not yet confirmed.
    step_seconds, eval_seconds: running means, None before the first.
    message: the newest thing to tell the user.
    """

    config: Mapping[str, Any]
    word: Word = "COMPILING"
    stage: str = "starting"
    stage_done: int = 0
    stage_total: int = 1
    step: int = 0
    device: str = ""
    phase: str = ""
    metrics: Metrics | None = None
    step_seconds: float | None = None
    eval_seconds: float | None = None
    train_loss: Series = field(default_factory=Series)
    test_loss: Series = field(default_factory=Series)
    train_acc: Series = field(default_factory=Series)
    test_acc: Series = field(default_factory=Series)
    marks: tuple[Mark, ...] = ()
    pending: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.word in ("STOPPED", "FAILED")

    @property
    def steps_per_second(self) -> float | None:
        return 1 / self.step_seconds if self.step_seconds else None

    @property
    def seconds_left(self) -> float | None:
        """Time to the last step at the present speed, evaluations included."""
        if self.step_seconds is None or self.ended:
            return None
        left = max(0, int(self.config["steps"]) - self.step)
        evaluation = (self.eval_seconds or 0.0) / int(self.config["eval_every"])
        return left * (self.step_seconds + evaluation)

    def wanted(self, name: str) -> Any:
        """A field's value as it will be once the trainer has confirmed every edit."""
        return self.pending.get(name, self.config[name])

    def requested(self, name: str, value: Any) -> SessionState:
        """The state after an edit was sent to the trainer."""
        return replace(self, pending={**self.pending, name: value})


def reduce(state: SessionState, event: Event) -> SessionState:  # noqa: C901, PLR0911, PLR0912  one case each
    """The state after one more event."""
    match event:
        case Compiling(stage, done, total):
            return replace(
                state, word="COMPILING", stage=stage, stage_done=done, stage_total=total
            )
        case Started(step, config, device):
            return replace(state, word="RUNNING", step=step, config=config, device=device)
        case Losses():
            return _after_losses(state, event)
        case Evaluated():
            return _after_evaluation(state, event)
        case Paused(step):
            return replace(state, word="PAUSED", step=step)
        case Resumed():
            return replace(state, word="RUNNING")
        case ConfigApplied():
            return _after_edit(state, event)
        case CommandRejected(_, command, reason, name):
            pending = {k: v for k, v in state.pending.items() if k != name}
            return replace(state, pending=pending, message=f"{command}: {reason}")
        case PhaseChanged(step, phase, reason):
            mark = Mark(step, "phase", phase)
            return replace(state, phase=phase, marks=(*state.marks, mark), message=reason)
        case Warned(_, message):
            return replace(state, message=message)
        case CheckpointSaved(_, path):
            return replace(state, message=f"saved {path}")
        case Stopped(step, reason, summary):
            return replace(
                state,
                word="STOPPED",
                step=step,
                pending={},
                message=f"stopped: {reason}",
                summary=summary,
            )
        case Failed(_, reason, summary):
            return replace(state, word="FAILED", pending={}, message=reason, summary=summary)


def _after_losses(state: SessionState, event: Losses) -> SessionState:
    steps = np.arange(event.first_step, event.step + 1)
    return replace(
        state,
        step=event.step,
        train_loss=state.train_loss.extended(steps, event.train_loss),
        step_seconds=_mean(state.step_seconds, event.seconds / len(steps)),
    )


def _after_evaluation(state: SessionState, event: Evaluated) -> SessionState:
    metrics = event.metrics
    return replace(
        state,
        metrics=metrics,
        test_loss=state.test_loss.appended(event.step, metrics.test_loss),
        train_acc=state.train_acc.appended(event.step, metrics.train_acc),
        test_acc=state.test_acc.appended(event.step, metrics.test_acc),
        eval_seconds=_mean(state.eval_seconds, event.seconds),
    )


def _after_edit(state: SessionState, event: ConfigApplied) -> SessionState:
    text = f"{event.field} {_value(event.old)} → {_value(event.new)}"
    short = f"{_SHORT.get(event.field, event.field)} {_value(event.new)}"
    pending = dict(state.pending)
    if pending.get(event.field) == event.new:
        del pending[event.field]
    return replace(
        state,
        config={**state.config, event.field: event.new},
        pending=pending,
        marks=(*state.marks, Mark(event.step, "edit", short)),
        message=text,
    )


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _mean(before: float | None, new: float) -> float:
    return new if before is None else before + _NEWEST * (new - before)
