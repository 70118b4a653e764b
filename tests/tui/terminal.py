"""Runs the installed command in a pseudo-terminal, and draws its screen."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pexpect
import pyte

COMMAND = Path(sys.executable).with_name("grok-tui")
# A model so small that a step takes about a millisecond, in a run that does not end.
SMALL = [
    *("--modulus", "13", "--d-model", "32", "--n-heads", "4", "--d-mlp", "64"),
    *("--device", "CPU", "--steps", "9000000"),
    *("--eval-every", "50", "--checkpoint-every", "1000000"),
]
# Bytes that the program sends when it takes over the screen and when it restores it.
ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR_OFF, CURSOR_ON = b"\x1b[?25l", b"\x1b[?25h"


class Terminal:
    """A terminal of some size that runs `grok-tui` in a given folder."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        size: tuple[int, int] = (120, 36),
        command: str = str(COMMAND),
        **environment: str,
    ) -> None:
        width, height = size
        self.folder = folder
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.output = b""
        environment = {
            **os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "",
            **environment,
        }  # fmt: skip
        self.started = time.monotonic()
        self.process = pexpect.spawn(
            command, [*arguments], cwd=folder, env=environment, dimensions=(height, width)
        )
        self.before = termios.tcgetattr(self.process.child_fd)

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def text(self) -> str:
        return "\n".join(self.screen.display)

    def step(self) -> int:
        found = re.search(r"step ([\d,]+)", self.text())
        return int(found[1].replace(",", "")) if found else -1

    def read(self, seconds: float) -> bool:
        """Draw what arrives within `seconds`; returns False if the terminal is closed."""
        try:
            new = self.process.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += new
        self._stream.feed(new)
        return True

    def until(self, condition: Callable[[], object], seconds: float = 30.0) -> float:
        """Read until a condition holds; returns the seconds it took, fails after `seconds`."""
        started = time.monotonic()
        while not condition():
            waited = time.monotonic() - started
            assert waited < seconds, f"not within {seconds} s; the screen says\n{self.text()}"
            if not self.read(0.02):
                assert condition(), f"the program ended:\n{self.output[-3000:].decode()}"
        return time.monotonic() - started

    def shows(self, text: str, seconds: float = 30.0) -> float:
        return self.until(lambda: text in self.text(), seconds)

    def press(self, keys: str | bytes) -> None:
        self.process.send(keys)

    def trainer(self) -> int:
        """The process ID of the trainer."""
        (pid,) = (pid for pid, parent, _ in processes() if parent == self.pid)
        return pid

    def stopped(self) -> bool:
        """Whether it is stopped, as by ctrl+z."""
        command = ["ps", "-o", "stat=", "-p", str(self.pid)]
        shown = subprocess.run(command, check=False, capture_output=True, text=True).stdout
        return shown.startswith("T")

    def exit_code(self, seconds: float = 20.0) -> int:
        """Read until the program has ended; returns its exit code."""
        end = time.monotonic() + seconds
        while self.read(0.05):
            assert time.monotonic() < end, f"still running:\n{self.text()}"
        self.process.wait()
        assert self.process.signalstatus is None
        return int(self.process.exitstatus)

    def assert_restored(self) -> None:
        """Check that the terminal is as before the program, without a traceback."""
        assert self.output.count(ALTERNATE_ON) == self.output.count(ALTERNATE_OFF) == 1
        assert self.output.rfind(CURSOR_ON) > self.output.rfind(CURSOR_OFF)
        assert termios.tcgetattr(self.process.child_fd) == self.before
        after = self.output[self.output.rfind(ALTERNATE_OFF) :]
        assert b"Traceback" not in self.output
        assert b"Error" not in after

    def close(self) -> None:
        """Close the terminal's window and send no signal; the kernel does the rest."""
        self.process.ptyproc.fileobj.close()

    def kill(self) -> None:
        """Kill what is left of the program."""
        trainers = [pid for pid, parent, _ in processes() if parent == self.pid]
        for pid in [*trainers, self.pid] if self.process.isalive() else trainers:
            os.kill(pid, signal.SIGKILL)
        self.process.close(force=True)


Start = Callable[..., Terminal]


def processes() -> list[tuple[int, int, int]]:
    """Process ID, parent and group of every process that is not a zombie."""
    lines = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    rows = [line.split() for line in lines]
    return [(int(p), int(parent), int(g)) for p, parent, g, stat in rows if stat[0] != "Z"]
