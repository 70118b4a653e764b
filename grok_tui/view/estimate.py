"""What is known of a run before it starts: when it groks, and how long it will take.

Times are estimated from an earlier run, or by timing products in NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.config.presets import Preset
from grok_tui.config.schema import FIELDS, Config, build, is_treatment
from grok_tui.models.registry import model_of
from grok_tui.runs.folders import recorded_folders
from grok_tui.runs.schema import read_config, read_summary
from grok_tui.tasks.registry import make_task
from grok_tui.text import UserError, one_line
from grok_tui.view.event_text import changes_text

# How long to time the products.
MEASURE_SECONDS = 0.2
# Measured on a CPU (docs/performance.md): the time of a step and of an evaluation over that
# of the step's products, and the seconds that compiling takes.
_STEP_PRODUCTS, _EVALUATION_PRODUCTS, _COMPILE_SECONDS = 1.9, 2.0, 3.0
# Runs shorter than this say little about the speed.
_LEAST_STEPS = 100
_MOST_SECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a device trains: seconds to compile, per step and per evaluation."""

    device: str
    compile_seconds: float
    step_seconds: float
    evaluation_seconds: float

    def seconds(self, config: Config, steps: int) -> float:
        """Seconds from the start to the end of `steps` updates."""
        per_step = self.step_seconds + self.evaluation_seconds / config.eval_every
        return self.compile_seconds + steps * per_step


def promise(preset: Preset, config: Config) -> str:
    """What a run of a preset, with this config, is known to do."""
    if changes := _changes(preset, config):
        return f"not measured with {changes_text(changes)}"
    if preset.grok_step is None:
        return "never groks"
    if promised_step(preset, config) is None:
        return f"ends at step {config.steps:,}, before it groks at {preset.grok_step:,}"
    return f"groks at step {preset.grok_step:,}"


def promised_step(preset: Preset, config: Config) -> int | None:
    """The step at which a run of a preset, with this config, groks; None if not known."""
    step = preset.grok_step
    return step if step and step <= config.steps and not _changes(preset, config) else None


def _changes(preset: Preset, config: Config) -> dict[str, Any]:
    """The fields by which the preset's outcome was not measured."""
    measured = build(preset.fields)
    # The step is that of an evaluation; what never groks within its steps might with more.
    also = "eval_every" if preset.grok_step else "steps"
    matters = [name for name in FIELDS if is_treatment(name) or name == also]
    now = {name: getattr(config, name) for name in matters}
    return {name: value for name, value in now.items() if value != getattr(measured, name)}


def speed_of(config: Config) -> Speed | None:
    """The speed of a run of this shape on this machine; None if it cannot be estimated.

    Reads recorded runs and may take a second.
    """
    return recorded_speed(config, recorded_folders()) or measured_speed(config)


def recorded_speed(config: Config, folders: list[Path]) -> Speed | None:
    """The speed of the first recorded run of the same shape; None if there is none."""
    for folder in folders:
        try:
            before = read_config(folder)
            speed = _recorded(folder, before) if _shape(before) == _shape(config) else None
        except (OSError, UserError):
            continue
        if speed:  # None if the run is unfinished or too short
            return speed
    return None


def measured_speed(config: Config) -> Speed | None:
    """The CPU's speed, from products as large as the step's; None if the model has none."""
    task = make_task(config)
    sizes = model_of(config, task).step_products(task.n_train)
    if sizes is None:
        return None
    products = _products_seconds(*sizes)
    return Speed(
        "CPU", _COMPILE_SECONDS, _STEP_PRODUCTS * products, _EVALUATION_PRODUCTS * products
    )


@cache
def _products_seconds(*sizes: tuple[int, int, int]) -> float:
    """Seconds of some products, forward and backward; sizes: rows, inner, columns of each."""
    factors = [_random(*size) for size in sizes]
    times: list[float] = []
    end = perf_counter() + MEASURE_SECONDS
    while not times or perf_counter() < end:
        started = perf_counter()
        for left, right in factors:
            out = left @ right
            left.T @ out  # the two products of the backward pass
            out @ right.T
        times.append(perf_counter() - started)
    return min(times)  # the round that other work disturbed least


def _shape(config: Config) -> tuple[object, ...]:
    """Everything that the cost of a step depends on."""
    task = make_task(config)
    model = model_of(config, task)
    return task.n_pairs, task.n_train, config.n_heads, *model.shapes.items()


def _recorded(folder: Path, config: Config) -> Speed | None:
    """The speed in a run's summary; None if it has none. Raises OSError."""
    summary = read_summary(folder)
    if summary is None or summary.steps < _LEAST_STEPS:
        return None
    seconds = (1 / max(summary.steps_per_second, 1e-9), summary.compile_seconds)
    if not all(0 <= x <= _MOST_SECONDS for x in (*seconds, summary.eval_seconds)):
        return None  # not written by this program
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
