from __future__ import annotations

import io
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.progress import Progress

from grok_tui.cli import headless
from grok_tui.cli.headless import (
    LINE_SECONDS,
    BarProgress,
    PlainProgress,
    make_progress,
    progress_text,
)
from grok_tui.config.schema import Config
from grok_tui.protocol.events import (
    Compiling,
    Evaluated,
    Failed,
    Losses,
    PhaseChanged,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.results import Metrics
from grok_tui.view.state import SessionState, reduce

CONFIG = Config(steps=200, eval_every=10).model_dump(mode="json")
STARTED = Started(0, CONFIG, "CPU", 3830, 8939, 1.5)
METRICS = Metrics(
    train_loss=0.5, test_loss=4.5, train_acc=0.75, test_acc=0.25,
    weight_norm=33.0, lr=1e-3, weight_decay=1.0,
)  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only the test moves."""
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(headless, "time", clock)
    return clock


def losses(first: int, count: int) -> Losses:
    return Losses(first, np.full(count, 0.123, dtype=np.float32), seconds=count / 50)


def text_of(terminal: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())


def test_a_terminal_gets_a_bar_and_other_output_gets_lines() -> None:
    state = SessionState(CONFIG)
    assert isinstance(make_progress(state, io.StringIO()), PlainProgress)
    bar = make_progress(state, Terminal())
    assert isinstance(bar, BarProgress)
    bar.close()


def test_a_whole_run_in_plain_lines(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    plain = PlainProgress(SessionState(CONFIG), stream)
    for event in (
        Compiling("compiling the training step", 0, 4),
        STARTED,
        PhaseChanged(0, "MEMORIZING", "the train pairs are not yet known"),
        losses(1, 10),
        Evaluated(10, METRICS, 0.1),
        losses(11, 10),
        Warned(20, "step-00000010.safetensors skipped"),
        Stopped(20, "completed"),
    ):
        plain(event)
    plain.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "compiling the training step ..."
    assert lines[1] == "training on CPU: 3830 train pairs, 8939 test pairs"
    assert lines[2].startswith("step 0: ")
    assert "the train pairs are not yet known" in lines[2]
    assert lines[3].startswith("step 10 / 200  train 0.123  test 4.5  acc 75.0%/25.0%")
    assert lines[4] == "step 20: step-00000010.safetensors skipped"
    assert lines[5].startswith("step 20 / 200  train 0.123  test 4.5  acc 75.0%/25.0%")
    assert lines[6] == "step 20: stopped: completed"
    assert len(lines) == 7
    assert "\x1b" not in stream.getvalue()


def test_the_last_step_is_told_once(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    plain = PlainProgress(SessionState(CONFIG), stream)
    for event in (STARTED, losses(1, 1), Evaluated(1, METRICS, 0.1), Stopped(1, "completed")):
        plain(event)
    assert [line.split("  ")[0] for line in stream.getvalue().splitlines()[1:]] == [
        "step 1 / 200",
        "step 1: stopped: completed",
    ]
    assert "test 4.5" in stream.getvalue()


def test_plain_progress_comes_every_few_seconds(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    plain = PlainProgress(SessionState(CONFIG), stream)
    plain(STARTED)
    plain(losses(1, 10))
    assert "step 10 / 200" not in stream.getvalue()  # no metrics yet
    plain(Evaluated(10, METRICS, 0.1))
    for step in (11, 12, 13):
        plain(losses(step, 1))
    clock.now += LINE_SECONDS * 0.99
    plain(losses(14, 1))
    clock.now += LINE_SECONDS * 0.02
    plain(losses(15, 1))
    plain(losses(16, 1))
    shown = re.findall(r"^step (\d+) / 200", stream.getvalue(), re.MULTILINE)
    assert shown == ["10", "15"]


def test_a_failure_is_reported_at_once(clock: SimpleNamespace) -> None:
    stream = io.StringIO()
    plain = PlainProgress(SessionState(CONFIG), stream)
    plain(losses(1, 10))
    plain(Failed(11, "diverged: the loss became nan at step 11", "diverged"))
    assert stream.getvalue().splitlines()[-1] == (
        "step 10: diverged: the loss became nan at step 11"
    )


def test_the_progress_line() -> None:
    state = SessionState(CONFIG)
    assert progress_text(state) == (
        "step 0 / 200  train -  test -  acc -/-  - steps/s"
    )  # fmt: skip
    for event in (STARTED, PhaseChanged(0, "MEMORIZING", "why"), losses(1, 50)):
        state = reduce(state, event)
    state = reduce(state, Evaluated(50, METRICS, 0.2))
    # 150 steps at 50 a second, and 15 evaluations of 0.2 seconds.
    assert progress_text(state) == (
        "step 50 / 200  train 0.123  test 4.5  acc 75.0%/25.0%  25 steps/s  6 s to step 200"
        "  MEMORIZING"
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_a_bar_on_a_terminal(terminal: Terminal) -> None:
    bar = BarProgress(SessionState(CONFIG), terminal)
    bar(Compiling("compiling the training step", 0, 4))
    bar(STARTED)
    bar(losses(1, 50))
    bar(Evaluated(50, METRICS, 0.2))
    bar(PhaseChanged(50, "GROKKED", "three in a row"))
    for step in (60, 70, 80):
        bar(Evaluated(step, replace(METRICS, test_acc=1.0), 0.2))
    bar.close()
    text = text_of(terminal)
    assert "GROKKED: three in a row" in text
    last = text.rstrip().splitlines()[-1]
    assert "━" in last
    assert "step 50 / 200  train 0.123  test 4.5" in last
    assert last.rstrip().endswith("GROKKED")
    assert terminal.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_the_bar_is_as_long_as_the_share_of_the_steps(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[Progress] = []

    class Spy(Progress):
        def __init__(self, *columns: Any, **options: Any) -> None:
            super().__init__(*columns, **options)
            bars.append(self)

    monkeypatch.setattr(headless, "Progress", Spy)
    bar = BarProgress(SessionState(CONFIG), terminal)
    bar(STARTED)
    bar(losses(1, 50))
    (task,) = bars[0].tasks
    assert (task.completed, task.total) == (50, 200)
    bar(Stopped(50, "completed"))
    assert task.completed == 50
    bar.close()


@pytest.mark.parametrize("message", ["see runs/[/x]", "[red]not red[/red]", "a [b] c"])
def test_brackets_in_a_message_are_not_markup(message: str, terminal: Terminal) -> None:
    bar = BarProgress(SessionState(CONFIG), terminal)
    bar(Warned(3, message))
    bar(Failed(3, message))
    bar.close()
    lines = [line.rstrip() for line in text_of(terminal).splitlines()]
    assert sum(line.endswith(f"step 0: {message}") for line in lines) == 2
