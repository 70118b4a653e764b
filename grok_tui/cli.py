"""The `grok-tui` command: it reads the arguments, then picks a source and its sinks."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grok_tui.arguments import LISTS, parse
from grok_tui.config import ConfigError, build, flag, is_live
from grok_tui.errors import UserError
from grok_tui.layers import resolve

if TYPE_CHECKING:
    from grok_tui.job import Job

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
UNATTENDED_PRESET = "quick"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        if options.command in LISTS:
            from grok_tui.listing import print_list

            print_list(options.command, as_json=options.json)
            return DONE
        commands = {"serve": _serve, "export": _export, None: _train}
        return commands[options.command](options)
    except UserError as error:
        _say(f"error: {error}")
        return USAGE
    except BrokenPipeError:  # `grok-tui presets | head`
        sys.stderr.close()
        return DONE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _say(f"error: {place}{error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _serve(options: Namespace) -> int:
    try:
        from grok_tui.serve import serve
    except ImportError:
        raise UserError("serve needs textual-serve: pip install 'grok-tui[serve]'") from None
    _check(options.session)
    if not options.session.resume:  # what is wrong is better said here than in a browser
        _new(options.session, options.session.preset, None)
    return serve(options.arguments, options.port)


def _export(options: Namespace) -> int:
    from grok_tui.runs.export import CSV, write_csv, write_weights

    run: Path = options.run
    if not (run / "config.toml").is_file():
        raise UserError(f"{run} is no run directory: it has no config.toml")
    if options.form != CSV:
        for file in write_weights(run, options.form, options.step, options.output):
            print(file)
    elif options.output is None:
        write_csv(run, sys.stdout)
    else:
        with options.output.open("w", newline="") as file:
            write_csv(run, file)
        print(options.output)
    return DONE


def _has_screen() -> bool:
    """Whether there is a terminal, or a browser in its place."""
    browser = "TEXTUAL_DRIVER" in os.environ
    return browser or (sys.stdout.isatty() and sys.stdin.isatty())


def _train(options: Namespace) -> int:
    _check(options)
    if options.record is None and _has_screen():
        return _session(options)
    from grok_tui.record import record
    from grok_tui.runs.folders import new_folder

    job: Job | None
    if options.record is None and options.resume is None:
        options.preset = options.preset or UNATTENDED_PRESET
        options.fields.setdefault("stop_when", "grokked")
        job = _new(options, options.preset, new_folder(options.preset))
        _say(f"no terminal here: training headless into {job.run_dir}")
    elif options.resume:
        job = _resumed(options)
    else:
        job = _new(options, options.preset, options.record)
    return record(job) if job else DONE


def _session(options: Namespace) -> int:
    from grok_tui.runs.folders import new_folder
    from grok_tui.session import run_session

    save = not options.no_save

    def job_for(preset: str) -> Job:
        return _new(options, preset, new_folder(preset) if save else None)

    job: Job | None
    if options.resume:
        if (job := _resumed(options)) is None:
            return DONE
    else:
        named = options.preset or ("custom" if options.config else None)
        job = job_for(named) if named else None
    return run_session(job, job_for, options.theme, save=save, ascii_only=options.ascii)


def _check(options: Namespace) -> None:
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


def _new(options: Namespace, preset: str | None, run_dir: Path | None) -> Job:
    from grok_tui.job import Job
    from grok_tui.runs.writer import check_unused

    config = resolve(options.fields, options.config, preset if preset != "custom" else None)
    if run_dir:
        check_unused(run_dir)
    return Job(config, run_dir)


def _resumed(options: Namespace) -> Job | None:
    """The job that goes on with a run, None (and a word to the user) if it is complete."""
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
    if config.steps <= snapshot.step:
        _say(f"{run_dir} is complete at step {snapshot.step}; --steps takes it further")
        return None
    if config.stop_when == "grokked" and snapshot.milestones.get("grok_step") is not None:
        _say(
            f"{run_dir} grokked at step {snapshot.milestones['grok_step']};"
            " --stop-when never takes it further"
        )
        return None
    return Job(config, run_dir, snapshot, warnings=tuple(warnings))


def _say(text: str) -> None:
    print(f"grok-tui: {text}", file=sys.stderr)
