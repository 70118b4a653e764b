"""Timing on a noisy machine: the things to compare take turns, and medians are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

from rich.console import Console

# After a product, idle threads of OpenBLAS and OpenMP keep spinning for about 30 ms, which
# must not slow down the next turn.
SETTLE_SECONDS = 0.1
_progress = Console(stderr=True, highlight=False, markup=False)


def say(line: str) -> None:
    """Print progress on standard error; standard output is for the results."""
    _progress.print(line, soft_wrap=True)


def turn(call: Callable[[], object], calls: int) -> float:
    """Seconds per call over `calls` calls, after a pause and one untimed call."""
    time.sleep(SETTLE_SECONDS)
    call()
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def medians(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each measurement over the rounds; each has one turn per round."""
    values: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: {', '.join(measures)}")
        for name, measure in measures.items():
            values[name].append(measure())
    return {name: statistics.median(seconds) for name, seconds in values.items()}
