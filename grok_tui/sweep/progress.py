"""The progress of a sweep's points while they are trained, as their directories say."""

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
    """A sweep under way.

    missing: the points that were to be trained when it began. outcomes: of every point, by
    name, as of the last look. running: how far those have come that have begun and not ended.
    """

    def __init__(
        self, folder: SweepFolder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Of the directory as it is now; `begin` is how a sweep starts. Raises OSError."""
        self._folder, self._clock = folder, clock
        self.outcomes = {point.name: found for point, found in folder.outcomes()}
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
        """Begin to train what is missing, or continue.

        retry: failed points are missing, too; their runs are removed. Raises OSError.
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
        """Look at the missing points that have not ended; returns those that now have.

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
        """`, at most 0:52 left`, empty if that is unknown or nothing is left."""
        seconds = self.seconds_left()
        return f", at most {duration(seconds)} left" if seconds else ""

    def last_step(self, name: str) -> int:
        """How far a point has come."""
        found = self.running.get(name)
        return found.step if found else self.outcomes[name].steps

    def share(self, point: Point) -> float:
        """How far a point has come, 0 to 1."""
        if self.outcomes[point.name].state not in _OPEN:
            return 1.0
        return self.last_step(point.name) / point.config.steps

    def seconds_left(self) -> float | None:
        """At most, if no run groks before its steps are used up; None if that is unknown."""
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
        """Write what became of the points. Raises OSError."""
        self._folder.save((point, self.outcomes[point.name]) for point in self._folder.points)
