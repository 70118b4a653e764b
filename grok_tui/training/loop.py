"""Helpers of the training loops: how many steps to train at a time, and where time went."""

from __future__ import annotations

import time
from collections.abc import Mapping

from grok_tui.config.schema import Config
from grok_tui.training.schedule import SCHEDULE_LENGTH

# How long to train between two looks at the inbox; a screen is updated 8 times a second.
CHUNK_SECONDS = 0.1
# Weight of the newest chunk in the running mean of the time per step.
_NEWEST = 0.3


class ChunkLength:
    """Picks how many steps take about `CHUNK_SECONDS`, from the time of earlier chunks."""

    def __init__(self) -> None:
        self._seconds_per_step: float | None = None
        self._steps, self._seconds = 0, 0.0

    def length(self, at_most: int) -> int:
        """The number of steps to train next, from 1 to `at_most`."""
        if self._seconds_per_step is None:
            return 1
        return max(
            1, min(at_most, SCHEDULE_LENGTH, int(CHUNK_SECONDS / self._seconds_per_step))
        )

    def record(self, count: int, seconds: float) -> None:
        """Note that `count` steps took `seconds`."""
        now, before = seconds / count, self._seconds_per_step
        self._seconds_per_step = now if before is None else before + _NEWEST * (now - before)
        self._steps += count
        self._seconds += seconds

    def rate(self) -> float:
        """Steps per second so far; 0 before the first chunk."""
        return self._steps / self._seconds if self._seconds else 0.0


class StopWatch:
    """Seconds spent, by name, including earlier sittings of the run.

    `wall` runs by itself; time is added to `compile`, `eval`, `analysis` and `save`.
    """

    def __init__(self, before: Mapping[str, float]) -> None:
        names = ("wall", "compile", "eval", "analysis", "save")
        self.seconds = {**dict.fromkeys(names, 0.0), **before}
        self._started = time.perf_counter()

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] += seconds

    @property
    def work(self) -> float:
        """Seconds of evaluations, analyses and saved checkpoints."""
        return sum(self.seconds[name] for name in ("eval", "analysis", "save"))

    def total(self) -> dict[str, float]:
        """The seconds by name up to now."""
        now = time.perf_counter()
        return {**self.seconds, "wall": self.seconds["wall"] + now - self._started}


def evaluation_due(config: Config, step: int) -> bool:
    """Whether the weights after `step` updates are evaluated; those of the last step are."""
    return step % config.eval_every == 0 or step == config.steps


def steps_to_boundary(config: Config, step: int) -> int:
    """Steps from `step` to the next evaluation, analysis, checkpoint or the end."""
    rhythms = (config.eval_every, config.analyze_every, config.checkpoint_every)
    return min(config.steps - step, *(n - step % n for n in rhythms))
