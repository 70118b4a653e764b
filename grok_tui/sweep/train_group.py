"""Training the runs of several points in one process, as replicas of one network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from grok_tui.config.schema import build
from grok_tui.device.open import open_device
from grok_tui.protocol.events import Failed, Warned
from grok_tui.runs.checkpoints import CheckpointError
from grok_tui.runs.resume import resumable
from grok_tui.runs.writer import RunWriter
from grok_tui.sources.job import Job, open_writer
from grok_tui.sources.retrying_recorder import cannot_write
from grok_tui.sweep.batching import fitting, parts
from grok_tui.sweep.folder import discard, outcome_of
from grok_tui.text import UserError


def train_runs(runs: Mapping[str, dict[str, Any]], limit: float = math.inf) -> dict[str, str]:
    """Train runs to their ends, from their newest checkpoints if they have some.

    runs: the fields of the configs by run directory, which differ in no more than
    `groups.NUMBERS`. limit: bytes of memory to use. Returns why runs failed, if any did.
    """
    reasons: dict[str, str] = {}
    jobs = []
    for run_dir, fields in runs.items():
        if outcome_of(Path(run_dir)).state == "done":  # by a worker that died later
            continue
        try:
            jobs.append(_job(Path(run_dir), fields))
        except (UserError, OSError) as error:
            reasons[run_dir] = str(error)
    for together in _at_one_step(jobs):
        config = together[0].config
        device = open_device(config.device)
        for part in parts(together, fitting(config, device, limit)):
            reasons |= _train(part, device)
    return reasons


def _job(run_dir: Path, fields: dict[str, Any]) -> Job:
    config = build(fields)
    try:
        snapshot, warnings = resumable(run_dir)
    except (CheckpointError, FileNotFoundError):
        discard(run_dir)
        return Job(config, run_dir)
    config = config.changed(device=snapshot.config["device"])
    return Job(config, run_dir, snapshot, warnings=tuple(warnings))


def _at_one_step(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Those that were cut off at one step can go on together."""

    def where(job: Job) -> tuple[int, str]:
        return job.snapshot.step if job.snapshot else 0, job.config.device

    for _, found in groupby(sorted(jobs, key=where), key=where):
        yield list(found)


def _train(jobs: Sequence[Job], device: str) -> dict[str, str]:
    """Train jobs as replicas on a device that is open; returns why some failed."""
    from grok_tui.training.fleet import Fleet, Member

    reasons: dict[str, str] = {}
    writers: dict[str, RunWriter] = {}
    members = []
    try:
        for job in jobs:
            config, name = job.config.changed(device=device), str(job.run_dir)
            try:
                writer = open_writer(job, config)
            except (UserError, OSError) as error:
                reasons[name] = str(error)
                continue
            assert writer is not None
            writers[name] = writer
            for warning in job.warnings:
                writer(Warned(job.snapshot.step if job.snapshot else 0, warning))
            members.append(Member(config, writer, writer, job.snapshot))
        ends = Fleet(members).run() if members else []
        for name, end in zip(writers, ends, strict=True):
            if isinstance(end, OSError):
                reasons[name] = cannot_write(end)
            elif isinstance(end, Failed):
                reasons[name] = end.reason
        return reasons
    finally:
        for writer in writers.values():
            writer.close()
