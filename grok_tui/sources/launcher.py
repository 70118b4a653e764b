"""Opens the runs of a session (new, branched, resumed or replayed) and closes them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from grok_tui.config.schema import Config, build
from grok_tui.protocol.events import Source
from grok_tui.runs import reader
from grok_tui.runs.branch import branch, branch_folder, parent_of
from grok_tui.runs.folders import name_of, new_folder
from grok_tui.runs.resume import saved, where_to_resume
from grok_tui.sources.job import Job
from grok_tui.sources.player import Player, shown
from grok_tui.sources.recording import Recording, recorded_state
from grok_tui.sources.replay import ReplaySource
from grok_tui.sources.worker import WorkerSource
from grok_tui.text import UserError
from grok_tui.view.state import SessionState

# How long a trainer may take to save its last checkpoint before it is killed.
SAVE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run that a session shows: the source of its events and the state that they continue.

    folder: the run directory, None if nothing is recorded.
    paused: whether it starts paused. parent: the directory of the run that it branched from.
    """

    source: Source | ReplaySource
    state: SessionState
    folder: Path | None = None
    paused: bool = False
    parent: Path | None = None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A request for a new run from the first step."""

    config: Config


@dataclass(frozen=True, slots=True)
class BranchRun:
    """A request for a paused new run that starts from a checkpoint of its parent."""

    checkpoint: Path


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """A request to continue a run whose trainer is gone, from its newest checkpoint."""

    folder: Path
    paused: bool


RunRequest = NewRun | BranchRun | ResumeRun


class Launcher:
    """Opens the runs of a session, and ends them after its screens have closed.

    A method that opens a run raises UserError or OSError if it cannot, and changes nothing.
    """

    def __init__(self, job_of: Callable[[str], Job], *, save: bool) -> None:
        """job_of: returns the job of a preset, with the settings of the command line.

        save: whether new runs are recorded.
        """
        self._job_of, self._save = job_of, save
        self._opened: list[tuple[WorkerSource, Path | None]] = []

    def preset(self, name: str) -> Run:
        """Open a new run of a preset."""
        return self.open(self._job_of(name))

    def config_of(self, name: str) -> Config:
        """The config that a new run of a preset would have. Raises UserError."""
        return self._job_of(name).config

    def launch(self, request: RunRequest) -> Run:
        """Open the requested run."""
        match request:
            case NewRun(config):
                name = name_of(self._opened[-1][1]) if self._opened else "run"
                return self.open(Job(config, new_folder(name) if self._save else None))
            case BranchRun(checkpoint):
                folder = branch_folder(checkpoint.parents[1])
                snapshot = branch(checkpoint, folder)
                return self.open(Job(build(snapshot.config), folder, snapshot), paused=True)
            case ResumeRun(folder, paused):
                config, start, warnings = where_to_resume(folder)
                return self.open(
                    Job(config, folder, start, warnings=tuple(warnings)), paused=paused
                )

    def open(self, job: Job, *, paused: bool = False) -> Run:
        """Open the run of a job without starting it; a continued run shows its history."""
        state, parent = SessionState(job.config.model_dump(mode="json")), None
        if job.snapshot and job.run_dir:
            state = recorded_state(job.run_dir, job.snapshot.step).continued()
            parent = parent_of(job.run_dir)
            job = replace(job, edits=reader.edits(job.run_dir, job.snapshot.step))
        source = WorkerSource(job)
        self._opened.append((source, job.run_dir))
        return Run(source, state, job.run_dir, paused, parent)

    def replay(self, folder: Path, step: int, speed: float) -> Run:
        """Open a recorded run, read-only, at `step`; speed: a multiple of the run's own."""
        recording = Recording.open(folder)
        player = Player(recording.timeline, recording.last, speed=speed).sought(step)
        return Run(ReplaySource(recording, player), shown(recording, player), folder)

    @property
    def unheard(self) -> list[str]:
        """After `close`: why runs failed while they were being ended."""
        return [source.unheard for source, _ in self._opened if source.unheard]

    def close(self) -> Iterator[str]:
        """End every trainer; yields lines that say where the runs and logs are."""
        for source, run_dir in self._opened:
            source.close(SAVE_SECONDS)
            if source.log:
                yield f"the trainer's output is in {source.log}"
            if run_dir is not None and run_dir.exists():
                yield saved(run_dir)


def replay_launcher() -> Launcher:
    """A launcher for a session that starts with a replay; branches of it are recorded."""
    return Launcher(_no_preset, save=True)


def _no_preset(name: str) -> Job:
    raise UserError(f"{name} cannot be opened from a replay")
