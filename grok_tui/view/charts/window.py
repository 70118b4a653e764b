"""The part of a history that the charts show, as an immutable value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

# The first and last step of a whole history, or of a window on it.
Steps = tuple[float, float]
Smoothing = Literal["none", "light", "strong"]

# The recent view shows this share of the steps, the newest, and at least this many steps.
RECENT_SHARE, RECENT_LEAST = 0.2, 50
# The closest zoom shows this many steps, or all if there are fewer.
CLOSEST = 10
_SMOOTHER: dict[Smoothing, Smoothing] = {"none": "light", "light": "strong", "strong": "none"}


@dataclass(frozen=True, slots=True)
class Axes:
    """Which axes of a chart are logarithmic."""

    log_x: bool = False
    log_y: bool = False


def place(step: float, *, log: bool) -> float:
    """The place of a step on its axis: log10 if logarithmic, where step 0 is drawn at 1."""
    return math.log10(max(1.0, step)) if log else step


def step_at(place: float, *, log: bool) -> float:
    """The step at a place on its axis."""
    return 10.0**place if log else place


def places(window: Steps, *, log: bool) -> tuple[float, float]:
    """The places of both ends of a window's axis, which always differ."""
    first, last = window
    return place(first, log=log), place(max(last, 2.0) if log else last, log=log)


@dataclass(frozen=True, slots=True)
class ChartView:
    """A window on the steps, a crosshair, and how smooth the curves are.

    span: all steps, the recent ones, or a number of steps. end: the last step of the window;
    None follows the newest. crosshair: its step, None if hidden.
    """

    span: Literal["all", "recent"] | float = "all"
    end: float | None = None
    crosshair: int | None = None
    smoothing: Smoothing = "none"

    def window(self, history: Steps) -> Steps:
        """The first and last step in view."""
        oldest, newest = history
        end = newest if self.end is None else min(self.end, newest)
        span = self.span
        if span == "all":
            first = oldest
        elif span == "recent":
            first = max(oldest, end - max(RECENT_LEAST, RECENT_SHARE * (end - oldest)))
        else:
            first = max(oldest, end - span)
        return first, max(first + 1, end)

    # --- the window -----------------------------------------------------------------------

    def recent_or_all(self, history: Steps) -> ChartView:
        """Switch between the recent steps and all; a held window is held at the newest step."""
        end = None if self.end is None else history[1]
        return replace(self, span="recent" if self.span == "all" else "all", end=end)

    def held_or_following(self, history: Steps) -> ChartView:
        """Switch between holding the window where it is and following the newest step."""
        return replace(self, end=self.window(history)[1] if self.end is None else None)

    def at_oldest(self, history: Steps) -> ChartView:
        """The same number of steps, starting at the oldest."""
        first, last = self.window(history)
        return self._between(history[0], history[0] + last - first, history)

    def at_newest(self) -> ChartView:
        """Follow the newest step."""
        return replace(self, end=None)

    def zoomed(
        self, factor: float, history: Steps, *, log: bool, about: float | None = None
    ) -> ChartView:
        """Narrow the window by `factor` (below 1 widens it), keeping step `about` in place.

        log: whether the axis is logarithmic. about: None for the newest step if it is
        followed, else the middle.
        """
        first, last = places(self.window(history), log=log)
        if about is not None:
            fixed = min(max(place(about, log=log), first), last)
        else:
            fixed = last if self.end is None else (first + last) / 2
        return self._between(
            step_at(fixed - (fixed - first) / factor, log=log),
            step_at(fixed + (last - fixed) / factor, log=log),
            history,
        )

    def panned(self, share: float, history: Steps, *, log: bool) -> ChartView:
        """Move the window by a share of its width, to the right if positive."""
        first, last = places(self.window(history), log=log)
        oldest, newest = places(history, log=log)
        shift = min(max(share * (last - first), oldest - first), newest - last)
        if not shift:
            return self
        return self._between(
            step_at(first + shift, log=log), step_at(last + shift, log=log), history
        )

    def _between(self, first: float, last: float, history: Steps) -> ChartView:
        """The window of whole steps nearest to this one within the history."""
        oldest, newest = history
        length = max(CLOSEST, round(last - first))
        if length >= newest - oldest:
            return replace(self, span="all", end=None if self.end is None else newest)
        middle = (first + last) / 2
        end = min(max(float(round(middle + length / 2)), oldest + length), newest)
        follows = self.end is None and end == newest
        return replace(self, span=float(length), end=None if follows else end)

    # --- the crosshair --------------------------------------------------------------------

    def with_crosshair(self, step: float | None, history: Steps) -> ChartView:
        """Put the crosshair at the nearest whole step; None hides it."""
        if step is None:
            return replace(self, crosshair=None)
        oldest, newest = history
        return replace(self, crosshair=round(min(max(step, oldest), newest)))

    def crosshair_moved(self, share: float, history: Steps, *, log: bool) -> ChartView:
        """Move the crosshair by a share of the window's width, at least one step.

        The window moves along if needed. A crosshair out of view goes to the nearest edge;
        a hidden one appears at the last step in view.
        """
        first, last = self.window(history)
        at = self.crosshair
        if at is None or at > last:
            return self.with_crosshair(last, history)
        if at < first:
            return self.with_crosshair(first, history)
        low, high = places(self.window(history), log=log)
        step = step_at(place(at, log=log) + share * (high - low), log=log)
        step = max(step, at + 1) if share > 0 else min(step, at - 1)
        return self.with_crosshair(step, history)._reaching(history, log=log)

    def _reaching(self, history: Steps, *, log: bool) -> ChartView:
        """Pan the window just far enough to show the crosshair."""
        assert self.crosshair is not None
        low, high = places(self.window(history), log=log)
        at = place(self.crosshair, log=log)
        beyond = min(0.0, at - low) + max(0.0, at - high)
        return self.panned(beyond / (high - low), history, log=log) if beyond else self

    # --- the curves -----------------------------------------------------------------------

    def smoother(self) -> ChartView:
        """The next degree of smoothing; none after strong."""
        return replace(self, smoothing=_SMOOTHER[self.smoothing])
