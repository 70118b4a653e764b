"""Trainers in child processes that tests can watch."""

from __future__ import annotations

import queue
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

from command_line import LIMIT, wait_until

from grok_tui.protocol.events import Event, Failed, Stopped
from grok_tui.sources.job import Job
from grok_tui.sources.worker import WorkerSource

E = TypeVar("E")


class Watched:
    """A worker and its events so far."""

    def __init__(self, job: Job) -> None:
        self.source = WorkerSource(job)
        self.events: list[Event] = []
        self._coming: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.source.start(self._coming.put)
        assert self.source.pid
        self.pid = self.source.pid

    def until(
        self, kind: type[E], where: Callable[[E], bool] = lambda _: True, limit: float = LIMIT
    ) -> E:
        """The next event of a kind; any other end of the run is an error."""
        deadline = time.monotonic() + limit
        while True:
            event = self._coming.get(timeout=max(0.0, deadline - time.monotonic()))
            self.events.append(event)
            if isinstance(event, kind) and where(event):
                return event
            assert not isinstance(event, Stopped | Failed), event

    def more(self) -> bool:
        return not self._coming.empty()


def group(leader: int) -> list[int]:
    """The living processes of a group, without zombies."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, pgid, stat in rows if int(pgid) == leader and stat[0] != "Z"]


def wait_until_gone(leader: int, limit: float) -> None:
    wait_until(lambda: not group(leader), "the end of its processes", limit)
