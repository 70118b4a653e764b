"""Textual's terminal driver, made to survive what terminals, shells and users really do."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import IO, Any

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.message import Message

# A mouse report of the oldest kind, which ends in three bytes that are not text.
_OLD_MOUSE_REPORT = re.compile(rb"\x1b\[M...", re.DOTALL)
# Time between two looks at what cannot be waited for.
_TICK_SECONDS = 0.1
# Characters of the charts, the maps and the keys.
_SAMPLE = "⠿█▀→"


def shows_unicode() -> bool:
    """Whether the terminal can show the characters that the session draws with."""
    try:
        _SAMPLE.encode(getattr(sys.__stdout__, "encoding", "utf-8"))
    except UnicodeEncodeError:
        return False
    return True


class TerminalDriver(LinuxDriver):
    """Survives a terminal that sends any bytes, goes to the shell for a while, or vanishes.

    Textual's own ends the session at bytes that are not UTF-8, opens a terminal twice at a
    SIGCONT that follows no SIGTSTP, and stops drawing for good after one failed write.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        # Textual would draw on standard error, which users redirect to files.
        self._file: Any = _Tolerant(sys.__stdout__ or self._file)
        self._away = False  # whether the shell has the terminal
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._continue)

    # --- input ----------------------------------------------------------------------------

    def run_input_thread(self) -> None:
        """Pass on what the terminal sends, until `exit_event`."""
        keyboard = _Keyboard()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_TICK_SECONDS):
                    data = self._read()
                    if not data:
                        signal.raise_signal(signal.SIGHUP)
                        return
                    for message in keyboard.feed(data):
                        self.process_message(message)
                for message in keyboard.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        """What the terminal has sent; nothing if it is gone."""
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""

    def process_message(self, message: Message) -> None:
        if isinstance(message, Resize) and not self._in_band_window_resize:
            return  # typed or pasted: only a terminal that was asked to reports its size
        super().process_message(message)

    # --- suspending -----------------------------------------------------------------------

    def _stop(self) -> None:
        """Give the terminal back to the shell, then stop with what it runs, such as `make run`.

        The order matters: the shell takes the terminal as soon as its own child has stopped.
        """
        self._leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.killpg(0, signal.SIGTSTP)  # the system ignores it where no shell could continue it
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.call_later(_TICK_SECONDS, self._return)

    def _continue(self) -> None:
        """Take the terminal again once the shell has put this process into the foreground."""
        if os.tcgetpgrp(self.fileno) == os.getpgrp():
            self._take()
        if self._away:
            self._loop.call_later(_TICK_SECONDS, self._return)

    def _return(self) -> None:
        if self._away:
            self._continue()

    def _take(self) -> None:
        before = self.attrs_before
        if not self._away:  # a SIGSTOP came without a warning
            self.attrs_before = None  # keys typed now are for the session
            self._leave()
        self._away = False
        self.resume_application_mode()  # does nothing if a signal interrupts it
        self.attrs_before = before
        self._away = self._key_thread is None or not self._key_thread.is_alive()
        self._app.refresh(layout=True)

    def _leave(self) -> None:
        if not self._away:
            self.suspend_application_mode()
            self._away = True

    # What touches a terminal of the shell would stop this process again.

    def write(self, data: str) -> None:
        if not self._away:
            super().write(data)

    def disable_input(self) -> None:
        if not self._away:
            super().disable_input()

    def stop_application_mode(self) -> None:
        if not self._away:
            super().stop_application_mode()


class _Keyboard:
    """Turns bytes from the terminal into messages, and drops those that mean nothing."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")("ignore").decode
        self._parser = XTermParser()

    def feed(self, data: bytes) -> Iterator[Message]:
        for character in self._decode(_OLD_MOUSE_REPORT.sub(b"", data)):
            try:
                yield from list(self._parser.feed(character))
            except (ValueError, OverflowError, ZeroDivisionError):  # numbers out of range
                self._parser = XTermParser()

    def tick(self) -> Iterator[Message]:
        """The messages of a sequence that nothing has followed in time, such as escape."""
        yield from self._parser.tick()


class _Tolerant:
    """A text file that ignores failing writes."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()
