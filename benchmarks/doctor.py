"""`python -m benchmarks.doctor`: the doctor's verdicts on small runs, ill and healthy.

The thresholds in `doctor/thresholds.py` were chosen on one half of the runs (`fit`); the
other half (`check`) has other seeds, moduli and operations, and tests them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rounds import say
from grok_tui.analysis.phases import GROKKED_IN_A_ROW, GROKKED_TEST_ACC
from grok_tui.config.schema import build
from grok_tui.doctor import Case, Curve, diagnose
from grok_tui.protocol.events import Analyzed, Evaluated, Event, Failed
from grok_tui.protocol.results import Measures
from grok_tui.sources.job import Job, QueueInbox, run

TABLE = Path(__file__).parent.parent / "tests" / "data" / "doctor.jsonl"
# A small model that groks about 1,000 steps after it has memorized the train pairs.
BASE: dict[str, Any] = {
    "modulus": 31, "d_model": 48, "d_mlp": 128, "lr": 1e-2, "weight_decay": 3.0,
    "train_fraction": 0.4, "stop_when": "grokked", "eval_every": 20,
    "analyze_every": 200, "checkpoint_every": 10_000_000, "device": "CPU",
}  # fmt: skip
# For each kind of run, the right verdict, and changes of BASE that seeds take in turn.
KINDS: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "healthy": ("grokked", ({}, {"train_fraction": 0.45})),
    "tiny-init": ("init-too-small", ({"init": "scaled-uniform"}, {"init_scale": 0.05})),
    "std-one": (
        "init-too-large",
        ({"init": "normal"}, {"init": "normal", "lr": 3e-3, "weight_decay": 1.0}),
    ),
    "no-decay": ("weight-decay-too-low", ({"weight_decay": 0.0}, {"weight_decay": 0.01})),
    "over-decay": ("weight-decay-too-high", ({"weight_decay": 12.0}, {"weight_decay": 30.0})),
    "coupled": (
        "coupled-decay", ({"decay": "coupled"}, {"decay": "coupled", "weight_decay": 0.1})
    ),
    "too-little-data": (
        "train-fraction-too-small", ({"train_fraction": 0.15}, {"train_fraction": 0.2})
    ),
    "half-data": ("no-delay-expected", ({"train_fraction": 0.6}, {"train_fraction": 0.5})),
    "random-labels": ("not-learnable", ({"operation": "random"},)),
    "hot": ("lr-too-high", ({"lr": 0.05}, {"lr": 0.1})),
    "cold": ("lr-too-low", ({"lr": 5e-5}, {"lr": 1e-5})),
    "impatient": ("too-few-steps", ({"steps": 200}, {"steps": 120})),
    "naive": (
        "numerical-collapse",
        (
            {"loss": "naive", "weight_decay": 0.0},
            {"loss": "naive", "weight_decay": 0.0, "lr": 3e-3},
        ),
    ),
}  # fmt: skip
# How many steps to train each kind.
STEPS = {
    "healthy": 2500,
    "half-data": 1500,
    "tiny-init": 600,
    "no-decay": 1000,
    "too-little-data": 800,
    "naive": 1200,
}
OTHER_STEPS = 400
# Modulus, operation and seed of the runs in each half.
HALVES: dict[str, tuple[tuple[int, str, int], ...]] = {
    "fit": ((31, "add", 0), (31, "add", 101)),
    "check": (
        (31, "add", 1), (37, "add", 2), (31, "subtract", 3), (29, "add", 4),
        (31, "multiply", 5), (29, "x2+y2", 7), (31, "add", 9), (29, "add", 11), (31, "add", 13),
        (29, "add", 15), (37, "add", 17),
    ),
}  # fmt: skip
# About how many evaluations of a run are kept.
KEPT = 60
_CURVES = ("train_loss", "test_loss", "train_acc", "test_acc", "weight_norm")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doctor", description=__doc__)
    add = parser.add_argument
    add("--train", choices=[*HALVES, "none"], default="none", help="train what is missing")
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="only these")
    add("--table", type=Path, default=TABLE, help="where the runs are kept: %(default)s")
    options = parser.parse_args()
    if options.train != "none":
        _train(options.train, options.kinds, options.table)
    for half in HALVES:
        records = [r for r in read(options.table) if r["half"] == half]
        for blind in (False, True):
            known = "from losses alone" if blind else "with their configs"
            print(f"\n{half}, {known}\n{confusion(records, blind=blind)}")  # noqa: T201
    return 0


def read(table: Path = TABLE) -> list[dict[str, Any]]:
    """The recorded runs; none if there is no file yet."""
    return (
        [json.loads(line) for line in table.read_text().splitlines()] if table.exists() else []
    )


def case_from(record: Mapping[str, Any], *, blind: bool = False) -> Case:
    """The case of a recorded run; blind: only its losses, as if another program wrote them."""
    steps = np.array(record["steps"], dtype=np.float64)
    curves: dict[str, Any] = {name: Curve(steps, np.array(record[name])) for name in _CURVES}
    if blind:
        losses: dict[str, Any] = {name: curves[name] for name in ("train_loss", "test_loss")}
        return Case({}, record["done"], **losses)
    measures = [(step, _measures(*values)) for step, *values in record["measures"]]
    zero_loss = np.array(record.get("zero_loss", np.zeros(len(steps))))
    return Case(
        build({**BASE, **record["config"]}).model_dump(mode="json"),
        record["done"],
        **curves,
        zero_loss=Curve(steps, zero_loss),
        measures=measures,
        ended=True,
        diverged=record["diverged"],
    )


def groks(record: Mapping[str, Any]) -> bool:
    """Whether a run ended by grokking."""
    return bool(record["test_acc"][-1] >= GROKKED_TEST_ACC)


def judged(record: Mapping[str, Any]) -> bool:
    """Whether the right verdict is known; it is not for a sane run that did not grok."""
    return record["kind"] not in ("healthy", "half-data") or groks(record)


def confusion(records: list[dict[str, Any]], *, blind: bool = False) -> str:
    """A line for each kind: the right verdict, and how often each verdict was given."""
    said = [(r, diagnose(case_from(r, blind=blind))[0].id) for r in records]
    lines = []
    for kind, (truth, _) in KINDS.items():
        for known in (True, False):
            given = Counter(v for r, v in said if r["kind"] == kind and judged(r) == known)
            counts = ", ".join(f"{name} {count}" for name, count in given.most_common())
            if given:
                lines.append(f"{kind:16} {truth if known else '(did not grok)':25} {counts}")
    sure = [r["truth"] == verdict for r, verdict in said if judged(r)]
    return "\n".join([*lines, f"right: {sum(sure)} of {len(sure)}"])


def small_version(
    kind: str, modulus: int = 31, operation: str = "add", seed: int = 0
) -> dict[str, Any]:
    """Train a run of a kind; returns its record."""
    _, variants = KINDS[kind]
    config = {
        "modulus": modulus,
        "operation": operation,
        "seed": seed,
        "data_seed": seed,
        "steps": STEPS.get(kind, OTHER_STEPS),
        **variants[seed % len(variants)],
    }
    return _trained(config)


def _train(half: str, kinds: list[str], table: Path) -> None:
    done = {(r["half"], r["kind"], r["seed"]) for r in read(table)}
    for modulus, operation, seed in HALVES[half]:
        for kind in kinds:
            if (half, kind, seed) in done:
                continue
            record = {"half": half, "kind": kind, "seed": seed, "truth": KINDS[kind][0]}
            record |= small_version(kind, modulus, operation, seed)
            with table.open("a") as file:
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
            say(f"{half} {kind} {seed}: {diagnose(case_from(record))[0].id}")


def _trained(changes: dict[str, Any]) -> dict[str, Any]:
    """Train one run with some changes of BASE; returns its record."""
    events: list[Event] = []
    end = run(Job(build({**BASE, **changes})), QueueInbox(), events.append)
    evaluations = [e for e in events if isinstance(e, Evaluated)]
    # All of the newest, since grokking takes that many in a row.
    older, newest = evaluations[:-GROKKED_IN_A_ROW], evaluations[-GROKKED_IN_A_ROW:]
    kept = older[:: math.ceil(len(evaluations) / KEPT)] + newest
    analyses = [(e.step, e.measures) for e in events if isinstance(e, Analyzed)]
    return {
        "config": changes,
        "done": end.step,
        "diverged": isinstance(end, Failed),
        "steps": [e.step for e in kept],
        **{name: [_short(getattr(e.metrics, name)) for e in kept] for name in _CURVES},
        "zero_loss": [_short(e.health.zero_loss_share) for e in kept if e.health],
        "measures": [
            (s, _short(m.restricted_loss), _short(m.excluded_loss), len(m.key_frequencies))
            for s, m in analyses
        ],
    }


def _measures(restricted: float | None, excluded: float | None, n_keys: int) -> Measures:
    """Progress measures with only the numbers that were recorded."""
    return Measures(0.0, 0.0, tuple(range(1, n_keys + 1)), {}, restricted, excluded)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


if __name__ == "__main__":
    sys.exit(main())
