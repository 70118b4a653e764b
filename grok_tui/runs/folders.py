"""Run directories: which folders are one, and where new ones go.

New ones go under `runs/` in the current folder, named by time and preset.
"""

from __future__ import annotations

import time
from pathlib import Path

from grok_tui.text import UserError

_TIME = "%Y%m%d-%H%M%S"


class RunError(UserError):
    """A run directory cannot be used as asked; the message says why and what to do."""


def check_run_directory(path: Path) -> None:
    """Raise RunError unless `path` is a run directory."""
    if not (path / "config.toml").is_file():
        raise RunError(f"{path} is not a run directory: it has no config.toml")


def is_unused(path: Path) -> bool:
    """Whether `path` is missing, or a folder without content.

    A run that is killed as it makes its folder leaves empty files and half of a config.
    """
    return not path.exists() or (path.is_dir() and all(map(_is_empty, path.iterdir())))


def _is_empty(path: Path) -> bool:
    if path.is_dir():
        return path.name == "checkpoints" and not any(path.iterdir())
    made = ("events.jsonl", "metrics.jsonl")
    return path.name == ".config.toml.partial" or (
        path.name in made and not path.stat().st_size
    )


def is_unbegun(path: Path) -> bool:
    """Whether `path` holds a run that ended before its first checkpoint, which is of step 0."""
    metrics = path / "metrics.jsonl"
    return (
        (path / "config.toml").is_file()
        and not any(path.glob("checkpoints/step-*"))
        and not (metrics.exists() and metrics.stat().st_size)
    )


def check_unused(path: Path) -> None:
    """Raise RunError unless `path` is missing, or a folder without content."""
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; a run needs a folder")
    if not is_unused(path):
        raise RunError(
            f"{path} is not empty; choose another folder, or continue the run in it with"
            f" --resume {path}"
        )


def new_folder(name: str) -> Path:
    """A run directory that does not exist yet, named by the time and `name`."""
    stem = f"{time.strftime(_TIME)}-{name}"
    path, number = Path("runs") / stem, 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{stem}-{number}"
    return path


def name_of(folder: Path | None) -> str:
    """The name of a run directory without its time; `run` if there is no directory."""
    if folder is None:
        return "run"
    date, _, rest = folder.name.partition("-")
    clock, _, name = rest.partition("-")
    return name if name and date.isdigit() and clock.isdigit() else folder.name


def recorded_folders() -> list[Path]:
    """All run directories under `runs/`, the most recently modified first."""
    folders = [path.parent for path in Path("runs").glob("*/metrics.jsonl")]
    return sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
