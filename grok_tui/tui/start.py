"""An interactive session: the trainer in a child process, the screens in this one."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from rich.console import Console

from grok_tui.config.schema import Config, build
from grok_tui.runs import reader
from grok_tui.runs.branch import branch, branch_folder, parent_of
from grok_tui.runs.checkpoints import checkpoints_in
from grok_tui.runs.folders import name_of, new_folder
from grok_tui.runs.resume import resumable
from grok_tui.sources.job import Job
from grok_tui.sources.launcher import Run
from grok_tui.sources.player import Player, shown
from grok_tui.sources.recording import Recording
from grok_tui.sources.replay import ReplaySource
from grok_tui.sources.worker import WorkerSource
from grok_tui.tui.app import SessionApp, session_actions
from grok_tui.tui.keys.keymap import load_keymap
from grok_tui.tui.preferences import remembered_theme
from grok_tui.tui.screens.flows import recorded_state
from grok_tui.tui.screens.run_view import SAVE_SECONDS, Ending
from grok_tui.tui.themes import choose_theme, load_themes
from grok_tui.view.state import SessionState

JobOf = Callable[[str], Job]


class Session:
    """Makes the session's runs (a `Launcher`), and ends them when the screens are gone."""

    def __init__(self, job_of: JobOf, *, save: bool) -> None:
        """job_of: the job of a preset, with what the command line said."""
        self._job_of, self._save = job_of, save
        self._opened: list[tuple[WorkerSource, Path | None]] = []

    def preset(self, name: str) -> Run:
        return self.open(self._job_of(name))

    def again(self, config: Config) -> Run:
        name = name_of(self._opened[-1][1]) if self._opened else "run"
        return self.open(Job(config, new_folder(name) if self._save else None))

    def branch(self, checkpoint: Path) -> Run:
        folder = branch_folder(checkpoint.parents[1])
        snapshot = branch(checkpoint, folder)
        return self.open(Job(build(snapshot.config), folder, snapshot), paused=True)

    def resume(self, folder: Path, *, paused: bool) -> Run:
        snapshot, warnings = resumable(folder)
        job = Job(build(snapshot.config), folder, snapshot, warnings=tuple(warnings))
        return self.open(job, paused=paused)

    def open(self, job: Job, *, paused: bool = False) -> Run:
        """The run of a job, not yet started; one that goes on shows what came before."""
        state, parent = SessionState(job.config.model_dump(mode="json")), None
        if job.snapshot and job.run_dir:
            state = recorded_state(job.run_dir, job.snapshot.step).going_on()
            parent = parent_of(job.run_dir)
            job = replace(job, edits=reader.edits(job.run_dir, job.snapshot.step))
        source = WorkerSource(job)
        self._opened.append((source, job.run_dir))
        return Run(source, state, job.run_dir, paused, parent)

    def replay(self, folder: Path, step: int, speed: float) -> Run:
        """A recorded run, which is left as it is."""
        recording = Recording(folder)
        player = Player(recording.pace, recording.last, speed=speed).sought(step)
        return Run(ReplaySource(recording, player), shown(recording, player), folder)

    @property
    def unheard(self) -> list[str]:
        """After `close`: why runs failed that were only to be ended."""
        return [source.unheard for source, _ in self._opened if source.unheard]

    def close(self) -> Iterator[str]:
        """End every trainer, then say where everything is."""
        for source, run_dir in self._opened:
            source.close(SAVE_SECONDS)
            if source.log:
                yield f"what the trainer printed is in {source.log}"
            if run_dir is not None and run_dir.exists():
                yield _where(run_dir)


def _where(run_dir: Path) -> str:
    if checkpoints_in(run_dir / "checkpoints"):
        return f"the run is in {run_dir}; --resume {run_dir} goes on with it"
    return f"ended before the first checkpoint; {run_dir} has the config only"


def make_app(
    session: Session,
    first: Run | None,
    theme_name: str | None,
    *,
    ascii_only: bool = False,
    kind: Callable[..., SessionApp] = SessionApp,
) -> SessionApp:
    """The session's application, with the user's themes and keys. Raises ThemeError.

    kind: makes it, from what a `SessionApp` is made of.
    """
    themes, bad_themes = load_themes()
    keymap, bad_keys = load_keymap(session_actions())
    for problem in bad_themes + bad_keys:
        _say(problem)
    theme = choose_theme(themes, theme_name, remembered_theme(), Console().color_system)
    return kind(first, session, themes, theme, keymap, ascii=ascii_only)


def run_session(session: Session, app: SessionApp) -> int:
    """Show the application until the user leaves; the exit code."""
    # A traceback would land on the user's screen; it goes to a file instead.
    app.error_console = Console(file=io.StringIO(), width=100)
    try:
        ending = app.run()
        if ending is None:  # a browser went away, or the screens broke
            whole = app.return_code == 0
            ending = Ending(0) if whole else Ending(1, _broken(app.error_console.file))
    finally:
        words = list(session.close())
    problems = [problem for problem in (ending.problem, *session.unheard) if problem]
    words = [*(f"error: {problem}" for problem in problems), *words]
    for line in dict.fromkeys(words):  # a run that was resumed was opened twice
        _say(line)
    return 1 if session.unheard else ending.code


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
