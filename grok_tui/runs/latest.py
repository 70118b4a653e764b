"""How far a run has come, from the end of its metrics, even while they are being written."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Enough bytes for the lines of a few dozen steps.
_ENOUGH = 1 << 14


@dataclass(frozen=True, slots=True)
class Reached:
    """The newest step, and the test accuracy of the newest evaluation if it is recent."""

    step: int = 0
    test_acc: float | None = None


def reached(run: Path) -> Reached:
    """How far a run has come by the last whole lines of `metrics.jsonl`; step 0 without any."""
    try:
        with (run / "metrics.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _ENOUGH))
            *lines, _ = file.read().split(b"\n")
    except OSError:
        return Reached()
    latest = Reached()
    for line in reversed(lines):
        content = _content(line)
        step, test_acc = content.get("step"), content.get("test_acc")
        if not latest.step and isinstance(step, int):
            latest = Reached(step)
        if isinstance(test_acc, float | int):
            return Reached(latest.step, test_acc)
    return latest


def _content(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:  # the first line read may be cut
        return {}
    return content if isinstance(content, dict) else {}
