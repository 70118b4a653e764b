"""Runs side by side: in what their configs differ, and what to call each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grok_tui.runs.folders import RunError


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The fields in which configs differ, each with its value in every one.

    A field that a config does not know counts as None.
    """
    names = dict.fromkeys(name for config in configs for name in config)
    values = {name: [config.get(name) for config in configs] for name in names}
    return {name: own for name, own in values.items() if any(x != own[0] for x in own)}


def short_names(folders: Sequence[Path]) -> list[str]:
    """For each folder the shortest end of its path that no other one has.

    Raises RunError if two are the same.
    """
    parts = [folder.resolve().parts for folder in folders]
    return [
        _shortest_end(folders[i], own, parts[:i] + parts[i + 1 :])
        for i, own in enumerate(parts)
    ]


def _shortest_end(folder: Path, own: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    for count in range(1, len(own) + 1):
        if all(other[-count:] != own[-count:] for other in others):
            return str(Path(*own[-count:]))
    raise RunError(f"{folder} is named twice")
