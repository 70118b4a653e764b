"""Measures whole runs of the installed program: compiling, headless, in a session, to grok."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.processes import (
    ENVIRONMENT,
    SAMPLE_SECONDS,
    PeakMemory,
    Run,
    headless,
    read_summary,
    temporary_folder,
)
from benchmarks.results import Limit, NotMeasuredError, Result, alone, compared
from benchmarks.rounds import say
from benchmarks.terminal import Picture, Terminal

STEPS = 300
# Time limit for these steps in a session.
SESSION_SECONDS = 300.0
SESSION_SHARE = Limit(0.90, at_least=True)
SESSION_MEMORY = Limit(700)
# The default `analyze_every`, and the share of the training time that analyses may take.
ANALYZE_EVERY = 100
ANALYSIS_SHARE = Limit(0.15)


def measure_compile(device: str, rounds: int) -> list[Result]:
    """Measure compiling with an empty cache, then again with the cache that this filled."""
    cold: list[float] = []
    warm: list[float] = []
    for number in range(1, rounds + 1):
        with temporary_folder() as cache:
            environment = {**ENVIRONMENT, "XDG_CACHE_HOME": str(cache)}
            for seconds, word in ((cold, "cold"), (warm, "warm")):
                say(f"round {number} of {rounds}: compiling, {word} ...")
                run = headless([*_quick(device), "--steps", "1"], environment)
                seconds.append(float(run.summary["compile_seconds"]))
    return [
        alone("compiling, empty cache", statistics.median(cold), "s", Limit(15)),
        alone("compiling, warm cache", statistics.median(warm), "s", Limit(6)),
    ]


def measure_runs(device: str, rounds: int, which: Sequence[str]) -> list[Result]:
    """Measure the sections in `which`, `record` and `session`, in turns."""
    arguments = [*_quick(device), "--steps", str(STEPS)]
    runs: dict[str, list[Run]] = {name: [] for name in which}
    for number in range(1, rounds + 1):
        for name, ended in runs.items():
            say(f"round {number} of {rounds}: {STEPS} steps, {name} ...")
            ended.append(headless(arguments) if name == "record" else _session(arguments))
    return [result for name in which for result in _run_results(name, runs)]


def measure_grok(device: str, rounds: int) -> list[Result]:
    """Measure from the start of the command to its end at grokking."""
    runs = []
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: training until it groks ...")
        run = headless([*_quick(device), "--stop-when", "grokked"])
        if not run.summary["grokked"]:
            raise NotMeasuredError("the preset quick did not grok")
        runs.append(run)
    seconds = statistics.median(run.seconds for run in runs)
    step = statistics.median(int(run.summary["grok_step"]) for run in runs)
    return [
        alone("quick, start to grokked", seconds, "s", Limit(60)),
        alone("quick, groks at", step, "steps"),
    ]


def _quick(device: str) -> list[str]:
    return ["--preset", "quick", "--device", device]


def _session(arguments: Sequence[str]) -> Run:
    """Run in a session whose output is not drawn, since drawing would cost time."""
    with temporary_folder() as folder:
        terminal = Terminal(folder, arguments, ENVIRONMENT)
        memory = PeakMemory(terminal.pid)
        try:
            summary = _await_summary(terminal, memory, folder)
            seconds = time.perf_counter() - terminal.started
            return Run(read_summary(summary.parent), seconds, memory.megabytes)
        finally:
            terminal.leave()


def _await_summary(terminal: Terminal, memory: PeakMemory, folder: Path) -> Path:
    """Wait for the summary of the only run in the folder. Raises NotMeasuredError."""
    end = terminal.started + SESSION_SECONDS
    while time.perf_counter() < end and not terminal.closed:
        memory.sample()
        if summaries := [*folder.glob("runs/*/summary.json")]:
            return summaries[0]
        time.sleep(SAMPLE_SECONDS)
    say(Picture(terminal.chunks).rest())
    raise NotMeasuredError(f"the session wrote no summary within {SESSION_SECONDS:g} s")


def _run_results(name: str, runs: Mapping[str, list[Run]]) -> list[Result]:
    """The results of `record` or `session`; the rates of `session` against `record`."""
    word = {"record": "headless", "session": "in a session"}[name]
    theirs = runs.get("record", []) if name == "session" else []
    results = [
        _rate(f"{word}, end to end", runs[name], theirs, _end_to_end, SESSION_SHARE),
        _rate(f"{word}, training only", runs[name], theirs, _training_only, None),
        _analysis(word, runs[name]),
    ]
    megabytes = statistics.median(run.megabytes for run in runs[name])
    if megabytes:  # 0 if it cannot be measured
        limit = SESSION_MEMORY if name == "session" else None
        results.append(alone(f"{word}, peak memory", megabytes, "MB", limit))
    return results


def _rate(
    what: str,
    ours: list[Run],
    theirs: list[Run],
    rate: Callable[[Run], float],
    limit: Limit | None,
) -> Result:
    median = statistics.median(map(rate, ours))
    if not theirs:
        return alone(what, median, "steps/s")
    other = statistics.median(map(rate, theirs))
    return compared(what, median, "headless", other, unit="steps/s", limit=limit)


def _analysis(word: str, runs: list[Run]) -> Result:
    """The time of an analysis against that of the training steps between two of them."""
    analyses = STEPS // ANALYZE_EVERY
    one = statistics.median(run.summary["analysis_seconds"] / analyses for run in runs)
    steps = statistics.median(ANALYZE_EVERY / _training_only(run) for run in runs)
    against = f"{ANALYZE_EVERY} train steps"
    what = f"{word}, an analysis"
    return compared(what, 1e3 * one, against, 1e3 * steps, unit="ms", limit=ANALYSIS_SHARE)


def _end_to_end(run: Run) -> float:
    """Steps per second from the trainer's start to its end, without compiling."""
    summary = run.summary
    return float(summary["steps"] / (summary["wall_seconds"] - summary["compile_seconds"]))


def _training_only(run: Run) -> float:
    """Median steps per second of the training chunks, without evaluations and analyses."""
    return float(run.summary["steps_per_second"])
