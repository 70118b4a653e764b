"""What runs came to, from their lines alone, and in what their configs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import FIELDS, ConfigError
from grok_tui.config.sources import load_parent
from grok_tui.protocol.events import (
    Analyzed,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Losses,
    Metrics,
    Started,
    Stopped,
)
from grok_tui.runs.reader import outline
from grok_tui.runs.writer import RunError, being_written

# Steps and the values at them, (n,) each.
Curve = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a run came to, whether or not it has ended.

    config: what it began with; parent: the run and step that it is a branch of. steps: done.
    final: the last train loss, and the rest of `Metrics` from the last evaluation; None before.
    key_frequencies: those of the last analysis, None before it. edits: in their order.
    end: as `exit` in summary.json; `failed`, `running`, or `cut off` where no end was recorded.
    train_loss, test_loss, test_acc: their curves.
    """

    folder: Path
    config: Mapping[str, Any]
    parent: Mapping[str, Any] | None
    steps: int
    milestones: Milestones
    final: Mapping[str, float | None]
    key_frequencies: tuple[int, ...] | None
    edits: tuple[ConfigApplied, ...]
    end: str
    train_loss: Curve
    test_loss: Curve
    test_acc: Curve

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
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
                for e in self.edits
            ],
            "parent": self.parent,
        }


def read(folder: Path) -> Outcome:
    """What the run in a folder came to. Raises UserError, which names it."""
    if not (folder / "config.toml").is_file():
        raise RunError(f"{folder} is no run directory: it has no config.toml")
    try:
        config, events = outline(folder)
        fold = _Fold()
        for event in events:
            fold.add(event)
        return fold.outcome(folder, config.model_dump(mode="json"))
    except ConfigError as error:
        raise RunError(f"{folder} cannot be compared: {error}") from None
    except OSError as error:
        raise RunError(f"cannot read {error.filename or folder}: {error.strerror}") from None


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The fields in which configs differ, each with its value in every one."""
    values = {name: [config[name] for config in configs] for name in FIELDS}
    return {name: own for name, own in values.items() if any(x != own[0] for x in own)}


def short_names(folders: Sequence[Path]) -> list[str]:
    """For each folder the shortest end of its path that no other one has.

    Raises RunError if two are the same.
    """
    parts = [folder.resolve().parts for folder in folders]
    return [
        _shortest_end(folders[i], own, parts[:i] + parts[i + 1 :])
        for i, own in enumerate(parts)
    ]


def _shortest_end(folder: Path, own: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    for count in range(1, len(own) + 1):
        if all(other[-count:] != own[-count:] for other in others):
            return str(Path(*own[-count:]))
    raise RunError(f"{folder} is named twice")


@dataclass(slots=True)
class _Fold:
    """What has been gathered from a run's events so far."""

    milestones: Milestones = field(default_factory=Milestones)
    key_frequencies: tuple[int, ...] | None = None
    edits: list[ConfigApplied] = field(default_factory=list)
    end: str | None = None
    losses: list[Losses] = field(default_factory=list)
    evaluations: list[Evaluated] = field(default_factory=list)

    def add(self, event: Event) -> None:
        match event:
            case Losses():
                self.losses.append(event)
            case Evaluated(step, metrics):
                self.evaluations.append(event)
                self.milestones = self.milestones.after(step, metrics)
            case Analyzed(step, measures):
                self.key_frequencies = measures.key_frequencies
                self.milestones = self.milestones.after_analysis(step, measures)
            case ConfigApplied():
                self.edits.append(event)
            case Started():  # a sitting after the one that had ended
                self.end = None
            case Stopped(_, reason):
                self.end = reason
            case Failed(_, reason):
                self.end = "diverged" if reason.startswith("diverged") else "failed"

    def outcome(self, folder: Path, config: Mapping[str, Any]) -> Outcome:
        steps = self.losses[-1].step if self.losses else 0
        unended = "running" if being_written(folder) else "cut off"
        return Outcome(
            folder=folder,
            config=config,
            parent=_parent(folder),
            steps=steps,
            milestones=self.milestones,
            final=self._final(),
            key_frequencies=self.key_frequencies,
            edits=tuple(e for e in self.edits if e.old != e.new),
            end=self.end or unended,
            train_loss=self._train_loss(),
            test_loss=self._evaluated("test_loss"),
            test_acc=self._evaluated("test_acc"),
        )

    def _final(self) -> dict[str, float | None]:
        final: dict[str, float | None] = dict.fromkeys(f.name for f in fields(Metrics))
        if self.evaluations:
            final |= self.evaluations[-1].metrics.to_dict()
        if self.losses:
            # Nine digits are what a line has of a float32.
            final["train_loss"] = float(f"{self.losses[-1].train_loss[-1]:.9g}")
        return final

    def _train_loss(self) -> Curve:
        values = np.concatenate([[], *(event.train_loss for event in self.losses)])
        last = self.losses[-1].step if self.losses else 0
        return np.arange(last - len(values) + 1, last + 1), values

    def _evaluated(self, name: str) -> Curve:
        steps = [event.step for event in self.evaluations]
        values = [getattr(event.metrics, name) for event in self.evaluations]
        return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)


def _parent(folder: Path) -> Mapping[str, Any] | None:
    parent = load_parent(folder / "config.toml")
    return parent and {"run": str(parent[0]), "step": parent[1]}
