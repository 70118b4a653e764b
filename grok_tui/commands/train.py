"""Training, with a screen or without one: which job, from what the command line says."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from grok_tui.config import ConfigError, build, flag, is_live
from grok_tui.errors import UserError
from grok_tui.layers import resolve

if TYPE_CHECKING:
    from grok_tui.job import Job

UNATTENDED_PRESET = "quick"


def run(options: Namespace) -> int:
    """Train; the exit code."""
    check(options)
    if options.record is None and _has_screen():
        return _session(options)
    from grok_tui.record import record
    from grok_tui.runs.folders import new_folder

    job: Job | None
    if options.record is None and options.resume is None:
        options.preset = options.preset or UNATTENDED_PRESET
        options.fields.setdefault("stop_when", "grokked")
        job = new_job(options, options.preset, new_folder(options.preset))
        say(f"no terminal here: training headless into {job.run_dir}")
    elif options.resume:
        job = _resumed_job(options)
    else:
        job = new_job(options, options.preset, options.record)
    return record(job) if job else 0


def _has_screen() -> bool:
    """Whether there is a terminal, or a browser in its place."""
    browser = "TEXTUAL_DRIVER" in os.environ
    return browser or (sys.stdout.isatty() and sys.stdin.isatty())


def _session(options: Namespace) -> int:
    from grok_tui.runs.folders import new_folder
    from grok_tui.session import run_session

    save = not options.no_save

    def job_for(preset: str) -> Job:
        return new_job(options, preset, new_folder(preset) if save else None)

    job: Job | None
    if options.resume:
        if (job := _resumed_job(options)) is None:
            return 0
    else:
        named = options.preset or ("custom" if options.config else None)
        job = job_for(named) if named else None
    return run_session(job, job_for, options.theme, save=save, ascii_only=options.ascii)


def check(options: Namespace) -> None:
    """Raise UserError for flags that do not go together."""
    if options.resume and options.record and not _same(options.resume, options.record):
        raise UserError(
            "--record and --resume name different folders; a run goes on in its own"
        )
    if options.resume and (options.preset or options.config):
        raise UserError("a resumed run keeps its config; give single flags instead of a preset")
    if options.no_save and (options.record or options.resume):
        raise UserError("--no-save is for a new session; --record and --resume always save")


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def new_job(options: Namespace, preset: str | None, run_dir: Path | None) -> Job:
    """A run from step 0. Raises ConfigError or RunError."""
    from grok_tui.job import Job
    from grok_tui.runs.writer import check_unused

    config = resolve(options.fields, options.config, preset if preset != "custom" else None)
    if run_dir:
        check_unused(run_dir)
    return Job(config, run_dir)


def _resumed_job(options: Namespace) -> Job | None:
    """The job that goes on with a run, None (and a word to the user) if it is complete.

    One that was killed between its last checkpoint and its summary still has that to write.
    """
    from grok_tui.job import Job
    from grok_tui.runs.checkpoints import newest

    run_dir: Path = options.resume
    snapshot, warnings = newest(run_dir / "checkpoints")
    before = build(snapshot.config)
    config = before.changed(**options.fields)
    for name in options.fields:
        if (
            not is_live(name)
            and name != "device"
            and getattr(config, name) != getattr(before, name)
        ):
            raise ConfigError(f"{flag(name)} cannot change within a run; start a new one")
    summed_up = (run_dir / "summary.json").exists()
    if config.steps < snapshot.step or (config.steps == snapshot.step and summed_up):
        say(f"{run_dir} is complete at step {snapshot.step}; --steps takes it further")
        return None
    grokked = snapshot.milestones.get("grok_step")
    if config.stop_when == "grokked" and grokked is not None and summed_up:
        say(f"{run_dir} grokked at step {grokked}; --stop-when never takes it further")
        return None
    return Job(config, run_dir, snapshot, warnings=tuple(warnings))


def say(text: str) -> None:
    """A line to the user, on standard error."""
    print(f"grok-tui: {text}", file=sys.stderr)
