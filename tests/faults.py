"""Counts the calls that change a run directory, and makes some of them fail."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Moment = Literal["before", "during", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "during", "after")


class Calls:
    """Replaces the system's writing calls, and strikes at some of them.

    strike: what happens there, such as an error. at: the numbers of the struck calls, from 1.
    moment: before the call does anything, in the middle of it (after half the bytes of a
    write; like `before` for other calls), or after it. like: count only calls whose names
    start like this; names of calls by path include the file's name.
    """

    def __init__(
        self, strike: Callable[[], None], at: range, moment: Moment, like: str = ""
    ) -> None:
        self.names: list[str] = []
        self._strike, self._at, self._moment, self._like = strike, at, moment, like

    def install(self, patch: Callable[[object, str, Any], None]) -> None:
        """Replace the real calls; patch: such as `setattr`."""
        for name in ("fsync", "ftruncate"):
            patch(os, name, self._by_number(name, getattr(os, name)))
        for name in ("replace", "unlink", "mkdir"):
            patch(Path, name, self._by_path(name, getattr(Path, name)))
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
            return Whole(file, f"write {path.name}", self._call) if mode == "wb" else file

        patch(os, "pwrite", pwrite)
        patch(Path, "open", opened)

    def _by_number(self, name: str, real: Callable[..., T]) -> Callable[..., T]:
        def call(file: int, *arguments: Any) -> T:
            return self._call(name, lambda: None, lambda: real(file, *arguments))

        return call

    def _by_path(self, name: str, real: Callable[..., T]) -> Callable[..., T]:
        def call(path: Path, *arguments: Any, **options: Any) -> T:
            return self._call(
                f"{name} {path.name}", lambda: None, lambda: real(path, *arguments, **options)
            )

        return call

    def _call(self, name: str, half: Callable[[], Any], whole: Callable[[], T]) -> T:
        if not name.startswith(self._like):
            return whole()
        self.names.append(name)
        if len(self.names) not in self._at:
            return whole()
        if self._moment == "during":
            half()
        result = whole() if self._moment == "after" else None
        self._strike()
        return result  # type: ignore[return-value]


class Whole:
    """A file that is written at once, which counts as one call."""

    def __init__(self, file: Any, name: str, call: Callable[..., Any]) -> None:
        self._file, self._name, self._call = file, name, call

    def write(self, content: bytes) -> None:
        half = content[: len(content) // 2]
        self._call(self._name, lambda: self._put(half), lambda: self._put(content))

    def _put(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()

    def __enter__(self) -> Whole:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
