"""`python -m benchmarks.one_call`: a captured step on the CPU, as one call or kernel by kernel.

Prints milliseconds per step. Both ways run the same kernels in the same order; without the
graph class of `grok_tui.device.one_call`, tinygrad calls each of them from Python.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from functools import partial

from tinygrad.helpers import Context

from benchmarks.machine import describe
from benchmarks.replicas import network
from benchmarks.rounds import medians, say, turn
from grok_tui.config.schema import build
from grok_tui.device.open import open_device

MODELS: Mapping[str, Mapping[str, int]] = {
    "p = 13, d_model 32, d_mlp 64": {"modulus": 13, "d_model": 32, "d_mlp": 64},
    "p = 59, d_model 32, d_mlp 128": {"modulus": 59, "d_model": 32, "d_mlp": 128},
    "p = 59": {"modulus": 59},
    "p = 113": {},
}
STEPS = 20


def main() -> int:
    """Measure every model both ways, in turns."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_call")
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    options = parser.parse_args()
    for name, value in describe(open_device("CPU")).items():
        say(f"{name}: {value}")
    sys.stdout.writelines(f"{line}\n" for line in table(options.rounds))
    return 0


def table(rounds: int) -> Iterator[str]:
    """A Markdown table, one row at a time."""
    yield "| model | one by one | one call | |"
    yield "| --- | --- | --- | --- |"
    for model, fields in MODELS.items():
        apart, together = (1000 * seconds for seconds in measure(fields, rounds))
        yield f"| {model} | {apart:.3g} | {together:.3g} | {apart / together:.2g}x |"


def measure(fields: Mapping[str, int], rounds: int) -> tuple[float, float]:
    """Seconds per step with the kernels called one by one, and as one call."""
    config = build({**fields, "device": "CPU"})
    with Context(JIT=2):  # tinygrad then uses no graph class
        apart = network(config, 1)
    measures = {
        name: partial(turn, partial(one.train, [config], STEPS), 1)
        for name, one in (("one by one", apart), ("one call", network(config, 1)))
    }
    times = medians(measures, rounds)
    return times["one by one"] / STEPS, times["one call"] / STEPS


if __name__ == "__main__":
    sys.exit(main())
