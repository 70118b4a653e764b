"""The state that a screen draws: immutable, and made from events by a pure function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from grok_tui.analysis.phases import Milestones
from grok_tui.doctor import Case
from grok_tui.protocol.events import (
    Analyzed,
    Answered,
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Inspected,
    Losses,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.results import FailureKind, Metrics, Pairs
from grok_tui.tasks.registry import known_task
from grok_tui.tasks.task import Task
from grok_tui.view.event_text import edit_text, sentence, value_text
from grok_tui.view.histories import AnalysisHistory, HealthHistory
from grok_tui.view.series import Series
from grok_tui.view.speed import RecentSpeed

Word = Literal["COMPILING", "RUNNING", "PLAYING", "PAUSED", "STOPPED", "FAILED"]

# How many log lines are kept.
LOG_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Mark:
    """An edit or a change of phase at a step, marked on the charts."""

    step: int
    kind: Literal["edit", "phase"]
    text: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log, after `step` updates; kind: the event's name."""

    step: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Playback:
    """How a recorded run is replayed: at `speed` times its own speed, up to step `last`.

    steps_per_second: of the run itself at this step, None if unknown.
    """

    speed: float
    last: int
    seconds_left: float
    steps_per_second: float | None


@dataclass(frozen=True, slots=True, eq=False)
class SessionState:
    """Everything a screen draws; equal only to itself, since arrays have no single equality.

    config: the known fields by name, edits included; some are missing if another program
    trains the run. pending: edits sent but not yet confirmed. planned: changes that need a new
    run. speed: how long its work takes.
    message: the newest message to the user. log: oldest line first. task: None if the config
    does not say it. pairs: results for each pair after `pairs_step` updates. analyses, health:
    histories of the progress measures and of the numerical health. answer: to the last
    question. checkpoint: step of the newest one, None before the first. edits: all
    of them, oldest first. failure: why the run failed, None if it
    did not. playback: None if the run is live.
    """

    config: Mapping[str, Any]
    word: Word = "COMPILING"
    stage: str = "starting"
    stage_done: int = 0
    stage_total: int = 1
    step: int = 0
    device: str = ""
    milestones: Milestones = field(default_factory=Milestones)
    metrics: Metrics | None = None
    speed: RecentSpeed = field(default_factory=RecentSpeed)
    train_loss: Series = field(default_factory=Series)
    test_loss: Series = field(default_factory=Series)
    train_acc: Series = field(default_factory=Series)
    test_acc: Series = field(default_factory=Series)
    weight_norm: Series = field(default_factory=Series)
    marks: tuple[Mark, ...] = ()
    pending: Mapping[str, Any] = field(default_factory=dict)
    planned: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    log: tuple[LogLine, ...] = ()
    task: Task | None = None
    pairs: Pairs | None = None
    pairs_step: int = 0
    analyses: AnalysisHistory = field(default_factory=AnalysisHistory)
    health: HealthHistory = field(default_factory=HealthHistory)
    answer: Answered | None = None
    checkpoint: int | None = None
    edits: tuple[ConfigApplied, ...] = ()
    failure: FailureKind | None = None
    playback: Playback | None = None

    @property
    def ended(self) -> bool:
        return self.word in ("STOPPED", "FAILED")

    @property
    def phase(self) -> str:
        """The phase, empty before the start."""
        return self.milestones.phase if self.task or self.metrics else ""

    @property
    def steps_per_second(self) -> float | None:
        if self.playback:
            return self.playback.steps_per_second
        return self.speed.steps_per_second(self.config)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the last step at the present speed; None if unknown or ended."""
        if self.playback:
            return self.playback.seconds_left
        return None if self.ended else self.speed.seconds_left(self.config, self.step)

    @property
    def last_step(self) -> int | None:
        """The last step of the run or of its recording; None if unknown."""
        return self.playback.last if self.playback else self.known("steps")

    def known(self, name: str) -> Any:
        """The value of a field, None if unknown."""
        return self.config.get(name)

    def case(self) -> Case:
        """The run as a case for the doctor."""
        return Case(
            self.config,
            self.step,
            self.train_loss.curve(),
            self.test_loss.curve(),
            self.train_acc.curve(),
            self.test_acc.curve(),
            self.weight_norm.curve(),
            self.health.series["zero_loss_share"].curve(),
            self.analyses.measures,
            ended=self.ended,
            diverged=self.failure == "diverged",
            edits=self.edits,
            milestones=self.milestones,
        )

    def continued(self) -> SessionState:
        """The state that a new sitting of this run starts from."""
        return replace(self, word="COMPILING", stage="starting", message="", failure=None)

    def saying(self, message: str) -> SessionState:
        """The state with another message to the user."""
        return replace(self, message=message)

    def wanted(self, name: str) -> Any:
        """The value of a field once every edit is confirmed; None if unknown."""
        return self.pending.get(name, self.known(name))

    def requested(self, name: str, value: Any) -> SessionState:
        """The state after an edit was sent to the trainer."""
        return replace(self, pending={**self.pending, name: value})

    def planning(self, name: str, value: Any) -> SessionState:
        """The state with a change for the next run; the present value removes the change."""
        planned = {**self.planned, name: value}
        if value == self.known(name):
            del planned[name]
        return replace(self, planned=planned)


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """A replay moved to another step; `state` is the run's state there."""

    state: SessionState


def reduce(state: SessionState, event: Event | Sought) -> SessionState:
    """The state after one more event."""
    if isinstance(event, Sought):  # keeps the answers to the user's questions
        analyses = replace(event.state.analyses, inspected=state.analyses.inspected)
        return replace(event.state, answer=state.answer, analyses=analyses)
    state = _after(state, event)
    if text := sentence(event):
        line = LogLine(state.step, event.name, text)
        state = replace(state, log=(*state.log[1 - LOG_LENGTH :], line))
    return state


def _after(state: SessionState, event: Event) -> SessionState:  # noqa: C901, PLR0911, PLR0912  one case each
    match event:
        case Compiling(stage, done, total):
            return replace(
                state, word="COMPILING", stage=stage, stage_done=done, stage_total=total
            )
        case Started():
            return _after_start(state, event)
        case Losses():
            return _after_losses(state, event)
        case Evaluated():
            return _after_evaluation(state, event)
        case Analyzed():
            return _after_analysis(state, event)
        case Inspected():
            return replace(state, analyses=replace(state.analyses, inspected=event))
        case Paused(step):
            return replace(state, word="PAUSED", step=step)
        case Resumed():
            return replace(state, word="RUNNING")
        case ConfigApplied():
            return _after_edit(state, event)
        case CommandRejected(_, command, reason, name):
            pending = {k: v for k, v in state.pending.items() if k != name}
            return replace(state, pending=pending, message=f"{command}: {reason}")
        case PhaseChanged(step, phase):
            before = next((m.text for m in reversed(state.marks) if m.kind == "phase"), "")
            # A new sitting reports the phase again.
            new = () if phase == before else (Mark(step, "phase", phase),)
            return replace(state, marks=(*state.marks, *new))
        case Answered():
            return replace(state, answer=event)
        case Warned(_, message):
            return replace(state, message=message)
        case CheckpointSaved(step, path, seconds):
            state = replace(state, checkpoint=step, message=f"saved {path}")
            # While paused, a save is none of the rhythm, or waited for a full disk.
            return _worked(state, "checkpoint", seconds) if state.word == "RUNNING" else state
        case Stopped(step, reason):
            return replace(
                state,
                word="STOPPED",
                step=step,
                pending={},
                message=f"stopped: {reason}",
            )
        case Failed(_, reason, kind):
            return replace(
                state,
                word="FAILED",
                pending={},
                message=reason,
                failure=kind,
            )


def _after_start(state: SessionState, event: Started) -> SessionState:
    task = known_task(event.config, event.train_mask)
    return replace(
        state,
        word="RUNNING",
        step=event.step,
        config=event.config,
        device=event.device,
        task=task,
        milestones=replace(state.milestones, n_answers=task.n_answers if task else 0),
    )


def _after_losses(state: SessionState, event: Losses) -> SessionState:
    steps = np.arange(event.first_step, event.step + 1)
    return replace(
        _worked(state, "step", event.seconds, len(steps)),
        step=event.step,
        milestones=state.milestones.after_loss(float(event.train_loss[-1])),
        train_loss=state.train_loss.extended(steps, event.train_loss),
    )


def _after_evaluation(state: SessionState, event: Evaluated) -> SessionState:
    metrics = event.metrics
    if event.pairs is not None:
        state = replace(state, pairs=event.pairs, pairs_step=event.step)
    return replace(
        _worked(state, "evaluation", event.seconds),
        metrics=metrics,
        milestones=state.milestones.after(event.step, metrics),
        health=state.health.after(event.step, event.health),
        test_loss=state.test_loss.appended(event.step, metrics.test_loss),
        train_acc=state.train_acc.appended(event.step, metrics.train_acc),
        test_acc=state.test_acc.appended(event.step, metrics.test_acc),
        weight_norm=state.weight_norm.appended(event.step, metrics.weight_norm),
    )


def _after_analysis(state: SessionState, event: Analyzed) -> SessionState:
    return replace(
        _worked(state, "analysis", event.seconds),
        analyses=state.analyses.after(event),
        milestones=state.milestones.after_analysis(event.step, event.measures),
    )


def _after_edit(state: SessionState, event: ConfigApplied) -> SessionState:
    short = f"{event.field} {value_text(event.new)}"
    pending = dict(state.pending)
    if pending.get(event.field) == event.new:
        del pending[event.field]
    return replace(
        state,
        config={**state.config, event.field: event.new},
        pending=pending,
        marks=(*state.marks, Mark(event.step, "edit", short)),
        edits=(*state.edits, event),
        message=edit_text(event),
    )


def _worked(state: SessionState, kind: str, seconds: float, count: int = 1) -> SessionState:
    """The state after `count` times a kind of work (`RecentSpeed`) took some seconds."""
    return replace(state, speed=state.speed.after(kind, seconds, count))
