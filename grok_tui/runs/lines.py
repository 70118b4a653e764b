"""JSON-lines files that only grow, and that no failed call leaves damaged."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

# Bytes that may wait for a sync; then there is one.
_MOST_FRESH = 1 << 20


class Lines:
    """An open JSON-lines file. A call that raises OSError did nothing, and can be made again.

    What was written since the last sync is kept in memory, too: a system that fails to put it
    on the disk may have forgotten it, so it is written again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()
        self._file = path.open("r+b", buffering=0)
        self._durable = self._file.seek(0, os.SEEK_END)
        self._fresh = bytearray()
        self._sound = True

    def write(self, *records: Mapping[str, Any]) -> None:
        """Append one line for each record: all of them, or none."""
        content = b"".join(json.dumps(r, allow_nan=False).encode() + b"\n" for r in records)
        if len(self._fresh) > _MOST_FRESH:
            self.sync()
        with self._mending():
            self._put(content, self._durable + len(self._fresh))
        self._fresh += content

    def sync(self) -> None:
        """Make everything written so far durable."""
        with self._mending():
            os.fsync(self._file.fileno())
        self._durable += len(self._fresh)
        self._fresh.clear()

    def close(self) -> None:
        self._file.close()

    @contextlib.contextmanager
    def _mending(self) -> Iterator[None]:
        """Undo what fails: at once, or if that fails as well, before the next try."""
        self._mend()
        self._sound = False
        try:
            yield
        except OSError:
            with contextlib.suppress(OSError):
                self._mend()
            raise
        self._sound = True

    def _mend(self) -> None:
        if os.fstat(self._file.fileno()).st_nlink == 0:  # its folder was removed
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
        if not self._sound:
            os.ftruncate(self._file.fileno(), self._durable + len(self._fresh))
            self._put(self._fresh, self._durable)
            self._sound = True

    def _put(self, content: bytes | bytearray, at: int) -> None:
        written = 0
        while written < len(content):
            written += os.pwrite(self._file.fileno(), content[written:], at + written)


def cut_after(path: Path, step: int) -> None:
    """Drop every line beyond `step`, and a torn last line, from a JSON-lines file.

    Lines are in the order of their steps.
    """
    if not path.exists():
        return
    keep = 0
    with path.open("r+b") as file:
        for line, content in sound(file):
            if content["step"] > step:
                break
            keep += len(line)
        file.truncate(keep)


def sound(file: IO[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The lines of an open file and what they say, up to one that is torn or no record."""
    for line in file:
        try:
            content = json.loads(line)
            content["step"] = int(content["step"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return
        if not line.endswith(b"\n"):
            return
        yield line, content
