"""`python -m benchmarks.random_runs FOLDER`: runs to test the doctor on, drawn over the schema.

A run has ordinary settings; three of four have one setting, or rarely two, drawn from a far
wider range. The number of a run is its seed, and the same number gives the same run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rounds import say
from grok_tui.config.schema import Config, ConfigError, build
from grok_tui.device.openblas import usable_cores
from grok_tui.sources.job import Job, QueueInbox, run

Rng = np.random.Generator

_MODULI = (23, 23, 25, 29, 29, 31, 31, 37, 41, 59)
_OPERATIONS = (
    "add", "add", "add", "subtract", "multiply", "multiply", "divide", "x2+y2", "x2+xy+y2",
    "x3+xy", "random",
)  # fmt: skip
# Weight decay acts within some multiples of 1 / (lr * weight decay) steps.
_DECAY_TIMES, _LEAST_STEPS, _MOST_STEPS = 15, 1_500, 5_000


def ordinary(rng: Rng) -> dict[str, Any]:
    """Settings with which many runs grok."""
    return {
        "modulus": int(rng.choice(_MODULI)),
        "operation": str(rng.choice(_OPERATIONS)),
        "train_fraction": _rounded(rng.uniform(0.3, 0.7)),
        "data_seed": int(rng.integers(1000)),
        "seed": int(rng.integers(1000)),
        "d_model": int(rng.choice([32, 48, 64])),
        "n_heads": int(rng.choice([1, 2, 4])),
        "d_mlp": int(rng.choice([64, 128])),
        "lr": _power(rng, -3.0, -2.0),
        "weight_decay": _power(rng, -0.3, 0.6),
    }


def _lr(rng: Rng) -> dict[str, Any]:
    return {"lr": _power(rng, *(-5.5, -3.7) if rng.random() < 0.4 else (-1.6, 1.0))}


def _weight_decay(rng: Rng) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {"weight_decay": float(rng.choice([0, 0.001, 0.01, 0.03]))}
    return {"weight_decay": _power(rng, 0.7, 2.7)}


def _init(rng: Rng) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {"init": str(rng.choice(["scaled-uniform", "normal", "transformerlens"]))}
    return {"init_scale": _power(rng, -2.0, 1.3)}


def _betas(rng: Rng) -> dict[str, Any]:
    if rng.random() < 0.3:
        return {"beta1": _rounded(rng.choice([0.0, 0.5, 0.99, 0.999]))}
    return {"beta2": _rounded(rng.choice([0.0, 0.2, 0.5, 0.8, 0.9, 0.999, 0.9999]))}


def _filter(rng: Rng) -> dict[str, Any]:
    if rng.random() < 0.25:
        return {"grad_filter": "orthograd"}
    alpha, strength = 1 - _power(rng, -3.0, -0.3), _power(rng, -0.5, 2.5)
    return {"grad_filter": "grokfast", "grokfast_alpha": alpha, "grokfast_lambda": strength}


def _sizes(rng: Rng) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {"d_mlp": int(rng.choice([1, 2, 4, 8, 16]))}
    return {"d_model": int(rng.choice([2, 4, 8, 16])), "n_heads": 1}


FAULTS: Mapping[str, Callable[[Rng], dict[str, Any]]] = {
    "lr": _lr,
    "weight decay": _weight_decay,
    "train fraction": lambda rng: {"train_fraction": _rounded(rng.uniform(0.06, 0.25))},
    "init": _init,
    "betas": _betas,
    "eps": lambda rng: {"eps": _power(rng, -6.0, 0.0)},
    "warm-up": lambda rng: {"warmup_steps": int(_power(rng, 2.0, 5.0))},
    "filter": _filter,
    "sizes": _sizes,
    "layers": lambda _: {"n_layers": 2},
    "optimizer": lambda rng: {"optimizer": "muon", "lr": _power(rng, -3.5, -1.5)},
    "decay": lambda _: {"decay": "coupled"},
    "loss": lambda rng: {
        "loss": str(rng.choice(["naive", "stablemax"])),
        "weight_decay": float(rng.choice([0, 0.1, 1])),
    },
    "sphere": lambda _: {"norm_constraint": "sphere", "weight_decay": 0.0},
    "evaluations": lambda rng: {"eval_every": int(_power(rng, 2.3, 3.7))},
    "steps": lambda rng: {"steps": int(_power(rng, 1.7, 2.9))},
}


def drawn(number: int) -> tuple[list[str], Config]:
    """What is unusual about a run, and its config."""
    rng = np.random.default_rng(number)
    while True:
        fields = ordinary(rng)
        count = int(rng.choice([0, 1, 2], p=[0.25, 0.65, 0.1]))
        unusual = [str(name) for name in rng.choice(list(FAULTS), count, replace=False)]
        for name in unusual:
            fields |= FAULTS[name](rng)
        decay = fields["lr"] * fields["weight_decay"]
        steps = _DECAY_TIMES / decay if decay else _MOST_STEPS
        steps = int(min(max(steps, _LEAST_STEPS), _MOST_STEPS))
        run_fields = {"checkpoint_every": 10_000_000, "device": "CPU"}
        try:
            return unusual, build({"steps": steps, **run_fields, **fields})
        except ConfigError:  # such as an even quotient or a modulus that is not prime
            continue


def train(number: int, folder: Path) -> str:
    """Record a run into a folder; returns how it ended."""
    inbox = QueueInbox()
    end = run(Job(drawn(number)[1], folder / f"{number:04}"), inbox, lambda _: None)
    return end.reason


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.random_runs", description=__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200, help="how many; default %(default)s")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count)
    missing = [n for n in numbers if not (options.folder / f"{n:04}" / "summary.json").exists()]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    jobs = [(number, options.folder, cores) for number in missing]
    with get_context("spawn").Pool(usable_cores(), maxtasksperchild=8) as pool:
        for number, reason in pool.imap_unordered(_on_one_core, jobs):
            unusual, _ = drawn(number)
            say(f"{number:04} {', '.join(unusual) or 'ordinary'}: {reason}")
    return 0


def _on_one_core(job: tuple[int, Path, list[int]]) -> tuple[int, str]:
    number, folder, cores = job
    if cores:
        os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})
    return number, train(number, folder)


def _power(rng: Rng, low: float, high: float) -> float:
    return _rounded(10 ** rng.uniform(low, high))


def _rounded(value: Any) -> float:
    return float(f"{float(value):.3g}")


if __name__ == "__main__":
    sys.exit(main())
