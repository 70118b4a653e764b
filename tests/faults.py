"""Calls that change a run directory, counted, so that one of them can be struck."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Moment = Literal["before", "during", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "during", "after")


class Calls:
    """Stands in for the system's calls that write, and strikes at some of them.

    strike: what happens there, such as an error. at: the numbers of the calls that are struck,
    counted from 1. moment: before the call does anything, in the middle of it (half the bytes
    of a write; another call as before it), or after all of it.
    """

    def __init__(self, strike: Callable[[], None], at: range, moment: Moment) -> None:
        self.number = 0
        self.names: list[str] = []
        self._strike, self._at, self._moment = strike, at, moment

    def install(self, patch: Callable[[object, str, Any], None]) -> None:
        """Take the place of the real calls; patch: such as `setattr`."""
        for owner, name in ((os, "fsync"), (os, "ftruncate"), (Path, "mkdir")):
            patch(owner, name, self._counted(getattr(owner, name), name))
        for name in ("replace", "unlink"):
            patch(Path, name, self._counted(getattr(Path, name), name))
        write_at, open_file = os.pwrite, Path.open

        def pwrite(file: int, content: bytes, at: int) -> int:
            half = content[: len(content) // 2]
            return self._call(
                "pwrite",
                lambda: write_at(file, half, at),
                lambda: write_at(file, content, at),
            )

        def opened(path: Path, mode: str = "r", *options: Any, **more: Any) -> Any:
            file = open_file(path, mode, *options, **more)
            return Partial(file, self._call) if mode == "wb" else file

        patch(os, "pwrite", pwrite)
        patch(Path, "open", opened)

    def _counted(self, real: Callable[..., T], name: str) -> Callable[..., T]:
        def call(*arguments: Any, **options: Any) -> T:
            return self._call(name, lambda: None, lambda: real(*arguments, **options))

        return call

    def _call(self, name: str, half: Callable[[], Any], whole: Callable[[], T]) -> T:
        self.number += 1
        self.names.append(name)
        if self.number not in self._at:
            return whole()
        if self._moment == "during":
            half()
        result = whole() if self._moment == "after" else None
        self._strike()
        return result  # type: ignore[return-value]


class Partial:
    """A file that is being written as a whole, whose write counts as a call."""

    def __init__(self, file: Any, call: Callable[..., Any]) -> None:
        self._file, self._call = file, call

    def write(self, content: bytes) -> None:
        half = content[: len(content) // 2]
        self._call("write", lambda: self._put(half), lambda: self._put(content))

    def _put(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
