"""The history of a recorded run: its results, its curves and its edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.analysis.phases import Milestones
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
    """A run as recorded in its directory, whether or not it has ended.

    config: the one it started with. parent: the run and the step that it branched from.
    evaluations: without results for each pair. measures: step and measures of each analysis.
    edits: all of them, including those that changed nothing or were undone.
    end: `exit` in summary.json, or `failed`, `running`, or `cut off` if no end was recorded.
    reason: why it ended, empty if it has not. train_loss: at every step, in nats.
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
            final["train_loss"] = float(f"{loss:.9g}")  # as a float32 is recorded
        return final

    @property
    def key_frequencies(self) -> tuple[int, ...] | None:
        """The key frequencies in the last analysis, None if there is no analysis."""
        return self.measures[-1][1].key_frequencies if self.measures else None

    def curve(self, name: str) -> Curve:
        """A field of `Metrics` at every evaluation."""
        steps = np.array([event.step for event in self.evaluations], dtype=np.float64)
        return Curve(steps, np.array([getattr(e.metrics, name) for e in self.evaluations]))

    def case(self) -> Case:
        """The run as a case for the doctor."""
        return case_of(
            {**self.config, **{edit.field: edit.new for edit in self.edits}},
            self.steps,
            self.train_loss,
            self.evaluations,
            measures=self.measures,
            ended=self.end != "running",
            diverged=self.end == "diverged",
            edits=self.edits,
            milestones=self.milestones,
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
    milestones = Milestones(n_answers=int(config["modulus"]))
    losses: list[Losses] = []
    evaluations: list[Evaluated] = []
    measures: list[tuple[int, Measures]] = []
    edits: list[ConfigApplied] = []
    end = reason = ""
    for event in events:
        match event:
            case Losses():
                losses.append(event)
                milestones = milestones.after_loss(float(event.train_loss[-1]))
            case Evaluated(step, metrics):
                evaluations.append(event)
                milestones = milestones.after(step, metrics)
            case Analyzed(step, analyzed):
                measures.append((step, analyzed))
                milestones = milestones.after_analysis(step, analyzed)
            case ConfigApplied():
                edits.append(event)
            case Started():  # the run continues after it had ended
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
