"""Runs `grok-tui --record` for benchmarks about training, and reads the results."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def train(run: Path, arguments: Sequence[str]) -> None:
    """Record a run; it may diverge. Raises SystemExit if the command cannot run."""
    command = [sys.executable, "-m", "grok_tui", "--record", str(run), *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")


def summary(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return content


def evaluated(run: Path, first: int = 0) -> Iterator[dict[str, Any]]:
    """The lines of `metrics.jsonl` with evaluations, from step `first` on."""
    with (run / "metrics.jsonl").open() as lines:
        for line in map(json.loads, lines):
            if line["step"] >= first and "test_acc" in line:
                yield line
