"""What the screens ask for when they need a run: new, again, branched, or resumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grok_tui.config.schema import Config
from grok_tui.protocol.events import Source
from grok_tui.sources.replay import ReplaySource
from grok_tui.view.state import SessionState


@dataclass(frozen=True, slots=True)
class Run:
    """What a session shows: where events come from, and the state that they go on from.

    folder: the run directory, None if nothing is recorded.
    paused: whether it waits at first. parent: the run that it branched from.
    """

    source: Source | ReplaySource
    state: SessionState
    folder: Path | None = None
    paused: bool = False
    parent: Path | None = None


class Launcher(Protocol):
    """Makes runs. Every method may raise UserError or OSError, and then changes nothing."""

    def preset(self, name: str) -> Run:
        """A new run of a preset, with what the command line said."""

    def again(self, config: Config) -> Run:
        """A new run from the first step."""

    def branch(self, checkpoint: Path) -> Run:
        """A new run that begins as its parent was at a checkpoint, waiting for an edit."""

    def resume(self, folder: Path, *, paused: bool) -> Run:
        """Go on in a run directory whose trainer is gone, from its newest checkpoint."""
