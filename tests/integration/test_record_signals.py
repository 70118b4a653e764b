"""Signals to a headless run at various moments, and its bar on a terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pytest
from command_line import (
    COMMAND,
    ENDLESS,
    LIMIT,
    Result,
    Running,
    checkpoint_steps,
    environment,
    line_count,
    records,
    summary,
    wait_until,
)

pytestmark = pytest.mark.slow


@dataclass
class Outcome:
    """How a run ended; notes: other observations, in order."""

    run_dir: Path
    result: Result
    notes: list[int] = field(default_factory=list)


def _start(run_dir: Path, **options: list[str]) -> Running:
    return Running("--record", str(run_dir), *ENDLESS, **options)  # type: ignore[arg-type]


def _interrupted(run_dir: Path) -> Outcome:
    running = _start(run_dir)
    running.wait_for_lines(run_dir, 25)
    running.send(signal.SIGINT)
    return Outcome(run_dir, running.end())


def _hung_up_and_terminated(run_dir: Path) -> Outcome:
    """A run with SIGHUP ignored, as by nohup, which gets SIGHUP and then SIGTERM."""
    nohup = ["/bin/sh", "-c", 'trap "" HUP; exec "$0" "$@"', COMMAND]
    running = _start(run_dir, command=nohup)
    running.wait_for_lines(run_dir, 1)
    running.send(signal.SIGHUP)
    seen = line_count(run_dir)
    running.wait_for_lines(run_dir, seen + 25)
    running.send(signal.SIGTERM)
    return Outcome(run_dir, running.end(), [seen])


def _while_compiling(number: signal.Signals) -> Callable[[Path], Outcome]:
    def scenario(run_dir: Path) -> Outcome:
        running = _start(run_dir)
        running.wait_for_error("compiling the training step")
        running.send(number)
        return Outcome(run_dir, running.end())

    return scenario


def _twice(run_dir: Path) -> Outcome:
    """The second signal comes while the first waits for the compiler."""
    running = _start(run_dir)
    running.wait_for_error("compiling the training step")

    # Two pending signals count as one, so they are sent until the process is gone.
    def gone() -> bool:
        running.send(signal.SIGINT)
        return running.process.poll() is not None

    wait_until(gone, "the end", limit=1.0)
    return Outcome(run_dir, running.end())


def _at_a_terminal(run_dir: Path) -> Outcome:
    """Ctrl-C, which goes to the whole process group."""
    arguments = ["--record", str(run_dir), *ENDLESS]
    env = {**environment(), "TERM": "xterm-256color"}
    child = pexpect.spawn(
        COMMAND, arguments, env=env, encoding="utf-8", timeout=LIMIT, dimensions=(24, 120)
    )
    seen = ""
    try:
        child.expect("compiling the training step ...")
        seen += child.before + child.after
        child.expect(r"step [\d,]+ / 10,000,000  train \S+  test [\d.]+")
        seen += child.before + child.after
        child.sendintr()
        child.expect(pexpect.EOF)
        seen += child.before
        child.wait()
    finally:
        child.close(force=True)
    code = child.exitstatus if child.exitstatus is not None else -child.signalstatus
    return Outcome(run_dir, Result(code, "", seen))


SCENARIOS: dict[str, Callable[[Path], Outcome]] = {
    "training-int": _interrupted,
    "terminal": _at_a_terminal,
    "nohup-term": _hung_up_and_terminated,
    "compiling-int": _while_compiling(signal.SIGINT),
    "compiling-term": _while_compiling(signal.SIGTERM),
    "twice": _twice,
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Outcome]]]:
    """All scenarios, two at a time, since most of each is compiling on one core."""
    folder = tmp_path_factory.mktemp("signals")
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run, folder / name) for name, run in SCENARIOS.items()}


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("training-int", 130, "SIGINT"),
        ("nohup-term", 143, "SIGTERM"),
        ("terminal", 130, "SIGINT"),
    ],
)
def test_a_signal_ends_training_after_a_checkpoint(
    outcomes: dict[str, Future[Outcome]], name: str, code: int, reason: str
) -> None:
    outcome = outcomes[name].result()
    assert outcome.result.code == code
    assert outcome.result.out == ""
    assert "Traceback" not in outcome.result.err
    found = summary(outcome.run_dir)
    assert found["exit"] == reason
    assert found["final"]["train_acc"] >= 0
    steps = [line["step"] for line in records(outcome.run_dir / "metrics.jsonl")]
    assert steps == list(range(1, found["steps"] + 1))
    assert max(checkpoint_steps(outcome.run_dir)) == found["steps"] > 0
    last = records(outcome.run_dir / "events.jsonl")[-1]
    assert (last["event"], last["reason"]) == ("stopped", reason)


def test_nohup_protects_a_run_from_hangups(outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes["nohup-term"].result()
    assert summary(outcome.run_dir)["steps"] >= outcome.notes[0] + 25


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [("compiling-int", 130, "SIGINT"), ("compiling-term", 143, "SIGTERM")],
)
def test_a_signal_while_compiling_ends_the_run_untrained(
    outcomes: dict[str, Future[Outcome]], name: str, code: int, reason: str
) -> None:
    outcome = outcomes[name].result()
    assert outcome.result.code == code
    assert outcome.result.out == ""
    assert f"step 0: stopped: {reason}" in outcome.result.err.splitlines()
    assert line_count(outcome.run_dir) == 0
    assert checkpoint_steps(outcome.run_dir) == [0]
    found = summary(outcome.run_dir)
    assert (found["exit"], found["steps"], found["final"]) == (reason, 0, None)
    assert "compiling the evaluation" not in outcome.result.err


def test_a_second_signal_ends_at_once(outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes["twice"].result()
    assert outcome.result.code == -signal.SIGINT
    assert "Traceback" not in outcome.result.err
    assert not (outcome.run_dir / "summary.json").exists()


def test_a_terminal_gets_a_bar(outcomes: dict[str, Future[Outcome]]) -> None:
    seen = outcomes["terminal"].result().result.err
    assert "━" in seen
    assert "steps/s" in seen
    assert "MEMORIZING" in seen
    assert "stopped: SIGINT" in seen
    # The cursor was hidden for the bar and is visible again.
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
