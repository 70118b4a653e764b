"""JSON-lines files that only grow, and that a failed write leaves as they were."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Lines:
    """An open JSON-lines file. A write that fails is taken back, then raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._size = self._file.seek(0, os.SEEK_END)

    def write(self, *records: Mapping[str, Any]) -> None:
        """Append one line for each record, in one write."""
        content = b"".join(json.dumps(r, allow_nan=False).encode() + b"\n" for r in records)
        try:
            written = 0
            while written < len(content):
                written += self._file.write(content[written:]) or 0
        except OSError:
            self._file.truncate(self._size)
            raise
        self._size += len(content)

    def sync(self) -> None:
        """Make everything written so far durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def cut_after(path: Path, count: int) -> None:
    """Drop all lines of a file but the first `count`, and of these a torn last one."""
    if not path.exists():
        return
    keep = 0
    with path.open("r+b") as file:
        for line in itertools.islice(file, count):
            if not line.endswith(b"\n"):
                break
            keep += len(line)
        file.truncate(keep)
