"""`python -m benchmarks.collapse FOLDER`: how float32 loses a small loss, and ours does not.

Trains without weight decay, so that the loss keeps falling, with the usual log_softmax and
with this project's loss, and prints a table. Runs are kept in FOLDER and not repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rounds import say
from benchmarks.training import evaluated, train

SETUP = ("--weight-decay", "0", "--lr", "3e-3")
LOSSES = ("naive", "cross-entropy")


def main() -> int:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collapse")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1500, help="default: %(default)s")
    parser.add_argument("--rows", type=int, default=10, help="default: %(default)s")
    options = parser.parse_args()
    runs = []
    for loss in LOSSES:
        run = options.folder / loss
        if not (run / "summary.json").exists():
            say(f"training {run}")
            rhythm = ("--steps", str(options.steps), "--analyze-every", "500")
            train(run, [*SETUP, "--loss", loss, *rhythm, "--keep", "last 1"])
        runs.append(list(evaluated(run)))
    sys.stdout.writelines(f"{line}\n" for line in table(runs, options.rows))
    return 0


def table(runs: Sequence[list[dict[str, Any]]], rows: int) -> Iterator[str]:
    """A Markdown table with both losses side by side."""
    heads = ("train loss", "zero loss", "gradient norm", "spikes", "test accuracy")
    both = [f"{head}, {loss}" for head in heads for loss in ("log_softmax", "ours")]
    yield f"| step | {' | '.join(both)} |"
    yield f"| {' | '.join(['---'] * (len(both) + 1))} |"
    every = max(1, min(map(len, runs)) // rows)
    for lines in list(zip(*runs, strict=False))[every - 1 :: every]:
        yield f"| {lines[0]['step']:,} | {' | '.join(_cells(lines))} |"


def _cells(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name, form in (
        ("train_loss", "{:.1e}"),
        ("zero_loss_share", "{:.1%}"),
        ("gradient_norm", "{:.1e}"),
        ("spikes", "{}"),
        ("test_acc", "{:.1%}"),
    ):
        yield from (form.format(line[name]) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
