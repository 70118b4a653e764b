"""`python -m benchmarks.time_to_grok FOLDER`: how soon a run groks, and whether it stays so.

Every variant is trained over several seeds until it groks or the steps are used up, then to
twice that step. Runs lie in FOLDER and are not done again, so what was cut off goes on. Prints
the table of `docs/time-to-grok.md`; `--json FILE` keeps the numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.rounds import say
from benchmarks.training import evaluated, summary, train
from grok_tui.presets import preset_names

# All but what is named here is the paper's run: lr 1e-3, weight decay 1.
VARIANTS: Mapping[str, Sequence[str]] = {
    "adamw": (),
    "wd 2": ("--weight-decay", "2"),
    "wd 3": ("--weight-decay", "3"),
    "wd 5": ("--weight-decay", "5"),
    "lr 2e-3": ("--lr", "2e-3"),
    "lr 3e-3": ("--lr", "3e-3"),
    "lr 3e-3, wd 3": ("--lr", "3e-3", "--weight-decay", "3"),
    "half of the pairs": ("--train-fraction", "0.5"),
}
# Presets that are variants, too, where this version has them.
PRESETS = ("grokfast", "orthograd", "stablemax", "muon", "sphere")
# Test accuracy below which a run that had grokked has lost it.
LOST_BELOW = 0.99


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. lowest: the least test accuracy from grokking to twice that step."""

    variant: str
    seed: int
    grok_step: int | None
    steps_per_second: float
    lowest: float | None
    last: float | None

    @property
    def stays(self) -> bool:
        return self.last is not None and self.last >= LOST_BELOW


def main() -> int:
    """Train what is missing, then print the table."""
    options = _parse()
    jobs = [(name, seed) for seed in range(options.seeds) for name in options.only]
    options.folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        measured = list(pool.map(lambda job: _measure(options, *job), jobs))
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in measured], indent=1) + "\n")
    sys.stdout.writelines(f"{line}\n" for line in table(measured))
    return 0


def _parse() -> argparse.Namespace:
    names = [*VARIANTS, *(name for name in PRESETS if name in preset_names())]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_grok")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _measure(options: argparse.Namespace, variant: str, seed: int) -> Measured:
    """Train a variant from a seed as far as it has to be, and read what became of it."""
    run = options.folder / f"{variant.replace(' ', '-').replace(',', '')}-seed-{seed}"
    if not (run / "summary.json").exists():
        flags = VARIANTS.get(variant, ("--preset", variant))
        seeds = ("--seed", str(seed), "--data-seed", str(seed))
        rhythm = ("--eval-every", "10", "--analyze-every", "1000", "--checkpoint-every", "1000")
        keep = ("--keep", "last 1", "--stop-when", "grokked", "--steps", str(options.steps))
        train(run, [*flags, *seeds, *rhythm, *keep, "--device", options.device])
    grok_step = summary(run)["grok_step"]
    if grok_step and summary(run)["steps"] < 2 * grok_step:
        more = ["--stop-when", "never", "--steps", str(2 * grok_step)]
        train(run, ["--resume", str(run), *more])
    measured = _read(run, variant, seed)
    say(f"{variant}, seed {seed}: {measured.grok_step}, then {measured.last}")
    return measured


def _read(run: Path, variant: str, seed: int) -> Measured:
    found = summary(run)
    grok_step, rate = found["grok_step"], float(found["steps_per_second"])
    after = [line["test_acc"] for line in evaluated(run, grok_step)] if grok_step else []
    lowest, last = (min(after), after[-1]) if after else (None, None)
    return Measured(variant, seed, grok_step, rate, lowest, last)


def table(measured: Sequence[Measured]) -> Iterator[str]:
    """The runs as a table in Markdown, a row for each variant."""
    yield "| variant | steps to grok (each seed) | to AdamW | seconds | to twice that step |"
    yield "| --- | --- | --- | --- | --- |"
    variants = dict.fromkeys(run.variant for run in measured)
    base = _median([run for run in measured if run.variant == "adamw"])
    for name in variants:
        runs = [run for run in measured if run.variant == name]
        yield _row(name, runs, base)


def _row(name: str, runs: Sequence[Measured], base: float | None) -> str:
    steps, each = _median(runs), ", ".join(str(run.grok_step or "never") for run in runs)
    middle = "never" if steps is None else f"{steps:.0f}"
    ratio = f"{steps / base:.2f}" if steps and base else "-"
    rate = statistics.median(run.steps_per_second for run in runs)
    seconds = f"{steps / rate:.1f}" if steps and rate else "-"
    return f"| {name} | {middle} ({each}) | {ratio} | {seconds} | {_fate(runs)} |"


def _median(runs: Sequence[Measured]) -> float | None:
    """The median of the steps to grok, None if most runs never do."""
    steps = sorted(run.grok_step or float("inf") for run in runs)
    middle = statistics.median_low(steps) if steps else float("inf")
    return None if middle == float("inf") else middle


def _fate(runs: Sequence[Measured]) -> str:
    """What became of those that grokked."""
    grokked = [run for run in runs if run.grok_step]
    if not grokked:
        return "-"
    lowest = min(run.lowest for run in grokked if run.lowest is not None)
    staying = sum(run.stays for run in grokked)
    return f"{staying} of {len(grokked)} stay; lowest test accuracy {lowest:.3f}"


if __name__ == "__main__":
    sys.exit(main())
