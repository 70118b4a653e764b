"""How fast a run goes, and how long its remaining steps will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# The means are over this many seconds of work.
WINDOW = 30.0
# Work is summed up over this many seconds, and leaves the window as one.
_SPAN = 1.0
# What a run does besides its steps, the field that says how often, and whether it is also done
# at the last step.
_RHYTHMS = (
    ("evaluation", "eval_every", True),
    ("analysis", "analyze_every", False),
    ("checkpoint", "checkpoint_every", True),
)

# How often each kind of work was done, and the seconds that it took.
_Span = Mapping[str, tuple[int, float]]


@dataclass(frozen=True, slots=True)
class RecentSpeed:
    """The work of the last `WINDOW` seconds of training; time in which a run waits is none.

    spans: the work of about a second each, oldest first. newest: seconds that a step, an
    evaluation, an analysis and a checkpoint took when last done.
    """

    spans: tuple[_Span, ...] = ()
    newest: Mapping[str, float] = field(default_factory=dict)

    def after(self, kind: str, seconds: float, count: int = 1) -> RecentSpeed:
        """With `count` more of a kind of work; 0 seconds means unknown, as in recordings."""
        if not seconds:
            return self
        spans = list(self.spans)
        span = spans.pop() if spans and _seconds(spans[-1:]) < _SPAN else {}
        done, took = span.get(kind, (0, 0.0))
        spans.append({**span, kind: (done + count, took + seconds)})
        while _seconds(spans[1:]) >= WINDOW:
            del spans[0]
        return RecentSpeed(tuple(spans), {**self.newest, kind: seconds / count})

    def steps_per_second(self, config: Mapping[str, Any]) -> float | None:
        """Steps per second, with the evaluations, analyses and checkpoints between them.

        None before the first step. config: known fields.
        """
        step = self._each("step")
        others = (self._each(kind) / every for kind, every, _ in _rhythms(config))
        return 1 / (step + sum(others)) if step else None

    def seconds_left(self, config: Mapping[str, Any], step: int) -> float | None:
        """Seconds from `step` to the end of the run; None if that is not known yet."""
        each, last = self._each("step"), config.get("steps")
        if last is None or not each:
            return None
        if step >= last:
            return 0.0
        others = (
            (last // every - step // every + (at_end and last % every > 0)) * self._each(kind)
            for kind, every, at_end in _rhythms(config)
        )
        return float((last - step) * each + sum(others))

    def _each(self, kind: str) -> float:
        """Mean seconds of a kind of work, 0 if it was never done."""
        done = [span[kind] for span in self.spans if kind in span]
        if not done:
            return self.newest.get(kind, 0.0)
        return sum(seconds for _, seconds in done) / sum(count for count, _ in done)


def _seconds(spans: Sequence[_Span]) -> float:
    return sum(seconds for span in spans for _, seconds in span.values())


def _rhythms(config: Mapping[str, Any]) -> list[tuple[str, int, bool]]:
    """As in `_RHYTHMS`, with the steps from one to the next."""
    return [(kind, int(config.get(name) or 1), at_end) for kind, name, at_end in _RHYTHMS]
