"""Where a replay is and how it goes on: a position that moves as fast as the run did."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grok_tui.runs.timeline import Timeline
from grok_tui.sources.recording import Recording
from grok_tui.view.state import Playback, SessionState

# Times as fast as the run was.
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# What sums of times may lack to a whole step.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Player:
    """A position in a run of `last` steps: `at`, which lies between two steps as a rule."""

    timeline: Timeline
    last: int
    at: float = 0.0
    speed: float = 1.0
    playing: bool = True

    @property
    def step(self) -> int:
        """The newest step that has happened."""
        return int(self.at + _ROUNDING)

    @property
    def seconds_left(self) -> float:
        """Seconds to the end at this speed."""
        seconds = self.timeline.seconds_at(self.last) - self.timeline.seconds_at(self.at)
        return max(0.0, seconds) / self.speed

    def after(self, seconds: float) -> Player:
        """Some seconds later."""
        if not self.playing:
            return self
        at = self.timeline.step_at(self.timeline.seconds_at(self.at) + seconds * self.speed)
        at = max(at, self.at)  # rounding must not turn it back
        return replace(self, at=min(at, self.last), playing=at < self.last)

    def toggled(self) -> Player:
        """Paused, or playing again; from the start if it was at the end."""
        at = 0.0 if not self.playing and self.at >= self.last else self.at
        return replace(self, at=at, playing=not self.playing)

    def paused(self) -> Player:
        return replace(self, playing=False)

    def sought(self, step: float) -> Player:
        """At another step; playing goes on if it did."""
        at = float(max(0, min(step, self.last)))
        return replace(self, at=at, playing=self.playing and at < self.last)

    def moved(self, steps: int) -> Player:
        """Some steps further, or back, and paused."""
        return self.paused().sought(self.step + steps)

    def faster(self, notches: int) -> Player:
        """At the next of `SPEEDS`, or with a negative number of notches at a lower one."""
        here = min(SPEEDS, key=lambda speed: abs(speed - self.speed))
        at = SPEEDS.index(here) + notches
        return replace(self, speed=SPEEDS[max(0, min(at, len(SPEEDS) - 1))])


def shown(recording: Recording, player: Player) -> SessionState:
    """What the screens show of a recorded run at a player's position.

    Raises UserError or OSError.
    """
    state, timeline = recording.state_at(player.step), recording.timeline
    word = state.word
    if player.at < player.last or not state.ended:
        word = "RUNNING" if player.playing else "PAUSED"
    return replace(
        state,
        word=word,
        step_seconds=timeline.seconds_at(player.step + 1) - timeline.seconds_at(player.step),
        playback=Playback(player.speed, player.last, player.seconds_left),
    )
