"""The position of a replay, which moves at a multiple of the run's own speed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grok_tui.runs.timeline import Timeline
from grok_tui.sources.recording import Recording
from grok_tui.view.state import Playback, SessionState

# Multiples of the run's own speed.
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# Rounding error, in steps, of positions computed from times.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Player:
    """A position in a run of `last` steps: `at`, usually between two steps."""

    timeline: Timeline
    last: int
    at: float = 0.0
    speed: float = 1.0
    playing: bool = True

    @property
    def step(self) -> int:
        """The last step at or before the position."""
        return int(self.at + _ROUNDING)

    @property
    def seconds_left(self) -> float:
        """Seconds to the end at the present speed."""
        seconds = self.timeline.seconds_at(self.last) - self.timeline.seconds_at(self.at)
        return max(0.0, seconds) / self.speed

    def after(self, seconds: float) -> Player:
        """The player `seconds` later."""
        if not self.playing:
            return self
        at = self.timeline.step_at(self.timeline.seconds_at(self.at) + seconds * self.speed)
        at = max(at, self.at)  # rounding must not move it back
        return replace(self, at=min(at, self.last), playing=at < self.last)

    def toggled(self) -> Player:
        """Paused if it was playing; else playing, from the start if it was at the end."""
        at = 0.0 if not self.playing and self.at >= self.last else self.at
        return replace(self, at=at, playing=not self.playing)

    def paused(self) -> Player:
        return replace(self, playing=False)

    def sought(self, step: float) -> Player:
        """At another step, still playing if it was."""
        at = float(max(0, min(step, self.last)))
        return replace(self, at=at, playing=self.playing and at < self.last)

    def moved(self, steps: int) -> Player:
        """Paused, and `steps` further on; back if negative."""
        return self.paused().sought(self.step + steps)

    def faster(self, notches: int) -> Player:
        """`notches` up in `SPEEDS` from the nearest of them; down if negative."""
        nearest = min(SPEEDS, key=lambda speed: abs(speed - self.speed))
        at = SPEEDS.index(nearest) + notches
        return replace(self, speed=SPEEDS[max(0, min(at, len(SPEEDS) - 1))])


def shown(recording: Recording, player: Player) -> SessionState:
    """The state of a recorded run at a player's position. Raises UserError or OSError."""
    state, timeline, step = recording.state_at(player.step), recording.timeline, player.step
    word = state.word
    if player.at < player.last or not state.ended:
        word = "PLAYING" if player.playing else "PAUSED"
    each = timeline.seconds_at(step + 1) - timeline.seconds_at(step)
    rate = 1 / each if each else None
    playback = Playback(player.speed, player.last, player.seconds_left, rate)
    return replace(state, word=word, playback=playback)
