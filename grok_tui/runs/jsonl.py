"""JSON-lines files that are only appended to, and that failed calls do not damage."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

# Sync once more than this many bytes wait for it.
_MOST_FRESH = 1 << 20


class Lines:
    """An open JSON-lines file. A call that raises OSError has no effect and can be repeated.

    Bytes written since the last sync are also kept in memory: if the system fails to put them
    on the disk, it may have dropped them, so they are written again.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        """Use `open` instead. file: the file at `path`, positioned at its end."""
        self._path, self._file = path, file
        self._durable = file.tell()
        self._fresh = bytearray()
        self._sound = True

    @classmethod
    def open(cls, path: Path) -> Lines:
        """Open a file for appending, and create it if it is missing. Raises OSError."""
        path.touch()
        file = path.open("r+b", buffering=0)
        file.seek(0, os.SEEK_END)
        return cls(path, file)

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
        """Undo a failed write at once or, if that fails as well, before the next call."""
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


def cut_after(path: Path, count: int) -> None:
    """Drop all lines of a file after the first `count`, or from a torn one on.

    A missing file stays missing.
    """
    if not path.exists():
        return
    keep = 0
    with path.open("r+b") as file:
        for line in itertools.islice(file, count):
            if not line.endswith(b"\n"):
                break
            keep += len(line)
        file.truncate(keep)
