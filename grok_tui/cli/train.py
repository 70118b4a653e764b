"""Training with or without a screen: the job that the command line asks for."""

from __future__ import annotations

from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grok_tui import __version__
from grok_tui.cli.flags import (
    Parser,
    add_config_flags,
    add_screen_flags,
    given_fields,
    integer,
    path,
)
from grok_tui.cli.main import COMMANDS
from grok_tui.cli.output import has_screen, report, say
from grok_tui.config.schema import FIELDS, Config, ConfigError, build, flag, is_live, written
from grok_tui.config.sources import resolve
from grok_tui.tasks.registry import check
from grok_tui.text import UserError

if TYPE_CHECKING:
    from grok_tui.protocol.snapshot import Snapshot
    from grok_tui.sources.job import Job

UNATTENDED_PRESET = "quick"
_DESCRIPTION = """\
Train a small transformer on modular arithmetic and watch it grok.

  grok-tui                              choose a preset, then watch it train
  grok-tui --preset quick               straight into that preset
  grok-tui --record DIR --preset nanda  headless: write the run directory DIR
  grok-tui --resume DIR                 continue the run in DIR from its newest checkpoint
  grok-tui --record DIR --resume DIR    headless: begin the run in DIR, or continue it
  grok-tui --branch DIR --at STEP       a new run that starts from that step of DIR
"""


def parse(_: str, arguments: Sequence[str]) -> Namespace:
    """The options, with the config fields that were given as `fields`."""
    commands = "\n".join(f"  {name:10}{command.about}" for name, command in COMMANDS.items())
    parser = Parser(
        prog="grok-tui",
        description=_DESCRIPTION,
        epilog=f"commands:\n{commands}\n\nEvery field can also be set by GROK_TUI_<FIELD> in"
        " the environment or in a --config file.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"grok-tui {__version__}")
    add("--record", metavar="DIR", type=path, help="train headless into a run directory")
    add(
        "--resume",
        metavar="DIR",
        type=path,
        help="continue a run; with --record of the same DIR headless, or begin it there",
    )
    add(
        "--branch",
        metavar="DIR",
        type=path,
        help="a new run that starts from a checkpoint of DIR; --record names its folder",
    )
    add(
        "--at",
        metavar="STEP",
        type=integer,
        help="step of the checkpoint to branch from (default: the newest)",
    )
    add("--no-save", action="store_true", help="record nothing (only in the session)")
    add_screen_flags(parser)
    add_config_flags(parser)
    options = parser.parse_args(arguments)
    options.fields = given_fields(options)
    return options


def run(options: Namespace) -> int:
    """Train and return the exit code."""
    check_options(options)
    if options.record is None and has_screen("--record DIR trains without one"):
        return _session(options)
    from grok_tui.cli.headless import train_headless
    from grok_tui.runs.resume import saved

    job = _headless_job(options)
    if job is None:
        return 0
    code = train_headless(job)
    if job.run_dir and job.run_dir.exists():  # nothing is left of a run that cannot be written
        report(saved(job.run_dir))
    return code


def _headless_job(options: Namespace) -> Job | None:
    """The job of a run without a screen, in a new folder if none is named.

    None if the run to resume is complete.
    """
    from grok_tui.runs.folders import new_folder

    if options.resume and not _begins(options):
        return _resumed_job(options)
    if options.branch:
        return _branched_job(options)
    if options.record:
        return new_job(options, options.preset, options.record)
    options.preset = options.preset or UNATTENDED_PRESET
    options.fields.setdefault("stop_when", "grokked")
    job = new_job(options, options.preset, new_folder(options.preset))
    report(f"no terminal: training headless into {job.run_dir}")
    return job


def _session(options: Namespace) -> int:
    from grok_tui.runs.folders import new_folder
    from grok_tui.sources.launcher import Launcher
    from grok_tui.tui.start import make_app, run_session

    save = not options.no_save

    def job_for(preset: str) -> Job:
        return new_job(options, preset, new_folder(preset) if save else None)

    job: Job | None = None
    if options.resume or options.branch:
        job = _resumed_job(options) if options.resume else _branched_job(options)
        if job is None:
            return 0
    elif named := options.preset or ("custom" if options.config else None):
        job = job_for(named)
    launcher = Launcher(job_for, save=save)
    first = launcher.open(job) if job else None
    app = make_app(launcher, first, options.theme, ascii_only=options.ascii)
    return run_session(launcher, app)


def check_options(options: Namespace) -> None:
    """Raise UserError for flags that do not go together."""
    if options.resume and options.record and not _is_same(options):
        raise UserError(
            "--record and --resume name different folders; a run continues in its own"
        )
    if options.resume and options.branch:
        raise UserError("--resume continues a run, --branch starts another; choose one")
    continued = "resumed run" if options.resume else "branch" if options.branch else ""
    if continued and (options.preset or options.config) and not _is_same(options):
        raise UserError(f"a {continued} keeps its config; give single flags, not a preset")
    if options.no_save and (options.record or continued):
        raise UserError(
            "--no-save is for a new session; --record, --resume and --branch always save"
        )
    if options.at is not None and not options.branch:
        raise UserError("--at needs --branch: it is the step to branch from")


def _is_same(options: Namespace) -> bool:
    """Whether --record and --resume name one folder: begin a run there, or continue it."""
    both = options.resume and options.record
    return bool(both) and options.resume.resolve() == options.record.resolve()


def _begins(options: Namespace) -> bool:
    """Whether a run is to begin in a folder that has none yet."""
    from grok_tui.runs.folders import is_unused

    return _is_same(options) and is_unused(options.record)


def new_job(options: Namespace, preset: str | None, run_dir: Path | None) -> Job:
    """The job of a run from step 0. Raises ConfigError or RunError."""
    from grok_tui.runs.folders import check_unused
    from grok_tui.sources.job import Job

    named = preset if preset != "custom" else None
    config = resolve(options.fields, options.config, named, check=check)
    if run_dir:
        check_unused(run_dir)
    return Job(config, run_dir)


def _resumed_job(options: Namespace) -> Job | None:
    """The job that continues a run; if it is complete, says so and returns None.

    A run killed between its last checkpoint and its summary still has to write the summary.
    """
    from grok_tui.runs.resume import where_to_resume
    from grok_tui.sources.job import Job

    run_dir: Path = options.resume
    before, snapshot, warnings = where_to_resume(run_dir)
    fields = _changes(options) if _is_same(options) else options.fields
    config = _changed(before, fields)
    if snapshot is None:
        report(f"{run_dir} ended before its first checkpoint; it begins again")
        return Job(config, run_dir)
    summed_up = (run_dir / "summary.json").exists() or config.steps < snapshot.step
    if summed_up and (complete := _complete(snapshot, config)):
        say(f"{run_dir} {complete}")
        return None
    return Job(config, run_dir, snapshot, warnings=tuple(warnings))


def _changes(options: Namespace) -> dict[str, Any]:
    """The flags that differ from the config that a run began with.

    A preset and a file are there to begin it, and must agree. Raises ConfigError.
    """
    from grok_tui.runs.schema import read_config

    start = read_config(options.resume)
    given = resolve(options.fields, options.config, options.preset, check=check)
    differing = [name for name in FIELDS if getattr(given, name) != getattr(start, name)]
    for name in differing if options.preset or options.config else ():
        if name not in options.fields and name != "device":
            began, other = (written(getattr(config, name)) for config in (start, given))
            raise ConfigError(
                f"{options.resume} began with {name} {began}, not with {other}; leave out the"
                f" preset or file, or give {flag(name)} {began}"
            )
    return {name: options.fields[name] for name in differing if name in options.fields}


def _branched_job(options: Namespace) -> Job:
    """The job of a new run that starts from a checkpoint of another."""
    from grok_tui.runs import checkpoints
    from grok_tui.runs.branch import branch, branch_folder
    from grok_tui.sources.job import Job

    checkpoint = checkpoints.at_step(options.branch / "checkpoints", options.at)
    folder = options.record or branch_folder(options.branch)
    snapshot = checkpoints.load(checkpoint)
    config = _changed(build(snapshot.config), options.fields)
    if complete := _complete(snapshot, config):
        raise UserError(f"{options.branch} {complete}")
    branch(checkpoint, folder)
    report(f"branching from {options.branch} at step {snapshot.step} into {folder}")
    return Job(config, folder, snapshot)


def _changed(before: Config, fields: Mapping[str, Any]) -> Config:
    """The config of a run with other live fields. Raises ConfigError."""
    config = before.changed(**fields)
    for name in fields:
        changed = getattr(config, name) != getattr(before, name)
        if changed and not is_live(name) and name != "device":
            raise ConfigError(f"{flag(name)} cannot change within a run; start a new one")
    return config


def _complete(snapshot: Snapshot, config: Config) -> str:
    """Why a run is complete at a checkpoint, as text for the user; empty if it is not."""
    grok_step = snapshot.milestones.get("grok_step")
    if config.steps <= snapshot.step:
        return f"is complete at step {snapshot.step}; --steps N trains it further"
    if config.stop_when == "grokked" and grok_step is not None:
        return f"grokked at step {grok_step}; --stop-when never trains it further"
    return ""
