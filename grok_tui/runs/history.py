"""A recorded run in one fold: what it came to, its curves, and what happened on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import is_treatment
from grok_tui.config.sources import load_parent
from grok_tui.doctor import Case, Curve, case_of
from grok_tui.protocol.events import (
    Analyzed,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Started,
    Stopped,
)
from grok_tui.protocol.results import Measures, Metrics
from grok_tui.runs.folders import check_run_directory
from grok_tui.runs.reader import outline
from grok_tui.runs.writer import being_written


@dataclass(frozen=True, slots=True, eq=False)
class RunHistory:
    """A run as its directory has it, whether or not it has ended.

    config: what it began with. parent: the run and the step that it branched from.
    evaluations: without their pairs. measures: steps of analyses, and what they found.
    edits: every one, those that changed nothing and those that were undone included.
    end: as `exit` in summary.json; `failed`, `running`, or `cut off` where no end was recorded.
    reason: why it ended, empty if it has not. train_loss: of every step, in nats.
    """

    folder: Path
    config: Mapping[str, Any]
    parent: Mapping[str, Any] | None
    milestones: Milestones
    evaluations: tuple[Evaluated, ...]
    measures: tuple[tuple[int, Measures], ...]
    edits: tuple[ConfigApplied, ...]
    end: str
    reason: str
    train_loss: Curve

    @property
    def steps(self) -> int:
        """Steps done."""
        return int(self.train_loss.steps[-1]) if len(self.train_loss) else 0

    @property
    def final(self) -> dict[str, float | None]:
        """The last train loss, and the rest of `Metrics` from the last evaluation."""
        final: dict[str, float | None] = dict.fromkeys(field.name for field in fields(Metrics))
        if self.evaluations:
            final |= self.evaluations[-1].metrics.to_dict()
        if (loss := self.train_loss.last) is not None:
            final["train_loss"] = float(f"{loss:.9g}")  # as a line has a float32
        return final

    @property
    def key_frequencies(self) -> tuple[int, ...] | None:
        """Those of the last analysis, None before it."""
        return self.measures[-1][1].key_frequencies if self.measures else None

    def curve(self, name: str) -> Curve:
        """A field of `Metrics` at every evaluation."""
        steps = np.array([event.step for event in self.evaluations], dtype=np.float64)
        return Curve(steps, np.array([getattr(e.metrics, name) for e in self.evaluations]))

    def case(self) -> Case:
        """What the doctor is told of the run."""
        treatments = [edit.step for edit in self.edits if is_treatment(edit.field)]
        return case_of(
            {**self.config, **{edit.field: edit.new for edit in self.edits}},
            self.steps,
            self.train_loss,
            self.evaluations,
            measures=self.measures,
            ended=self.end != "running",
            diverged=self.end == "diverged",
            edited=treatments[-1] if treatments else 0,
        )

    def to_dict(self) -> dict[str, Any]:
        """As `compare --json` prints it."""
        return {
            "run": str(self.folder),
            "steps": self.steps,
            "memorized_step": self.milestones.memorized_step,
            "grok_step": self.milestones.grok_step,
            "final": self.final,
            "key_frequencies": self.key_frequencies,
            "phase": self.milestones.phase,
            "exit": self.end,
            "config": self.config,
            "edits": [
                {"step": e.step, "field": e.field, "old": e.old, "new": e.new, "undo": e.undo}
                for e in self.effective_edits
            ],
            "parent": self.parent,
        }

    @property
    def effective_edits(self) -> list[ConfigApplied]:
        """The edits that changed something."""
        return [edit for edit in self.edits if edit.old != edit.new]


def read_history(folder: Path) -> RunHistory:
    """The history of the run in a folder. Raises UserError or OSError."""
    check_run_directory(folder)
    config, events = outline(folder)
    parent = load_parent(folder / "config.toml")
    return _folded(
        folder,
        config.model_dump(mode="json"),
        parent and {"run": str(parent[0]), "step": parent[1]},
        events,
    )


def _folded(
    folder: Path,
    config: Mapping[str, Any],
    parent: Mapping[str, Any] | None,
    events: Iterable[Event],
) -> RunHistory:
    milestones = Milestones()
    losses: list[Losses] = []
    evaluations: list[Evaluated] = []
    measures: list[tuple[int, Measures]] = []
    edits: list[ConfigApplied] = []
    end = reason = ""
    for event in events:
        match event:
            case Losses():
                losses.append(event)
            case Evaluated(step, metrics):
                evaluations.append(event)
                milestones = milestones.after(step, metrics)
            case Analyzed(step, found):
                measures.append((step, found))
                milestones = milestones.after_analysis(step, found)
            case ConfigApplied():
                edits.append(event)
            case Started():  # a sitting after the one that had ended
                end = reason = ""
            case Stopped(_, why):
                end = reason = why
            case Failed(_, why, kind):
                end, reason = "diverged" if kind == "diverged" else "failed", why
    return RunHistory(
        folder,
        config,
        parent,
        milestones,
        tuple(evaluations),
        tuple(measures),
        tuple(edits),
        end or ("running" if being_written(folder) else "cut off"),
        reason,
        _train_loss(losses),
    )


def _train_loss(losses: list[Losses]) -> Curve:
    values = np.concatenate([[], *(event.train_loss for event in losses)])
    last = losses[-1].step if losses else 0
    return Curve(np.arange(last - len(values) + 1, last + 1, dtype=np.float64), values)
