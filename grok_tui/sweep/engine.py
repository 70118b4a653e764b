"""Training the points of a sweep on the workers of a Dask cluster, here or elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, Worker, WorkerPlugin, as_completed

from grok_tui.config import build
from grok_tui.core.events import Event, Failed
from grok_tui.core.openblas import blas_threads
from grok_tui.errors import UserError
from grok_tui.job import Job, QueueInbox, run
from grok_tui.runs.checkpoints import CheckpointError
from grok_tui.runs.resume import resumable
from grok_tui.sweep.folder import SweepFolder, discard
from grok_tui.sweep.spec import Point

# How long an existing scheduler may take to answer.
CONNECT_SECONDS = 10.0


class SchedulerLostError(UserError):
    """The scheduler went away while points were being trained."""


def _hush() -> None:
    """Keep Dask from logging tracebacks of lost connections: they are said in a line here."""
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class OwnCores(WorkerPlugin):  # type: ignore[misc]
    """Gives each worker of this machine its share of the cores."""

    name = "own-cores"

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def setup(self, worker: Worker) -> None:
        _hush()
        if not hasattr(os, "sched_setaffinity"):
            return
        cores = sorted(os.sched_getaffinity(0))
        mine = cores[int(worker.name) % min(self._workers, len(cores)) :: self._workers]
        os.sched_setaffinity(0, mine or cores)


@contextlib.contextmanager
def cluster(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """A client of the scheduler at an address, or of a cluster of processes on this machine.

    Raises UserError if the scheduler does not answer.
    """
    _hush()
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise UserError(f"no scheduler at {scheduler}: {error}") from None
        with client:
            yield client
        return
    count = workers or blas_threads()
    with (
        LocalCluster(
            n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as local,
        Client(local) as client,
    ):
        client.register_plugin(OwnCores(count))
        yield client


def train(
    client: Client, folder: SweepFolder, points: Sequence[Point], done: Callable[[Point], None]
) -> None:
    """Train points on a client's workers; `done` is told of each, in the order they end.

    A worker that dies has its point done elsewhere. One that fails is noted as broken. Raises
    SchedulerLostError.
    """
    path = folder.path.resolve()
    futures = {
        client.submit(
            train_point,
            str(path / point.name),
            point.config.model_dump(mode="json"),
            key=point.name,
            pure=False,
        ): point
        for point in points
    }
    for future in as_completed(futures):
        point = futures[future]
        if future.status in ("cancelled", "lost"):
            raise SchedulerLostError("the scheduler is gone")
        if future.status != "finished":
            folder.broken[point.name] = f"its workers died: {future.exception()}"
        elif reason := future.result():
            folder.broken[point.name] = reason
        done(point)


def train_point(run_dir: str, fields: dict[str, Any]) -> str:
    """Train one run to its end, from its newest checkpoint if it has one.

    Returns why it failed, or nothing. It runs in a worker; whatever breaks is a reason.
    """
    try:
        end = run(_job(Path(run_dir), fields), QueueInbox(), _ignore)
    except Exception as error:  # noqa: BLE001  of a device, a disk, a lock: the sweep goes on
        return f"{type(error).__name__}: {error}"
    return end.reason if isinstance(end, Failed) else ""


def _job(run_dir: Path, fields: dict[str, Any]) -> Job:
    config = build(fields)
    try:
        snapshot, warnings = resumable(run_dir)
    except (CheckpointError, FileNotFoundError):
        discard(run_dir)
        return Job(config, run_dir)
    config = config.changed(device=snapshot.config["device"])
    return Job(config, run_dir, snapshot, warnings=tuple(warnings))


def _ignore(event: Event) -> None:
    """A point's events are in its run directory."""
