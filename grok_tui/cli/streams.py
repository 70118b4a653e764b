"""The standard streams: standard error is a convenience, standard output is the work itself."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any, TextIO, cast

STANDARD_OUTPUT = "standard output"


def _characters(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes for characters that an encoding lacks.

    Those of a name that is not text stay as they were, others become similar ASCII.
    """
    from grok_tui.tui.ascii_only import ascii_text, spelled

    assert isinstance(error, UnicodeEncodeError)
    characters = error.object[error.start : error.end]
    return b"".join(
        bytes([ord(c) - 0xDC00])
        if 0xDC80 <= ord(c) <= 0xDCFF
        else ascii_text(spelled(c)).encode("ascii")
        for c in characters
    ), error.end


codecs.register_error("grok-tui", _characters)


class Stream:
    """A text stream. Its other attributes stay."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def _abandon(self) -> None:
        """Let all later writes succeed, including those when Python exits."""
        with contextlib.suppress(OSError), open(os.devnull, "wb") as null:  # noqa: PTH123
            os.dup2(null.fileno(), self._stream.fileno())


class Output(Stream):
    """Raises its first error, under the name `STANDARD_OUTPUT`, and again at every flush."""

    _error: OSError | None = None

    def write(self, text: str) -> int:
        with self._named():
            return super().write(text)

    def flush(self) -> None:
        if self._error:  # argparse ignores errors when it prints its help
            raise self._error
        with self._named():
            self._stream.flush()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._abandon()
            self._error = OSError(error.errno, error.strerror, STANDARD_OUTPUT)
            raise self._error from None


class Messages(Stream):
    """Drops what cannot be written, so that a run does not need a reader."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            self._abandon()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._abandon()


class Progress(Messages):
    """Also drops what its reader does not take now, so that nothing waits for the reader."""

    def write(self, text: str) -> int:
        return super().write(text) if self._is_ready() else len(text)

    def _is_ready(self) -> bool:
        try:
            return bool(select.select([], [self._stream], [], 0)[1])
        except (OSError, ValueError):  # not a file of the system
            return True


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Within it, `sys.stdout` is an `Output`, and `sys.stderr` takes any message.

    Descriptors that are closed would be given to the next files that are opened, and messages
    would end up in these. Writing to a closed standard output still fails.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:  # the lowest free one, and so the next to be opened
            os.open(os.devnull, flags)
    out = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    err = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (out, err):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="grok-tui")
    with (
        contextlib.redirect_stdout(cast("TextIO", Output(out))),
        contextlib.redirect_stderr(cast("TextIO", Messages(err))),
    ):
        yield
