"""Compares runs side by side: which config fields differ, and a short name for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grok_tui.runs.folders import RunError
from grok_tui.text import one_line


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The fields that differ between configs, each with its values in order of the configs.

    A field that is missing from a config counts as None.
    """
    names = dict.fromkeys(name for config in configs for name in config)
    rows = {name: [config.get(name) for config in configs] for name in names}
    return {name: row for name, row in rows.items() if any(x != row[0] for x in row)}


def short_names(folders: Sequence[Path]) -> list[str]:
    """The shortest end of each folder's path that no other folder's path has.

    Raises RunError if two folders are the same.
    """
    paths = [folder.resolve().parts for folder in folders]
    return [
        _shortest_end(folders[i], path, paths[:i] + paths[i + 1 :])
        for i, path in enumerate(paths)
    ]


def _shortest_end(
    folder: Path, path: tuple[str, ...], others: Sequence[tuple[str, ...]]
) -> str:
    for count in range(1, len(path) + 1):
        if all(other[-count:] != path[-count:] for other in others):
            return one_line(str(Path(*path[-count:])))
    raise RunError(f"{folder} is named twice")
