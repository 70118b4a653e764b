"""Running the installed `grok-tui`: its environment, its memory, what it says of its run."""

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
# As it is before tinygrad is used in this process, which adds to it. CACHEDB would keep an
# empty cache from being used.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "CACHEDB"}
SAMPLE_SECONDS = 0.2


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="grok-tui-bench-") as name:
        yield Path(name)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended: its summary, seconds since the command began, memory in MB."""

    summary: Mapping[str, Any]
    seconds: float
    megabytes: float


def headless(arguments: Sequence[str], environment: Mapping[str, str] = ENVIRONMENT) -> Run:
    """Run `grok-tui --record` to its end; raises NotMeasuredError if it fails."""
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
    """The most memory that a process and its descendants held together, in MB.

    At each sample the peaks so far of all living processes are added up, so short-lived
    ones, such as compilers, count only while they live. 0 without a /proc.
    """

    def __init__(self, pid: int) -> None:
        self._pid, self.megabytes = pid, 0.0

    def sample(self) -> None:
        together = sum(map(_peak_kilobytes, _family(self._pid))) / 1000
        self.megabytes = max(self.megabytes, together)


def _family(pid: int) -> list[int]:
    """The process and its descendants; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which is in brackets and may hold anything: state, parent.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, new = [], [pid]
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def _peak_kilobytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    # In kibibytes; a process that has just ended has no such line.
    return sum(1.024 * float(line.split()[1]) for line in lines if line.startswith("VmHWM"))
