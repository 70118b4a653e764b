"""An interactive session: the trainer in a child process, the screens in this one."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from rich.console import Console

from grok_tui.job import Job
from grok_tui.runs.checkpoints import checkpoints_in
from grok_tui.tui.app import Run, SessionApp, session_actions
from grok_tui.tui.keymap import load_keymap
from grok_tui.tui.preferences import remembered_theme
from grok_tui.tui.run_screen import SAVE_SECONDS, Ending
from grok_tui.tui.themes import choose_theme, load_themes
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
        if run_dir is None or not run_dir.exists():
            return
        if checkpoints_in(run_dir / "checkpoints"):
            yield f"the run is in {run_dir}; --resume {run_dir} goes on with it"
        else:
            yield f"ended before the first checkpoint; {run_dir} has the config only"


def run_session(job: Job | Callable[[str], Job], theme_name: str | None) -> int:
    """Show a job, or the job of the preset that the user picks; returns the exit code."""
    themes, bad_themes = load_themes()
    keymap, bad_keys = load_keymap(session_actions())
    for problem in bad_themes + bad_keys:
        _say(problem)
    theme = choose_theme(themes, theme_name, remembered_theme())
    session = Session()
    if isinstance(job, Job):
        app = SessionApp(session.open(job), themes, theme, keymap)
    else:
        app = SessionApp(lambda preset: session.open(job(preset)), themes, theme, keymap)
    # A traceback would land on the user's screen; it goes to a file instead.
    app.error_console = Console(file=io.StringIO(), width=100)
    try:
        ending = app.run() or Ending(1, _broken(app.error_console.file))
    finally:
        words = list(session.close())
    if ending.problem:
        words.insert(0, f"error: {ending.problem}")
    for line in words:
        _say(line)
    return ending.code


def _broken(output: IO[str]) -> str:
    """What to say after the screens broke, which is a defect of this program."""
    text = output.getvalue() if isinstance(output, io.StringIO) else ""
    if not text:
        return "the session ended by itself"
    descriptor, name = tempfile.mkstemp(prefix="grok-tui-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return f"the screen broke, please report it with {name}"


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(f"grok-tui: {line}", file=sys.stderr)
