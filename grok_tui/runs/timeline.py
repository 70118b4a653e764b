"""The timeline of a run: when each of its steps happened, without pauses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.protocol.events import Failed, Paused, Started, Stopped

# The speed of a run whose times are unknown, in steps per second.
_DEFAULT_RATE = 60.0
_WAITING = (Paused.name, Stopped.name, Failed.name)


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Seconds of training at some steps, interpolated linearly in between.

    steps, seconds: (n,), n >= 2, ascending.
    """

    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def seconds_at(self, step: float) -> float:
        """Seconds of training up to a step."""
        return _along(self.steps, self.seconds, step)

    def step_at(self, seconds: float) -> float:
        """The step reached after some seconds of training."""
        return _along(self.seconds, self.steps, seconds)

    @staticmethod
    def of(lines: Iterable[Mapping[str, Any]]) -> Timeline:
        """The timeline from lines of `events.jsonl`, with `step`, `time` and `event`."""
        steps, seconds = [0.0], [0.0]
        elapsed, since = 0.0, None
        for line in lines:
            kind, now = line["event"], float(line["time"])
            if since is not None and kind != Started.name:
                elapsed += max(0.0, now - since)
            since = None if kind in _WAITING else now
            if line["step"] > steps[-1] and elapsed > seconds[-1]:
                steps.append(float(line["step"]))
                seconds.append(elapsed)
        if len(steps) == 1:
            steps.append(_DEFAULT_RATE)
            seconds.append(1.0)
        return Timeline(np.array(steps), np.array(seconds))


def _along(xs: NDArray[np.float64], ys: NDArray[np.float64], x: float) -> float:
    """The y at x, interpolated; beyond the last point, extrapolated with the mean slope."""
    if x <= xs[-1]:
        return float(np.interp(x, xs, ys))
    return float(ys[-1] + (x - xs[-1]) * (ys[-1] - ys[0]) / (xs[-1] - xs[0]))
