"""Reading TOML files, replacing files durably, and the user's folders."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises OSError, or ValueError with a one-line message if it is not TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def base_folder(variable: str, default: str) -> Path:
    """The folder that an XDG variable such as `XDG_CACHE_HOME` names, or a default.

    default: relative to the home; for a user without one, to the folder for temporary files.
    Empty and relative values count as unset. Source: XDG Base Directory Specification 0.8.
    """
    folder = Path(os.environ.get(variable, ""))
    if folder.is_absolute():
        return folder
    try:
        return Path.home() / default
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"grok-tui-{os.getuid()}" / default


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file's content in one step that survives a power cut. Raises OSError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make renames and new files in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
