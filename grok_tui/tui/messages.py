"""All messages that widgets and screens send each other."""

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
    """The application's result: the exit code, and what went wrong, in one line."""

    code: int
    problem: str = ""


# --- runs -----------------------------------------------------------------------------


@dataclass
class SourceEvent(Message):
    """The run's source delivered an event."""

    event: Event | Sought


@dataclass
class CommandRequested(Message):
    """A pane has a command for the trainer."""

    command: Command


@dataclass
class FieldEdited(Message):
    """The user gave a field another valid value."""

    name: str
    value: Any


@dataclass
class FixRequested(Message):
    """The user wants the fix of the principal verdict; without changes it is only advice."""

    changes: Mapping[str, Any]
    advice: str


@dataclass
class RunRequested(Message):
    """The user wants another run in place of this one."""

    request: RunRequest


@dataclass
class RunLeft(Message):
    """The user left the run on the screen."""

    ending: Ending


@dataclass
class SpeedEstimated(Message):
    """How long a preset takes to grok on this machine; words: `, about 15 s on CPU`."""

    preset: Preset
    words: str


# --- sweeps ---------------------------------------------------------------------------


@dataclass
class SweepProgressed(Message):
    """Points have progressed; ended: training is over; problem: why it ended early."""

    ended: bool = False
    problem: str = ""


@dataclass
class ReplayRequested(Message):
    """The user wants to see the run of a point."""

    run: Path


# --- widgets --------------------------------------------------------------------------


@dataclass
class ViewChanged(Message):
    """The mouse changed the view of a chart; chart: its id."""

    chart: str
    view: ChartView


@dataclass
class PairChosen(Message):
    """The mouse chose a pair on a map. row, column: in its matrix of values."""

    row: int
    column: int


@dataclass
class MapScaled(Message):
    """A map changed its scale: a cell now shows `pool` x `pool` pairs."""

    pool: int


@dataclass
class ResidueChosen(Message):
    """The mouse chose a residue by its bar."""

    residue: int


@dataclass
class FieldPressed(Message):
    """The mouse was pressed on the row of a field."""

    name: str


@dataclass
class AreaResized(Message):
    """A widget was resized, so its content must be redrawn."""
