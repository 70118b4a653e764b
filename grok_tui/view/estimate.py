"""How long a run will take here: from an earlier run, or from the step's products in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from grok_tui.config.schema import Config, build
from grok_tui.config.sources import load_file
from grok_tui.runs.folders import recorded_folders
from grok_tui.text import UserError, one_line

# How long the products are measured.
_MEASURE_SECONDS = 0.2
# What docs/performance.md found on a CPU: a step and an evaluation in terms of the step's
# products, and the seconds that compiling takes.
_STEP_SHARE, _EVALUATION_SHARE, _COMPILE_SECONDS = 1.9, 2.0, 3.0
# A shorter run says little about the speed.
_LEAST_STEPS = 100
_Seconds = Annotated[float, Field(ge=0, le=1e9)]


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a device trains: seconds to compile, and for each step and evaluation."""

    device: str
    compile_seconds: float
    step_seconds: float
    evaluation_seconds: float

    def seconds(self, config: Config, steps: int) -> float:
        """The time from the start to the end of `steps` updates."""
        per_step = self.step_seconds + self.evaluation_seconds / config.eval_every
        return self.compile_seconds + steps * per_step


def speed_of(config: Config) -> Speed | None:
    """The speed that a run of this shape has here; None if nothing tells it.

    May take a second and reads files.
    """
    return recorded_speed(config, recorded_folders()) or measured_speed(config)


def recorded_speed(config: Config, folders: list[Path]) -> Speed | None:
    """The speed of the first of some recorded runs that had the same shape."""
    for folder in folders:
        try:
            before = build(load_file(folder / "config.toml"))
            if _shape(before) == _shape(config):
                return _read(folder, before)
        except (OSError, UserError, ValueError):
            continue  # an unfinished run, or one that ended too soon to tell
    return None


def measured_speed(config: Config) -> Speed | None:
    """The CPU's speed, from products as large as the step's; None for more than one layer."""
    if config.n_layers > 1:
        return None
    tables = 2 * config.modulus * config.n_heads + 1
    products = _products_seconds(
        (config.n_train, config.d_mlp, config.modulus), (tables, config.d_model, config.d_mlp)
    )
    return Speed("CPU", _COMPILE_SECONDS, _STEP_SHARE * products, _EVALUATION_SHARE * products)


@cache
def _products_seconds(*sizes: tuple[int, int, int]) -> float:
    """Seconds that products take, forward and backward; sizes: rows, inner, columns of each."""
    factors = [_random(*size) for size in sizes]
    times: list[float] = []
    end = perf_counter() + _MEASURE_SECONDS
    while not times or perf_counter() < end:
        started = perf_counter()
        for left, right in factors:
            out = left @ right
            left.T @ out  # the two products of the backward pass
            out @ right.T
        times.append(perf_counter() - started)
    return min(times)  # of the round that the screen and others disturbed least


def duration_text(seconds: float) -> str:
    """A rough time in words: `about 15 s`, `about 3 min`, `about 2 h`."""
    if seconds < 20:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def _shape(config: Config) -> tuple[int, ...]:
    """All that a step's cost depends on."""
    return (
        config.modulus,
        config.n_pairs,
        config.n_train,
        config.d_model,
        config.d_mlp,
        config.n_heads,
        config.n_layers,
    )


class _Summary(BaseModel):
    """What is needed of `summary.json`, where it makes sense."""

    model_config = ConfigDict(allow_inf_nan=False)

    steps: Annotated[int, Field(ge=_LEAST_STEPS)]
    steps_per_second: Annotated[float, Field(ge=1e-6)]
    compile_seconds: _Seconds
    eval_seconds: _Seconds
    device: str


def _read(folder: Path, config: Config) -> Speed:
    """The speed that a run's summary tells; raises ValueError if it tells none."""
    summary = _Summary.model_validate_json((folder / "summary.json").read_bytes())
    return Speed(
        one_line(summary.device),
        summary.compile_seconds,
        1 / summary.steps_per_second,
        summary.eval_seconds / max(1, summary.steps // config.eval_every),
    )


def _random(
    rows: int, inner: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two matrices to multiply: (rows, inner) and (inner, columns)."""
    rng = np.random.default_rng(0)
    left = rng.standard_normal((rows, inner), dtype=np.float32)
    return left, rng.standard_normal((inner, columns), dtype=np.float32)
