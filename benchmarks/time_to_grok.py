"""`python -m benchmarks.time_to_grok FOLDER`: how soon runs grok, and whether it lasts.

Trains every variant with several seeds until it groks or runs out of steps, then to twice
that step. Runs are kept in FOLDER; finished ones are not repeated, and cut-off ones continue.
Then the variants take turns to measure their steps per second. Prints the table of
`docs/time-to-grok.md`; `--json FILE` keeps the numbers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.replicas import network
from benchmarks.rounds import medians, say, turn
from benchmarks.training import evaluated, summary, train
from grok_tui.config.presets import load_preset
from grok_tui.config.schema import build
from grok_tui.device.open import open_device

# Presets to include as variants.
PRESETS = ("wd-5", "lr-3e-3", "muon", "grokfast", "orthograd", "stablemax", "sphere")

# Changes of the paper's run, which has lr 1e-3 and weight decay 1.
VARIANTS: Mapping[str, Mapping[str, object]] = {
    "adamw": {},
    "lr 3e-3, wd 3": {"lr": 3e-3, "weight_decay": 3},
    "half of the pairs": {"train_fraction": 0.5},
    "orthograd, wd 1": {"grad_filter": "orthograd"},
    **{name: load_preset(name).fields for name in PRESETS},
}
# Below this test accuracy, a grokked run has lost its grokking.
LOST_BELOW = 0.99
# The ends of runs that were not cut off.
ENDS = ("completed", "grokked", "diverged")
STEPS = 4  # per call of a turn


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a variant.

    steps: completed. lowest: the lowest test accuracy from grokking to twice that step.
    last: the test accuracy at the last evaluation. Both are None if it did not grok.
    """

    variant: str
    seed: int
    steps: int
    grok_step: int | None
    lowest: float | None
    last: float | None

    @property
    def stays(self) -> bool:
        return self.last is not None and self.last >= LOST_BELOW

    @property
    def words(self) -> str:
        return f"{self.grok_step:,}" if self.grok_step else f"never in {self.steps:,}"


def main() -> int:
    """Train what is missing, then print the table."""
    options = _parse()
    jobs = [(name, seed) for seed in range(options.seeds) for name in options.only]
    options.folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        measured = list(pool.map(lambda job: _measure(options, *job), jobs))
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in measured], indent=1) + "\n")
    rates = _rates(options.only, open_device(options.device), options.rounds)
    sys.stdout.writelines(f"{line}\n" for line in table(measured, rates))
    return 0


def _parse() -> argparse.Namespace:
    names = list(VARIANTS)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_grok")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--rounds", type=int, default=3, help="of turns; default: %(default)s")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _measure(options: argparse.Namespace, variant: str, seed: int) -> Measured:
    """Train a variant with a seed as far as needed; returns its results."""
    run = options.folder / f"{variant.replace(' ', '-').replace(',', '')}-seed-{seed}"
    if not any(run.glob("checkpoints/*")):
        shutil.rmtree(run, ignore_errors=True)  # was cut off before its first checkpoint
        flags = [f"--{name.replace('_', '-')}={x}" for name, x in VARIANTS[variant].items()]
        seeds = ("--seed", str(seed), "--data-seed", str(seed))
        rhythm = ("--eval-every", "10", "--analyze-every", "1000", "--checkpoint-every", "1000")
        keep = ("--keep", "last 1", "--stop-when", "grokked", "--steps", str(options.steps))
        train(run, [*flags, *seeds, *rhythm, *keep, "--device", options.device])
    elif not _ended(run):
        train(run, ["--resume", str(run)])
    grok_step = summary(run)["grok_step"]
    if grok_step and summary(run)["steps"] < 2 * grok_step:
        more = ["--stop-when", "never", "--steps", str(2 * grok_step)]
        train(run, ["--resume", str(run), *more])
    measured = _read(run, variant, seed)
    say(f"{variant}, seed {seed}: {measured.words}, then {measured.last}")
    return measured


def _ended(run: Path) -> bool:
    """Whether a run was not cut off; a killed run has no summary."""
    return (run / "summary.json").exists() and summary(run)["exit"] in ENDS


def _read(run: Path, variant: str, seed: int) -> Measured:
    ended = summary(run)
    grok_step = ended["grok_step"]
    after = [line["test_acc"] for line in evaluated(run, grok_step)] if grok_step else []
    lowest, last = (min(after), after[-1]) if after else (None, None)
    return Measured(variant, seed, ended["steps"], grok_step, lowest, last)


def _rates(variants: Sequence[str], device: str, rounds: int) -> dict[str, float]:
    """The median steps per second of each variant."""
    measures = {}
    for name in variants:
        config = build({**VARIANTS[name], "device": device})
        step = partial(network(config, 1).train, [config], STEPS)
        measures[name] = partial(turn, step, 2)
    return {name: STEPS / seconds for name, seconds in medians(measures, rounds).items()}


def table(measured: Sequence[Measured], rates: Mapping[str, float]) -> Iterator[str]:
    """A Markdown table of the runs, with a row for each variant."""
    yield "| variant | steps to grok (each seed) | to AdamW | seconds | to twice that step |"
    yield "| --- | --- | --- | --- | --- |"
    variants = dict.fromkeys(run.variant for run in measured)
    base = _median([run for run in measured if run.variant == "adamw"])
    for name in variants:
        runs = [run for run in measured if run.variant == name]
        yield _row(name, runs, base, rates[name])


def _row(name: str, runs: Sequence[Measured], base: float | None, rate: float) -> str:
    steps, each = _median(runs), ", ".join(run.words for run in runs)
    middle = "never" if steps is None else f"{steps:,.0f}"
    ratio = f"{steps / base:.2f}" if steps and base else "-"
    seconds = f"{steps / rate:.0f}" if steps else "-"
    return f"| {name} | {middle} ({each}) | {ratio} | {seconds} | {_fate(runs)} |"


def _median(runs: Sequence[Measured]) -> float | None:
    """The median of the steps to grok; None if most runs never do."""
    steps = sorted(run.grok_step or float("inf") for run in runs)
    middle = statistics.median_low(steps) if steps else float("inf")
    return None if middle == float("inf") else middle


def _fate(runs: Sequence[Measured]) -> str:
    """How many of the grokked runs stay grokked, and their lowest test accuracy."""
    grokked = [run for run in runs if run.grok_step]
    if not grokked:
        return "-"
    lowest = min(run.lowest for run in grokked if run.lowest is not None)
    staying = sum(run.stays for run in grokked)
    return f"{staying} of {len(grokked)} stay; lowest test accuracy {lowest:.3f}"


if __name__ == "__main__":
    sys.exit(main())
