"""Textual's terminal driver, modified to survive the loss of the terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class TerminalDriver(LinuxDriver):
    """Drops output once the terminal is gone.

    Textual's own writer thread dies at the first failed write, and the application then waits
    forever for space in its queue instead of saving the run.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        # Textual would draw on standard error, which users redirect to files.
        self._file: Any = _Tolerant(sys.__stdout__ or self._file)


class _Tolerant:
    """A text file that ignores failing writes."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()
