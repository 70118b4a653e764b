"""Measures how soon a session paints its first frame and the effect of a key."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.processes import ENVIRONMENT, temporary_folder
from benchmarks.results import Limit, Result, alone
from benchmarks.rounds import say
from benchmarks.terminal import Picture, Terminal

# `q` opens and closes the dialog with this text. (Not escape, after which the program must
# wait for a possible longer sequence.)
KEY, DIALOG = "q", "End this run?"
# Presses while training, over all rounds.
PRESSES = 60
PAUSE_SECONDS = (0.2, 0.6)
# Time limits for painting the last press, for starting a session and for compiling.
LAST_SECONDS, START_SECONDS, COMPILE_SECONDS = 2.0, 20.0, 120.0

_MS = 1e3


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from the command to the first frame, and from each key press to its paint."""

    first_frame: float
    compiling: list[float]
    training: list[float]


def measure_latency(device: str, rounds: int) -> list[Result]:
    """Measure one session per round, each with its share of the presses."""
    count = -(-PRESSES // (2 * rounds)) * 2  # an even number, so that the dialog ends closed
    sessions = []
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: pressing keys in a session ...")
        sessions.append(_session(device, count, seed=number))
    first_frame = statistics.median(session.first_frame for session in sessions)
    return [
        alone("session, first frame", first_frame, "s", Limit(1)),
        *_results("compiling", [s for session in sessions for s in session.compiling]),
        *_results("training", [s for session in sessions for s in session.training]),
    ]


def _session(device: str, count: int, seed: int) -> Delays:
    """Measure a session with an empty cache, so that compiling takes as long as possible."""
    moments = np.random.default_rng(seed)
    with temporary_folder() as folder:
        environment = {**ENVIRONMENT, "XDG_CACHE_HOME": str(folder / "cache")}
        terminal = Terminal(folder, ["--preset", "quick", "--device", device], environment)
        try:
            terminal.await_text("COMPILING", START_SECONDS)
            compiling = _press(terminal, moments, lambda _: not terminal.sent("RUNNING"))
            terminal.await_text("RUNNING", COMPILE_SECONDS)
            training = _press(terminal, moments, lambda done: done < count)
            time.sleep(LAST_SECONDS)
            chunks = [*terminal.chunks]
        finally:
            terminal.leave()
    picture = Picture(chunks)
    first = picture.painted(lambda text: bool(text.strip()), 0.0) - terminal.started
    return Delays(first, _delays(picture, compiling), _delays(picture, training))


def _press(
    terminal: Terminal, moments: np.random.Generator, going: Callable[[int], bool]
) -> list[float]:
    """Open and close the dialog at random moments; returns these, and leaves it closed."""
    pressed: list[float] = []
    while len(pressed) % 2 or going(len(pressed)):
        time.sleep(moments.uniform(*PAUSE_SECONDS))
        pressed.append(terminal.press(KEY))
    return pressed


def _delays(picture: Picture, pressed: list[float]) -> list[float]:
    """Seconds from each press to its paint; presses open and close the dialog in turn."""
    return [
        picture.painted(partial(_dialog_is, shown=number % 2 == 0), moment) - moment
        for number, moment in enumerate(pressed)
    ]


def _dialog_is(text: str, *, shown: bool) -> bool:
    return (DIALOG in text) == shown


def _results(when: str, delays: list[float]) -> list[Result]:
    if len(delays) < 2:
        say(f"too few key presses while {when} to say anything")
        return []
    ms = sorted(_MS * delay for delay in delays)
    percentile = statistics.quantiles(ms, n=20, method="inclusive")[-1]
    what = f"key to paint, {when}"
    return [
        alone(f"{what}, median of {len(ms)}", statistics.median(ms), "ms"),
        alone(f"{what}, 95th percentile", percentile, "ms", Limit(100)),
        alone(f"{what}, slowest", ms[-1], "ms"),
    ]
