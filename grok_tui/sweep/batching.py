"""Which points of a sweep train together, as replicas of one network."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psutil

from grok_tui.config.schema import Config
from grok_tui.models.registry import model_of
from grok_tui.sweep.spec import Point
from grok_tui.tasks.registry import make_task

# What may differ among replicas: numbers that a step reads, and what decides where it begins.
NUMBERS = frozenset(
    {"lr", "weight_decay", "decay", "beta1", "beta2", "eps", "warmup_steps"}
    | {"grokfast_alpha", "grokfast_lambda"}
    | {"seed", "data_seed", "init", "init_scale"}
)
# More are no faster, even on a large GPU.
MOST_REPLICAS = 64
# Share of the free memory that replicas may take.
_SHARE = 0.5


def alike(fields: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What has to be equal in the configs of replicas."""
    return tuple((name, value) for name, value in fields.items() if name not in NUMBERS)


def groups(points: Sequence[Point], workers: int, replicas: int | None) -> list[list[Point]]:
    """The points in groups that can train together, of `replicas` points at most.

    Without a number each group of points that are alike is dealt out to all workers.
    """
    by_kind: dict[tuple[tuple[str, Any], ...], list[Point]] = {}
    for point in points:
        kind = alike(point.config.model_dump(mode="json"))
        by_kind.setdefault(kind, []).append(point)
    return [
        part
        for found in by_kind.values()
        for part in parts(found, replicas or math.ceil(len(found) / workers))
    ]


def parts(points: Sequence[Any], most: int) -> Iterator[list[Any]]:
    """Cut into as few parts as there have to be, all about equally long."""
    count = math.ceil(len(points) / min(most, MOST_REPLICAS))
    for i in range(count):
        yield list(points[i * len(points) // count : (i + 1) * len(points) // count])


def fitting(config: Config, device: str, limit: float = math.inf) -> int:
    """How many replicas of a config fit into the free memory of a device, and into a limit.

    limit: in bytes. At least 1: a single run finds out by itself.
    """
    free = min(free_bytes(device), limit)
    task = make_task(config)
    model = model_of(config, task)
    return max(1, int(_SHARE * free / model.n_bytes(task.n_pairs, task.n_train)))


def free_bytes(device: str) -> float:
    """The free memory of a device: that of NVIDIA's as its tool says, else the machine's."""
    if device.startswith(("CUDA", "NV")):
        query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
        try:
            found = subprocess.run(  # noqa: S603  nothing in it comes from outside
                query, capture_output=True, text=True, check=True
            ).stdout
            index = int(device.partition(":")[2] or 0)
            return float(found.split()[index]) * 2**20
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            pass  # no such tool: the machine's memory is a guess like any other
    return float(psutil.virtual_memory().available)
