"""Append-only series of numbers over steps, cheap to extend and safe to share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grok_tui.doctor import Curve


class _Store:
    """A fixed buffer of steps and values, (2, capacity); `used`: how many are written."""

    def __init__(self, capacity: int) -> None:
        self.data = np.empty((2, capacity), dtype=np.float64)
        self.used = 0


@dataclass(frozen=True, slots=True)
class Series:
    """Values at ascending steps; extending a series leaves the original unchanged.

    Copies share one buffer, of which each sees its own length, so that replacing the state at
    every event does not copy its history.
    """

    length: int = 0
    _store: _Store = field(default_factory=lambda: _Store(256), repr=False, compare=False)

    @property
    def steps(self) -> NDArray[np.float64]:
        """(length,)"""
        return self._store.data[0, : self.length]

    @property
    def values(self) -> NDArray[np.float64]:
        """(length,)"""
        return self._store.data[1, : self.length]

    @property
    def last(self) -> float | None:
        return float(self.values[-1]) if self.length else None

    def curve(self) -> Curve:
        """The series as the doctor's type."""
        return Curve(self.steps, self.values)

    def at(self, step: float) -> tuple[int, float] | None:
        """Step and value of the newest point at or before a step; None if there is none."""
        before = int(np.searchsorted(self.steps, step, "right"))
        if not before:
            return None
        return int(self.steps[before - 1]), float(self.values[before - 1])

    def extended(self, steps: NDArray[np.generic], values: NDArray[np.generic]) -> Series:
        """The series with more points at its end. steps, values: (n,)"""
        store, end = self._store, self.length + len(steps)
        if store.used != self.length or end > store.data.shape[1]:
            # Another copy was extended already, or the buffer is full: copy this part.
            grown = _Store(max(256, 2 * end))
            grown.data[:, : self.length] = store.data[:, : self.length]
            store = grown
        store.data[0, self.length : end] = steps
        store.data[1, self.length : end] = values
        store.used = end
        return Series(end, store)

    def appended(self, step: int, value: float) -> Series:
        """The series with one more point at its end."""
        return self.extended(np.array([step]), np.array([value]))
