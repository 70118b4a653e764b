"""50,000 steps in a session in a pseudo-terminal, with random key presses."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from terminal import Terminal

pytestmark = [
    pytest.mark.long,
    pytest.mark.usefixtures("cpu"),
    pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning"),
]

STEPS = 50_000
SETTINGS = [
    *("--modulus", "13", "--d-model", "32", "--n-heads", "2", "--d-mlp", "64", "--lr", "1e-3"),
    *("--device", "CPU", "--steps", str(STEPS), "--checkpoint-every", "5000"),
    *("--eval-every", "50", "--analyze-every", "500"),
]
UP, DOWN, RIGHT, LEFT, ESCAPE = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b"
# Keys that are pressed at once. Questions that they open are left again, and those that would
# end the run or start another are answered with no.
KEYS = [
    *("  ", "s", "S", "[]", "][", "{}", "}{", "z", "c", "t", "v", "f", "x", "y", "m", "o", "k"),
    *("w", "+", "-", "1", "3", "4", "5", "6", "7", "8", "9", "0", "l", "d", "h"),
    *("1" + key for key in (UP, DOWN, RIGHT, LEFT)),
    *("4" + key for key in (UP, DOWN, RIGHT, LEFT)),
    *("7" + key for key in (UP, DOWN, RIGHT, LEFT)),
    *("\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b[1;2C", "\x1b[1;2D"),  # pages, ends, pans
    *("03" + LEFT, "03" + UP, "90" + RIGHT),
    *("e" + DOWN * 3 + UP + "1", "e\x1b[F1"),
    *(f"{key}{ESCAPE}" for key in "?gj"),
    *("r", "b", "q", "0"),
    *("\x10wd" + ESCAPE, "\x1b[<0;30;10M\x1b[<0;30;10m", "\x1b[<64;30;10M", "\x1b[<65;30;10M"),
    *("\x00", "ß", "\x1b[999~", "\x1bOP", "~", "\t" * 11),
]


# The questions of these keys, which are answered with no.
QUESTIONS = {"r": "Start a new run", "b": "Branch from which", "q": "End this run?"}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, ["--preset", "nanda", *SETTINGS], (120, 36))
    yield terminal
    terminal.kill()


def resident(pid: int) -> int:
    """The resident memory of a process in bytes; 0 if it is gone."""
    if not Path(f"/proc/{pid}").exists():
        return 0
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def growth(samples: list[tuple[int, int]]) -> float:
    """The growth of memory over the second half of the run, as a share."""
    steps, sizes = np.array(samples).T
    middle = np.median(sizes[(steps >= 0.45 * STEPS) & (steps <= 0.55 * STEPS)])
    end = np.median(sizes[steps >= 0.9 * STEPS])
    return float(end / middle - 1)


def watch(terminal: Terminal, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
    """Draw output for some seconds, or until `done` or the end of the program."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not done():
        alive = terminal.read(0.02)
        assert alive or "STOPPED" in terminal.text(), terminal.output[-3000:].decode()
        if not alive:
            return


def refuse(terminal: Terminal, question: str) -> None:
    """Escape from a question, if it comes; the key may have gone into an input instead."""
    watch(terminal, 20.0, lambda: question in terminal.text())
    terminal.press(ESCAPE)
    terminal.until(lambda: question not in terminal.text())
    watch(terminal, 0.4)


def ask(terminal: Terminal) -> None:
    """Ask for a pair, unless something else is open where enter would choose."""
    watch(terminal, 0.4)
    if "╭─ Ask" in terminal.text() and not re.search(
        "Cancel|Search for|Branch from|Jump to", terminal.text()
    ):
        terminal.press("\r3 5\r")
        watch(terminal, 0.4)


def abuse(terminal: Terminal, rng: random.Random, each: Callable[[int], None]) -> int:
    """Press keys until the run has ended; returns how many. each: gets the step at times."""
    pressed = 0
    runs = terminal.folder / "runs"
    while "STOPPED" not in terminal.text():
        assert len(list(runs.iterdir())) == 1, f"another run\n{terminal.text()}"
        assert "FAILED" not in terminal.text(), terminal.text()
        keys = rng.choice(KEYS)
        terminal.press(keys)
        pressed += 1
        if keys in QUESTIONS:
            refuse(terminal, QUESTIONS[keys])
        elif keys == "0":
            ask(terminal)
        else:  # an escape stands alone only if nothing follows at once
            watch(terminal, 0.4 if keys.endswith((ESCAPE, "1")) else 0.1)
        assert b"Traceback" not in terminal.output
        terminal.output = terminal.output[-3000:]
        each(terminal.step())
    return pressed


def test_a_long_session_under_random_keys(
    terminal: Terminal, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    terminal.until(lambda: terminal.step() > 0, 60)
    trainer = terminal.trainer()
    memory: dict[str, list[tuple[int, int]]] = {"session": [], "trainer": []}

    def measure(step: int) -> None:
        sizes = {"session": resident(terminal.pid), "trainer": resident(trainer)}
        if step > 0 and all(sizes.values()):
            for name, size in sizes.items():
                memory[name].append((step, size))

    pressed = abuse(terminal, random.Random(7), measure)
    for name, samples in memory.items():
        size = samples[-1][1] / 2**20
        record_property(name, f"{size:.0f} MiB, {growth(samples):+.1%} over the second half")
        print(f"{name}: {size:.0f} MiB, {growth(samples):+.1%} over the second half")
        assert growth(samples) < 0.05, name
    record_property("pressed", pressed)
    print(f"{pressed} presses")

    for key in (ESCAPE, ESCAPE, "q"):  # sent together, they would be one key
        terminal.press(key)
        watch(terminal, 0.4)
    assert terminal.exit_code() == 0
    (run,) = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert sum("test_loss" in line for line in lines) == STEPS // 50
    assert sum("gini_W_E" in line for line in lines) == STEPS // 500
    assert json.loads((run / "summary.json").read_text())["exit"] == "completed"
    assert not list(tmp_path.glob("*.log"))
