"""Decides which points of a sweep train together, as replicas of one network."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psutil

from grok_tui.config.schema import Config
from grok_tui.models.registry import model_of
from grok_tui.sweep.spec import Point
from grok_tui.tasks.registry import make_task

# Fields that may differ among replicas: numbers that a step reads, or that set the start.
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
    """The fields that must be equal in the configs of replicas."""
    return tuple((name, value) for name, value in fields.items() if name not in NUMBERS)


def groups(points: Sequence[Point], workers: int, replicas: int | None) -> list[list[Point]]:
    """Split points into groups of at most `replicas` that can train together.

    replicas: None spreads all points that can train together over the workers.
    """
    by_kind: dict[tuple[tuple[str, Any], ...], list[Point]] = {}
    for point in points:
        kind = alike(point.config.model_dump(mode="json"))
        by_kind.setdefault(kind, []).append(point)
    return [
        part
        for same in by_kind.values()
        for part in parts(same, replicas or math.ceil(len(same) / workers))
    ]


def parts(points: Sequence[Any], most: int) -> Iterator[list[Any]]:
    """Split points into the fewest parts of at most `most` and `MOST_REPLICAS`, evenly."""
    count = math.ceil(len(points) / min(most, MOST_REPLICAS))
    for i in range(count):
        yield list(points[i * len(points) // count : (i + 1) * len(points) // count])


def fitting(config: Config, device: str, limit: float = math.inf) -> int:
    """How many replicas of a config fit into a device's free memory and into `limit` bytes.

    At least 1: a single run is always tried.
    """
    free = min(free_bytes(device), limit)
    task = make_task(config)
    model = model_of(config, task)
    return max(1, int(_SHARE * free / model.n_bytes(task.n_pairs, task.n_train)))


def free_bytes(device: str) -> float:
    """Free bytes of a device: as `nvidia-smi` reports for NVIDIA's, else of the machine."""
    if device.startswith(("CUDA", "NV")):
        query = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
        try:
            number = device.partition(":")[2] or "0"
            if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
                number = visible.split(",")[int(number)].strip()
            mebibytes = subprocess.run(  # noqa: S603  a fixed command
                [*query, f"--id={number}"], capture_output=True, text=True, check=True
            ).stdout
            return float(mebibytes) * 2**20
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            pass  # no usable answer: the machine's memory is the best guess left
    return float(psutil.virtual_memory().available)
