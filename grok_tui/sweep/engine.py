"""Trains the points of a sweep on the workers of a Dask cluster, local or remote."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distributed import Client, Future, LocalCluster, Worker, WorkerPlugin, get_worker

from grok_tui.device.openblas import usable_cores
from grok_tui.sweep.folder import SweepFolder
from grok_tui.sweep.spec import Point
from grok_tui.sweep.train_group import train_runs
from grok_tui.text import UserError

# How often to check which groups have ended.
TICK_SECONDS = 0.25
# How long a scheduler given by address may take to answer.
CONNECT_SECONDS = 10.0


class SchedulerLostError(ConnectionError):
    """The scheduler went away while points were being trained, which no command can help."""


def _hush() -> None:
    """Silence Dask's tracebacks of lost connections, which are reported in one line instead."""
    for name in [n for n in logging.root.manager.loggerDict if n.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class OwnCores(WorkerPlugin):  # type: ignore[misc]
    """Gives each local worker its share of the cores, and sends its output to a file."""

    name = "own-cores"

    def __init__(self, workers: int, log: str) -> None:
        self._workers, self._log = workers, log

    def setup(self, worker: Worker) -> None:
        _hush()
        with Path(self._log).open("ab") as log:  # the terminal belongs to a screen
            for standard in (1, 2):
                os.dup2(log.fileno(), standard)
        if not hasattr(os, "sched_setaffinity"):
            return
        cores = sorted(os.sched_getaffinity(0))
        mine = cores[int(worker.name) % min(self._workers, len(cores)) :: self._workers]
        os.sched_setaffinity(0, mine or cores)


@contextlib.contextmanager
def cluster(scheduler: str | None, workers: int | None, log: Path) -> Iterator[Client]:
    """A client of the scheduler at an address, or of a new cluster of local processes.

    scheduler: the address; None for a local cluster. workers: the number of local processes;
    None for one per core. log: the file for their output, removed if empty.
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
    count = workers or usable_cores()
    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as local,
        Client(local) as client,
    ):
        client.register_plugin(OwnCores(count, str(log.resolve())))
        yield client
    if log.stat().st_size == 0:
        log.unlink()


def count_workers(client: Client, waiting: Callable[[], None]) -> int:
    """The number of a scheduler's workers, once there is one; calls `waiting` before it waits.

    Raises SchedulerLostError.
    """
    try:
        if not client.scheduler_info()["workers"]:
            waiting()
            client.wait_for_workers(1)
        return len(client.scheduler_info()["workers"])
    except OSError:
        raise SchedulerLostError("the scheduler is gone") from None


def train(
    client: Client,
    folder: SweepFolder,
    groups: Sequence[Sequence[Point]],
    tick: Callable[[], None],
) -> None:
    """Train groups of points on a client's workers; calls `tick` every `TICK_SECONDS`.

    If a worker dies, other workers train its points. If a whole group fails, its points are
    added to `folder.broken`. Raises SchedulerLostError.
    """
    path, pending = folder.path.resolve(), {}
    for group in groups:
        runs = {str(path / point.name): point for point in group}
        pending[_submit(client, runs)] = runs
    while pending:
        time.sleep(TICK_SECONDS)
        for future in [future for future in pending if future.status != "pending"]:
            _note(folder, pending.pop(future), future)
        tick()


def _submit(client: Client, runs: Mapping[str, Point]) -> Future:
    """Submit points for training; runs: by run directory."""
    fields = {run: point.config.model_dump(mode="json") for run, point in runs.items()}
    key = f"{next(iter(runs.values())).name} and {len(runs) - 1} more"
    return client.submit(train_group, fields, key=key, pure=False)


def _note(folder: SweepFolder, runs: Mapping[str, Point], future: Future) -> None:
    """Record which points of an ended group are broken, and why."""
    if future.status in ("cancelled", "lost"):
        raise SchedulerLostError("the scheduler is gone")
    if future.status == "finished":
        reasons = future.result()
    else:
        reasons = dict.fromkeys(runs, f"its workers died: {future.exception()}")
    folder.broken |= {runs[run].name: reason for run, reason in reasons.items()}


def train_group(runs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Train runs in this worker, within its memory; returns why runs failed, by run directory.

    runs: config fields by run directory. Any exception counts as the reason of all runs.
    """
    limit = get_worker().memory_manager.memory_limit or math.inf
    try:
        return train_runs(runs, limit)
    except Exception as error:  # noqa: BLE001  the sweep continues
        return dict.fromkeys(runs, f"{type(error).__name__}: {error}")
