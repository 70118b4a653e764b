"""Terminal recordings in asciinema's format (asciicast, version 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def asciicast(size: tuple[int, int], title: str, outputs: Iterable[tuple[float, str]]) -> str:
    """The content of a `.cast` file.

    size: columns and rows. outputs: seconds from the start, ascending, and the output written
    to the terminal then.
    """
    header: Mapping[str, Any] = {
        "version": 2,
        "width": size[0],
        "height": size[1],
        "title": title,
        "env": {"TERM": "xterm-256color"},
    }
    events = ([round(seconds, 6), "o", output] for seconds, output in outputs)
    return "".join(json.dumps(line) + "\n" for line in (header, *events))
