"""The progress of a sweep's points during training, read from their run directories."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Self

from grok_tui.runs.latest import Reached, reached
from grok_tui.sweep.folder import SweepFolder, discard
from grok_tui.sweep.spec import Point
from grok_tui.text import duration

_OPEN = ("waiting", "cut off")


class SweepProgress:
    """The progress of a sweep in training.

    missing: the points that were still to be trained when it began. outcomes: of every point,
    by name, as of the last `look`. running: how far each unfinished point has come, by name.
    """

    def __init__(
        self, folder: SweepFolder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the directory as it is now; `begin` starts a sweep. Raises OSError."""
        self._folder, self._clock = folder, clock
        self.outcomes = {point.name: outcome for point, outcome in folder.outcomes()}
        self.missing = [p for p in folder.points if self.outcomes[p.name].state in _OPEN]
        self._before = {point.name: self.outcomes[point.name].steps for point in self.missing}
        self._started = clock()
        self.running: Mapping[str, Reached] = {}

    @classmethod
    def begin(
        cls,
        folder: SweepFolder,
        *,
        retry: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Begin or continue a sweep, and write `sweep.json`.

        retry: train failed points again; their runs are removed.
        Raises OSError, or RunError if a removed run is being written.
        """
        if retry:
            for point, outcome in folder.outcomes():
                if outcome.state == "failed":
                    folder.broken.pop(point.name, None)
                    discard(folder.run_of(point))
        progress = cls(folder, clock)
        progress.save()
        return progress

    def look(self) -> list[Point]:
        """Update the unfinished points; returns those that have ended since the last look.

        Raises OSError if `sweep.json` cannot be written.
        """
        ended, running = [], {}
        for point in self._open():
            outcome = self._folder.outcome(point)
            self.outcomes[point.name] = outcome
            if outcome.state not in _OPEN:
                ended.append(point)
            elif outcome.state == "cut off":
                running[point.name] = reached(self._folder.run_of(point))
        self.running = running
        if ended:
            self.save()
        return ended

    @property
    def ended(self) -> int:
        """How many of the missing points have ended."""
        return len(self.missing) - len(self._open())

    def left_text(self) -> str:
        """`, at most 0:52 left`; empty if that is unknown or nothing is left."""
        seconds = self.seconds_left()
        return f", at most {duration(seconds)} left" if seconds else ""

    def last_step(self, name: str) -> int:
        """The last known step of a point."""
        running = self.running.get(name)
        return running.step if running else self.outcomes[name].steps

    def share(self, point: Point) -> float:
        """The share of a point's training that is done, 0 to 1."""
        if self.outcomes[point.name].state not in _OPEN:
            return 1.0
        return self.last_step(point.name) / point.config.steps

    def seconds_left(self) -> float | None:
        """Seconds left if no run ends before its last step; None if that is unknown."""
        done = left = 0
        for point in self.missing:
            steps = self.last_step(point.name)
            done += steps - self._before[point.name]
            if self.outcomes[point.name].state in _OPEN:
                left += point.config.steps - steps
        passed = self._clock() - self._started
        return passed * left / done if done > 0 else None

    def _open(self) -> list[Point]:
        return [p for p in self.missing if self.outcomes[p.name].state in _OPEN]

    def save(self) -> None:
        """Write the outcomes of all points. Raises OSError."""
        self._folder.save((point, self.outcomes[point.name]) for point in self._folder.points)
