"""Runs `grok-tui` in a real pseudo-terminal, and draws the screen from what it sent.

While the program runs, a thread only reads and records times. The screen is drawn
afterwards, since drawing is slow and would take a core from the measured program.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pexpect
import pyte

from benchmarks.processes import COMMAND
from benchmarks.results import NotMeasuredError
from benchmarks.rounds import say

WIDTH, HEIGHT = 120, 36
# How often a wait checks the output.
_LOOK_SECONDS = 0.02


class Terminal:
    """A terminal that runs `grok-tui` in a given folder.

    chunks: the pieces of output, each with its time on `time.perf_counter`.
    """

    def __init__(
        self, folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.started = time.perf_counter()
        self._process = pexpect.spawn(
            str(COMMAND),
            [*arguments],
            cwd=folder,
            env={**environment, **terminal},
            dimensions=(HEIGHT, WIDTH),
        )
        self._process.delaybeforesend = None  # pexpect would wait 50 ms before each key
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def closed(self) -> bool:
        """Whether the program has closed its end of the terminal."""
        return not self._reader.is_alive()

    def sent(self, text: str) -> bool:
        """Whether the program has sent the text, without control sequences inside it."""
        return text.encode() in b"".join(data for _, data in self.chunks)

    def await_text(self, text: str, seconds: float) -> None:
        """Wait until the program sends a text. Raises NotMeasuredError after `seconds`."""
        end = time.perf_counter() + seconds
        while not self.sent(text):
            if self.closed or time.perf_counter() > end:
                say(Picture(self.chunks).rest())
                raise NotMeasuredError(f"the session did not say {text} within {seconds:g} s")
            time.sleep(_LOOK_SECONDS)

    def press(self, keys: str) -> float:
        """Press keys; returns the time just before, on `time.perf_counter`."""
        pressed = time.perf_counter()
        self._process.send(keys)
        return pressed

    def leave(self, seconds: float = 20.0) -> None:
        """End the session: Ctrl-C asks to quit, and again saves; an ended run it leaves."""
        end = time.perf_counter() + seconds
        while not self.closed and time.perf_counter() < end:
            self.press("\x03")
            self._reader.join(3.0)
        self._process.close(force=True)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._process.child_fd, 65536)
            except OSError:  # on Linux, the other end is closed
                return
            if not data:
                return
            self.chunks.append((time.perf_counter(), data))


class Picture:
    """The screen, drawn chunk by chunk from a program's output."""

    def __init__(self, chunks: Sequence[tuple[float, bytes]]) -> None:
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self._screen)
        self._chunks = iter(list(chunks))

    def painted(self, condition: Callable[[str], bool], after: float) -> float:
        """Draw until the text meets a condition; returns that time, at the earliest `after`.

        Raises NotMeasuredError if it never does.
        """
        for moment, data in self._chunks:
            self._stream.feed(data)
            if moment >= after and condition(self._text()):
                return moment
        say(self._text())
        raise NotMeasuredError("the session never showed what it should")

    def rest(self) -> str:
        """Draw all remaining chunks; returns the text."""
        for _, data in self._chunks:
            self._stream.feed(data)
        return self._text()

    def _text(self) -> str:
        return "\n".join(self._screen.display)
