"""Choosing between all of OpenBLAS's threads and one, by the time that steps take.

A product takes as long as its slowest thread: if one core of two is busy with something else, a
step can be ten times slower, while a single thread would lose nothing. Small models are faster
on one thread anyway. The choice is made only where results are bit for bit the same on any
number of threads (`device.openblas`).
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

from threadpoolctl import ThreadpoolController

from grok_tui.device.openblas import set_threads, shared_rows, usable_cores

# Steps timed before deciding.
WINDOW = 5
# If steps are this many times slower than the fastest so far, the next trial comes early.
CROWDED = 2.0
# Seconds until the next trial: doubled if it changes nothing, reset if it does.
FIRST_LOOK, LAST_LOOK = 5.0, 80.0


def keep_numpy_on_one_thread() -> None:
    """Limit NumPy's OpenBLAS, which is not that of the training step, to one thread.

    Its threads spin for a while after every product, on the cores that training needs.
    """
    for library in ThreadpoolController().lib_controllers:
        if "numpy" in library.filepath:
            library.set_num_threads(1)


class ThreadKeeper:
    """Tries the other number of threads for a few steps now and then, and keeps the faster.

    all_threads: how many there are; with 1, nothing is ever tried. set_threads: sets the
    number of threads used. clock: returns seconds.
    """

    def __init__(
        self,
        all_threads: int,
        set_threads: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._all, self._set, self._clock = all_threads, set_threads, clock
        self._now = all_threads
        self._times = {n: deque[float](maxlen=WINDOW) for n in (1, all_threads)}
        self._fastest = {n: float("inf") for n in (1, all_threads)}
        self._trying = False
        self._wait = FIRST_LOOK
        self._next_look = clock() + FIRST_LOOK

    def record(self, seconds_per_step: float) -> None:
        """Note the time of a step; may change the number of threads for the next one."""
        if self._all == 1:
            return
        times = self._times[self._now]
        times.append(seconds_per_step)
        self._fastest[self._now] = min(self._fastest[self._now], seconds_per_step)
        if len(times) < WINDOW:
            return
        if self._trying:
            self._choose()
        elif self._clock() >= self._next_look or self._crowded():
            self._trying = True
            self._switch()

    @property
    def _other(self) -> int:
        return 1 if self._now == self._all else self._all

    def _crowded(self) -> bool:
        slow = statistics.median(self._times[self._now]) > CROWDED * self._fastest[self._now]
        # Not within FIRST_LOOK of the last trial, or a slow machine would be trying constantly.
        return slow and self._clock() >= self._next_look - self._wait + FIRST_LOOK

    def _choose(self) -> None:
        self._trying = False
        median = {n: statistics.median(times) for n, times in self._times.items()}
        better = median[self._now] < median[self._other]
        self._wait = FIRST_LOOK if better else min(2 * self._wait, LAST_LOOK)
        self._next_look = self._clock() + self._wait
        if not better:
            self._switch()

    def _switch(self) -> None:
        self._now = self._other
        self._times[self._now].clear()
        self._set(self._now)


def thread_keeper(device: str) -> ThreadKeeper:
    """The thread keeper of a device; it tries nothing where results would change."""
    choice = device.startswith("CPU") and shared_rows() > 0
    return ThreadKeeper(usable_cores() if choice else 1, set_threads)
