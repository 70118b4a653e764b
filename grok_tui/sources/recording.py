"""A recorded run as states: what a session showed after any of its steps."""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from grok_tui.config.schema import Config
from grok_tui.protocol.events import Event, Losses
from grok_tui.runs.reader import completed, event_lines, outline, recorded
from grok_tui.runs.timeline import Timeline
from grok_tui.view.state import Mark, SessionState, reduce

# States kept along a run, so that going back does not start from the beginning.
KEPT_STATES = 64


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The state after the first `done` events, which belong to steps up to `step`."""

    done: int
    step: int
    state: SessionState


def recorded_state(folder: Path, step: int | None = None) -> SessionState:
    """The state of a recorded run after `step`, or at its end.

    Raises UserError or OSError.
    """
    config, events = recorded(folder, step)
    return functools.reduce(reduce, events, SessionState(config))


class Recording:
    """A run directory, read once; moving forward reduces only the events in between.

    last: the last step. timeline: when each step happened. phases: the marks of its changes
    of phase, oldest first.
    """

    def __init__(
        self, folder: Path, config: Config, events: Sequence[Event], timeline: Timeline
    ) -> None:
        self.folder, self._config, self._events = folder, config, events
        self._steps = [_step(event) for event in self._events]
        self.last = max(self._steps, default=0)
        self.timeline = timeline
        start = SessionState(self._config.model_dump(mode="json"))
        self._kept = [_Kept(0, 0, start)]
        self._newest = self._kept[0]
        self.phases = _phases(self._events, start)

    @classmethod
    def open(cls, folder: Path) -> Recording:
        """Read a run. Raises RunError, ConfigError or OSError."""
        config, events = outline(folder)
        return cls(folder, config, list(events), Timeline.of(event_lines(folder)))

    def state_at(self, step: int) -> SessionState:
        """The state after all that happened up to `step`. Raises UserError or OSError.

        Its pairs are from the newest evaluation at a step that was also analyzed.
        """
        before = self._nearest(step)
        end = bisect_right(self._steps, step, lo=before.done)
        state = before.state
        for at in range(before.done, end):
            state = reduce(state, completed(self.folder, self._config, self._events[at]))
            self._keep(_Kept(at + 1, self._steps[at], state))
        self._newest = _Kept(end, step, state)
        # One losses event covers many steps and comes after the other events of those steps.
        later = (
            event for event in islice(self._events, end, None) if isinstance(event, Losses)
        )
        if (next_losses := next(later, None)) and next_losses.first_step <= step:
            state = reduce(state, _up_to(next_losses, step))
        return state

    def _nearest(self, step: int) -> _Kept:
        """The latest kept state that is not after `step`."""
        if self._kept[-1].step <= self._newest.step <= step:
            return self._newest
        return self._kept[bisect_right(self._kept, step, key=lambda kept: kept.step) - 1]

    def _keep(self, new: _Kept) -> None:
        """Keep a state if it is far enough from the one before."""
        if new.step - self._kept[-1].step >= max(1, self.last // KEPT_STATES):
            self._kept.append(new)


def _step(event: Event) -> int:
    return int(getattr(event, "step", 0))


def _up_to(losses: Losses, step: int) -> Losses:
    """The losses of steps up to `step`."""
    return replace(losses, train_loss=losses.train_loss[: step - losses.first_step + 1])


def _phases(events: Iterable[Event], start: SessionState) -> tuple[Mark, ...]:
    """The marks of all changes of phase; skips the frequent events, for speed."""
    state = start
    for event in events:
        if event.name in ("phase", "started"):
            state = reduce(state, event)
    return tuple(mark for mark in state.marks if mark.kind == "phase")
