from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import LIMIT
from workers import Watched, wait_until_gone

from grok_tui.sources.job import Job


@pytest.fixture
def watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[Job], Watched]]:
    """Starts workers; checks afterwards that none of their processes or files are left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    started: list[Watched] = []

    def start(job: Job) -> Watched:
        started.append(Watched(job))
        return started[-1]

    yield start
    for watched in started:
        watched.source.close(LIMIT)
        wait_until_gone(watched.pid, limit=5.0)  # a killed process takes a moment
