"""An interactive session: the trainer in a child process, the screens in this one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from grok_tui.job import Job
from grok_tui.tui.app import Run, SessionApp
from grok_tui.tui.run_screen import SAVE_SECONDS, Ending
from grok_tui.tui.themes import find_theme
from grok_tui.worker import WorkerSource


class Session:
    """Opens the session's one run, and closes it when the screens are gone."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._source: WorkerSource | None = None

    def open(self, job: Job) -> Run:
        """The run of a job, not yet started."""
        self._job, self._source = job, WorkerSource(job)
        return Run(self._source, job.config)

    def close(self) -> Iterator[str]:
        """End the trainer, then say where everything is."""
        if self._source is None or self._job is None:
            return
        self._source.close(SAVE_SECONDS)
        if self._source.log:
            yield f"what the trainer printed is in {self._source.log}"
        run_dir = self._job.run_dir
        if run_dir and run_dir.exists():
            yield f"the run is in {run_dir}; --resume {run_dir} goes on with it"


def run_session(job: Job | Callable[[str], Job], theme_name: str | None) -> int:
    """Show a job, or the job of the preset that the user picks; returns the exit code."""
    session = Session()
    if isinstance(job, Job):
        app = SessionApp(session.open(job), find_theme(theme_name))
    else:
        app = SessionApp(lambda preset: session.open(job(preset)), find_theme(theme_name))
    try:
        ending = app.run() or Ending(1, "the session ended by itself")
    finally:
        words = list(session.close())
    if ending.problem:
        words.insert(0, f"error: {ending.problem}")
    for line in words:
        print(f"grok-tui: {line}", file=sys.stderr)
    return ending.code
