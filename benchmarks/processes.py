"""Runs the installed `grok-tui` and reads its memory and the summary of its run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import NotMeasuredError
from benchmarks.rounds import say

COMMAND = Path(sys.executable).with_name("grok-tui")
# Copied before this program changes it for tinygrad in this process.
ENVIRONMENT = dict(os.environ)
SAMPLE_SECONDS = 0.2


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="grok-tui-bench-") as name:
        yield Path(name)


@dataclass(frozen=True, slots=True)
class Run:
    """An ended run: its summary, seconds since the command started, peak memory in MB."""

    summary: Mapping[str, Any]
    seconds: float
    megabytes: float


def headless(arguments: Sequence[str], environment: Mapping[str, str] = ENVIRONMENT) -> Run:
    """Run `grok-tui --record` to its end. Raises NotMeasuredError if it fails."""
    with temporary_folder() as folder, (folder / "log").open("w+") as log:
        command = [str(COMMAND), "--record", str(folder / "run"), *arguments]
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        memory = PeakMemory(process.pid)
        while True:
            try:
                code = process.wait(SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                memory.sample()
        seconds = time.perf_counter() - started
        if code:
            log.seek(0)
            say(log.read())
            raise NotMeasuredError(f"{' '.join(command)} failed with exit code {code}")
        return Run(read_summary(folder / "run"), seconds, memory.megabytes)


def read_summary(run_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run_dir / "summary.json").read_text())
    return content


class PeakMemory:
    """The peak memory of a process and its descendants together, in MB; 0 without /proc.

    Each sample adds up the peaks so far of all living processes, so short-lived ones, such as
    compilers, count only while they live.
    """

    def __init__(self, pid: int) -> None:
        self._pid, self.megabytes = pid, 0.0

    def sample(self) -> None:
        together = sum(map(_peak_kilobytes, _family(self._pid))) / 1000
        self.megabytes = max(self.megabytes, together)


def _family(pid: int) -> list[int]:
    """The process and its descendants; only the process without /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # State and parent follow the name, which is in parentheses and may hold anything.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # the process has ended
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    family, new = [], [pid]
    while new:
        family += new
        new = [child for parent in new for child in children.get(parent, [])]
    return family


def _peak_kilobytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    # In kibibytes; a process that is just ending has no such line.
    return sum(1.024 * float(line.split()[1]) for line in lines if line.startswith("VmHWM"))
