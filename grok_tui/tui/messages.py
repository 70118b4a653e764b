"""Every message that widgets and screens send each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.message import Message

from grok_tui.config.presets import Preset
from grok_tui.protocol.commands import Command
from grok_tui.protocol.events import Event
from grok_tui.sources.launcher import RunRequest
from grok_tui.view.charts.window import ChartView
from grok_tui.view.state import Sought


@dataclass(frozen=True, slots=True)
class Ending:
    """The application's result: the process's exit code, and what went wrong in a line."""

    code: int
    problem: str = ""


# --- runs -----------------------------------------------------------------------------


@dataclass
class SourceEvent(Message):
    """An event came from the run's source."""

    event: Event | Sought


@dataclass
class CommandRequested(Message):
    """A pane wants the trainer to do something."""

    command: Command


@dataclass
class FieldEdited(Message):
    """The user gave a field another value, which is valid."""

    name: str
    value: Any


@dataclass
class FixRequested(Message):
    """The user wants the fix of the principal verdict, which may be no more than advice."""

    changes: Mapping[str, Any]
    advice: str


@dataclass
class RunRequested(Message):
    """Another run is to replace this one."""

    request: RunRequest


@dataclass
class RunLeft(Message):
    """The user has left the run on the screen."""

    ending: Ending


@dataclass
class SpeedEstimated(Message):
    """It became known how long a preset takes to grok here; words: `, about 15 s on CPU`."""

    preset: Preset
    words: str


# --- sweeps ---------------------------------------------------------------------------


@dataclass
class SweepProgressed(Message):
    """Points have come further, or, with `ended`, none will any more."""

    ended: bool = False
    problem: str = ""


@dataclass
class ReplayRequested(Message):
    """The run of a point is to be shown."""

    run: Path


# --- widgets --------------------------------------------------------------------------


@dataclass
class ViewChanged(Message):
    """The mouse changed what the chart with an id shows."""

    chart: str
    view: ChartView


@dataclass
class PairChosen(Message):
    """The mouse chose a pair on a map. row, column: its place in the values."""

    row: int
    column: int


@dataclass
class MapScaled(Message):
    """A map changed its scale: a cell shows pool x pool pairs."""

    pool: int


@dataclass
class ResidueChosen(Message):
    """The mouse chose a residue on bars."""

    residue: int


@dataclass
class FieldPressed(Message):
    """The mouse was pressed on the row of a field."""

    name: str


@dataclass
class AreaResized(Message):
    """A widget has another size, and what it shows must be redrawn."""
