"""Where run directories lie: under `runs/` of the current folder, named by time and preset."""

from __future__ import annotations

import time
from pathlib import Path

_TIME = "%Y%m%d-%H%M%S"


def new_folder(name: str) -> Path:
    """A run directory that does not exist yet, named by the time and `name`."""
    stem = f"{time.strftime(_TIME)}-{name}"
    path, number = Path("runs") / stem, 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{stem}-{number}"
    return path


def name_of(folder: Path | None) -> str:
    """What a run directory was named beside its time."""
    if folder is None:
        return "run"
    date, _, rest = folder.name.partition("-")
    clock, _, name = rest.partition("-")
    return name if name and date.isdigit() and clock.isdigit() else folder.name


def recorded_folders() -> list[Path]:
    """Every run directory, the one written to last first."""
    found = [path.parent for path in Path("runs").glob("*/metrics.jsonl")]
    return sorted(found, key=lambda folder: folder.stat().st_mtime, reverse=True)
