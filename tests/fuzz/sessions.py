"""Drives real sessions in a pseudo-terminal with whatever a user, a shell or a bug may send.

`make fuzz` runs it for an hour; a finding is reduced to the shortest sequence that shows it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pexpect
from terminal import ALTERNATE_ON, COMMAND, SMALL, Terminal, processes

SIZES = ((120, 36), (80, 24), (60, 16))
Kind = Literal["live", "ended", "replay", "sweep"]
KINDS: tuple[Kind, ...] = ("live", "ended", "replay", "sweep")
# How long a session may take to answer on a busy machine.
ANSWER_SECONDS = 30.0
AGAIN_SECONDS = 5.0
PALETTE = "Search for commands"
BURSTS = 8  # in a session
TRIES = 25  # to reduce a finding

KEYS = [
    *" sSeztvfxymgcbrjaA<>,.[]{}?1234567890ldhonp-+", "\t", "\r", "\r", "\x1b", "\x7f", "\x10",
    *(f"\x1b[{end}" for end in ("A", "B", "C", "D", "H", "F", "Z", "5~", "6~", "1;2C", "1;2D")),
]  # fmt: skip
LEAVING = [b"q", b"\x03", b"\x11"]
TEXTS = [
    "5 70", "-5 7", "0 0", "12 12", "3", "-", "1e3", "nan", "inf", "9" * 500, "0.5", "", "é ü",
    "\u202e\u0301\U0001f600", "[bold]x[/", "a\tb\nc",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens to a session: a kind, and what goes with it."""

    kind: Literal["send", "resize", "signal", "stop", "kill", "wait"]
    value: bytes | tuple[int, int] | int | float = 0


class FindingError(Exception):
    """The session ended, hung or showed a traceback."""


def burst(chance: random.Random) -> list[Act]:
    """A few things that happen in a row."""
    return [_act(chance) for _ in range(chance.randint(1, 25))]


def _act(chance: random.Random) -> Act:
    return chance.choices([make for make, _ in ACTS], [weight for _, weight in ACTS])[0](chance)


def _mouse(chance: random.Random) -> bytes:
    """A report of a click, a drag, a wheel or a movement, in the form of today or of old."""
    button = chance.choice([0, 1, 2, 32, 35, 64, 65, 68])
    x, y = chance.randint(1, 130), chance.randint(1, 40)
    if chance.random() < 0.1:
        return b"\x1b[M" + bytes([32 + button, 32 + x, 32 + y])
    press = f"\x1b[<{button};{x};{y}M"
    return (press + f"\x1b[<{button};{x};{y}m" * (chance.random() < 0.7)).encode()


def _sends(make: Callable[[random.Random], bytes]) -> Callable[[random.Random], Act]:
    return lambda chance: Act("send", make(chance))


def _keys(chance: random.Random) -> bytes:
    return "".join(chance.choices(KEYS, k=chance.randint(1, 6))).encode()


def _text(chance: random.Random) -> bytes:
    return chance.choice(TEXTS).encode()


def _raw(chance: random.Random) -> bytes:
    return chance.choice([b"", b"\x1b[", b"\x1b[M"]) + chance.randbytes(5)


def _size(chance: random.Random) -> tuple[int, int]:
    return chance.choice([*SIZES, (chance.randint(1, 200), chance.randint(1, 60))])


# What may happen, and how often compared to the others.
ACTS: Sequence[tuple[Callable[[random.Random], Act], int]] = (
    (_sends(_keys), 40),
    (_sends(lambda chance: _text(chance) + b"\r"), 8),
    (_sends(lambda chance: b"\x1b[200~" + _text(chance) + b"\x1b[201~"), 4),
    (_sends(_mouse), 14),
    (_sends(_raw), 8),
    (_sends(lambda chance: chance.choice(LEAVING)), 1),
    (lambda chance: Act("resize", _size(chance)), 5),
    (lambda chance: Act("signal", chance.choice([signal.SIGWINCH, signal.SIGCONT])), 3),
    (lambda chance: Act("stop", chance.choice([signal.SIGTSTP, signal.SIGSTOP])), 1),
    (lambda chance: Act("kill"), 1),
    (lambda chance: Act("wait", chance.choice([0.01, 0.1, 0.5])), 8),
)


class Session:
    """A session under test."""

    def __init__(self, folder: Path, kind: Kind, size: tuple[int, int]) -> None:
        arguments = {
            "live": ["--preset", "nanda", *SMALL, "--checkpoint-every", "2000"],
            "ended": ["--preset", "nanda", *SMALL, "--steps", "100"],
            "replay": ["replay", "run", "--speed", "64"],
            "sweep": ["sweep", "sweep.toml", "-o", "sweep"],
        }[kind]
        self.kind, self.size = kind, size
        variables = {"XDG_CONFIG_HOME": str(folder / "config"), "PYTHONFAULTHANDLER": "1"}
        self.terminal = Terminal(folder, arguments, size, **variables)
        words = {"live": "RUNNING", "ended": "STOPPED", "sweep": "have ended"}
        self._until(
            lambda: words.get(kind, "step ") in self.terminal.text(), "it does not start"
        )

    @property
    def alive(self) -> bool:
        return bool(self.terminal.process.isalive())

    def do(self, act: Act) -> None:
        """Let something happen; nothing happens to a session that has ended."""
        terminal = self.terminal
        with contextlib.suppress(OSError, pexpect.ExceptionPexpect):
            match act:
                case Act("send", bytes(data)):
                    terminal.press(data)
                case Act("resize", (width, height)):
                    self._resize(width, height)
                case Act("signal", int(number)):
                    os.kill(terminal.pid, number)
                case Act("stop", int(number)):
                    before = terminal.output.count(ALTERNATE_ON)
                    os.kill(terminal.pid, number)
                    if number == signal.SIGSTOP:  # of the other it returns: no shell is there
                        self._until(terminal.stopped, "it does not stop")
                        os.kill(terminal.pid, signal.SIGCONT)
                    self._until(
                        lambda: terminal.output.count(ALTERNATE_ON) > before,
                        "it does not come back",
                    )
                case Act("kill"):
                    for pid, parent, _ in processes():
                        if parent == terminal.pid and self.kind != "sweep":
                            os.kill(pid, signal.SIGKILL)
                case Act("wait", float(seconds)):
                    terminal.read(seconds)
            terminal.read(0.0)

    def _resize(self, width: int, height: int) -> None:
        self.terminal.process.setwinsize(height, width)
        self.terminal.screen.resize(height, width)

    def check(self) -> bool:
        """Whether it goes on: it then answers a key. Raises FindingError."""
        self._resize(*self.size)
        self.do(Act("send", b"\x1b[201~"))  # ends a paste that raw bytes may have begun
        opened = lambda: PALETTE in self.terminal.text()  # noqa: E731
        for _ in range(6):  # more than can be open
            self.do(Act("send", b"\x1b"))
            self.do(Act("wait", 0.15))
        if self._until(opened, "it does not answer", b"\x10"):
            self._until(lambda: not opened(), "the palette does not close", b"\x1b")
        return self.alive

    def end(self) -> None:
        """End it by SIGTERM, unless it has ended. Raises FindingError if that fails."""
        with contextlib.suppress(OSError):
            os.kill(self.terminal.pid, signal.SIGTERM)
        self._until(lambda: False, "it does not end", ends=(0, 1, 143))

    def _until(
        self,
        condition: Callable[[], bool],
        problem: str,
        key: bytes = b"",
        ends: Sequence[int] = (0, 1),
    ) -> bool:
        """Read until a condition holds or the session has ended; whether the former.

        key: pressed now and then, since a busy session may take it for the end of an escape
        sequence. ends: the exit codes that are right. Raises FindingError.
        """
        end = time.monotonic() + ANSWER_SECONDS
        press = 0.0
        while not condition():
            if key and time.monotonic() >= press:
                self.do(Act("send", key))
                press = time.monotonic() + AGAIN_SECONDS
            if not self.terminal.read(0.05):
                self._check_end(ends)
                return False
            if time.monotonic() > end:
                raise FindingError(f"{problem}\n{self.terminal.text()}\n{self._stacks()}")
        return True

    def _stacks(self) -> str:
        """What each thread of a session that hangs is doing; ends it."""
        before = len(self.terminal.output)
        os.kill(self.terminal.pid, signal.SIGABRT)
        while self.terminal.read(1.0) and self.alive:
            pass
        return self.terminal.output[before:].decode(errors="replace")

    def _check_end(self, codes: Sequence[int]) -> None:
        """Check how it ended. Raises FindingError."""
        while self.terminal.read(0.2):
            pass
        process = self.terminal.process
        process.wait()
        output = self.terminal.output.decode(errors="replace")
        if process.exitstatus not in codes:
            raise FindingError(
                f"exit {process.exitstatus}, signal {process.signalstatus}\n{output[-2000:]}"
            )
        for sign in ("Traceback", "broke", "unexpectedly"):
            if sign in output:
                at = output.index(sign)
                raise FindingError(f"it says {output[max(0, at - 300) : at + 300]}")


def prepare(folder: Path) -> None:
    """Make the run and the sweep that sessions show."""
    small = [*SMALL, "--steps", "400"]
    _quietly(folder, "--record", "run", "--preset", "nanda", *small)
    (folder / "sweep.toml").write_text(
        'base = {modulus = 13, d_model = 32, d_mlp = 64, steps = 100, device = "CPU"}\n'
        "axes = {weight_decay = [1, 3]}\nseeds = 2\n"
    )
    _quietly(folder, "sweep", "sweep.toml", "-o", "sweep", "--workers", "1", "--headless")


def _quietly(folder: Path, *arguments: str) -> None:
    subprocess.run([COMMAND, *arguments], cwd=folder, check=True, capture_output=True)


def played(
    folder: Path, kind: Kind, size: tuple[int, int], acts: Sequence[Sequence[Act]]
) -> str:
    """Let bursts of acts happen to a session; returns what went wrong, empty if nothing did."""
    session = None
    try:
        session = Session(folder, kind, size)
        for each in acts:
            for act in each:
                session.do(act)
            if not session.check():
                break
        else:
            session.end()
    except FindingError as finding:
        return str(finding)
    finally:
        if session:
            session.terminal.kill()
    return ""


def reduced(
    acts: list[Act], fails: Callable[[list[Act]], bool], tries: int = TRIES
) -> list[Act]:
    """The acts without those that are not needed to fail, found with at most `tries` calls."""
    size = max(1, len(acts) // 2)
    while tries > 0:
        at = 0
        while at < len(acts) and tries > 0:
            fewer = acts[:at] + acts[at + size :]
            tries -= 1
            if fails(fewer):
                acts = fewer
            else:
                at += size
        if size == 1:
            break
        size //= 2
    return acts


def fuzz(folder: Path, seed: int, seconds: float, say: Callable[[str], None]) -> list[str]:
    """Fuzz for some time, at least one session; returns the findings with their sequences."""
    findings, end, number = [], time.monotonic() + seconds, seed
    prepare(folder)
    while number == seed or time.monotonic() < end:
        chance = random.Random(number)
        kind, size = KINDS[number % len(KINDS)], SIZES[number // len(KINDS) % len(SIZES)]
        bursts = [burst(chance) for _ in range(BURSTS)]
        if problem := played(folder, kind, size, bursts):
            say(f"seed {number}, {kind} at {size[0]} x {size[1]}: {problem}\nreducing ...")
            flat = [act for each in bursts for act in each]
            fails = lambda acts: bool(played(folder, kind, size, [acts]))  # noqa: B023, E731
            fewest = reduced(flat, fails) if fails(flat) else flat
            findings.append(f"seed {number}, {kind}, {size}: {problem}\n{fewest}")
            say(findings[-1])
        else:
            say(f"seed {number}, {kind} at {size[0]} x {size[1]}: sound")
        number += 1
    return findings


def main() -> int:
    """Fuzz as the command line says; returns 1 after a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first session")
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grok-tui-fuzz-") as folder:
        findings = fuzz(
            Path(folder), options.seed, 60 * options.minutes, lambda t: print(t, flush=True)
        )
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
