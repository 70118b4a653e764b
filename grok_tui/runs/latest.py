"""How far a run has come, from the end of its metrics, while another process may write them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Bytes that hold the lines of a few dozen steps.
_ENOUGH = 1 << 14


@dataclass(frozen=True, slots=True)
class Reached:
    """The newest step, and the test accuracy of the newest evaluation if it is near."""

    step: int = 0
    test_acc: float | None = None


def reached(run: Path) -> Reached:
    """What the last whole lines of `metrics.jsonl` say; nothing if there are none."""
    try:
        with (run / "metrics.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _ENOUGH))
            *lines, _ = file.read().split(b"\n")
    except OSError:
        return Reached()
    found = Reached()
    for line in reversed(lines):
        content = _content(line)
        if not found.step:
            found = Reached(content.get("step", 0))
        if "test_acc" in content:
            return Reached(found.step, content["test_acc"])
    return found


def _content(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:  # the first may be cut
        return {}
    return content if isinstance(content, dict) else {}
