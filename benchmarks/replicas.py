"""`python -m benchmarks.replicas`: how fast runs train together as replicas of one network.

Prints replica-steps per second: steps per second times the number of replicas. `compile` is
the time before a network's first step, which its replicas share.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.machine import describe
from benchmarks.rounds import medians, say, turn
from grok_tui.config.schema import Config, build
from grok_tui.device.open import open_device
from grok_tui.training.network import Network, Start

# The paper's model at two moduli, and a small one, as large sweeps may use.
MODELS: Mapping[str, Mapping[str, int]] = {
    "p = 113": {},
    "p = 31": {"modulus": 31},
    "p = 13, d_model 32": {"modulus": 13, "d_model": 32, "n_heads": 4, "d_mlp": 128},
}
STEPS, CALLS = 4, 2


@dataclass(frozen=True, slots=True)
class Row:
    """One model: replica-steps per second, and seconds to compile, by number of replicas."""

    model: str
    rates: Mapping[int, float]
    compile_seconds: Mapping[int, float]


def main() -> int:
    """Measure every model with every number of replicas."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas")
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    options = parser.parse_args()
    device = open_device(options.device)
    for name, value in describe(device).items():
        say(f"{name}: {value}")
    rows = [measure(name, options.replicas, options.rounds, device) for name in options.models]
    sys.stdout.writelines(f"{line}\n" for line in table(rows))
    return 0


def measure(model: str, counts: Sequence[int], rounds: int, device: str) -> Row:
    """Measure one model; counts: the numbers of replicas, which take turns."""
    base = build({**MODELS[model], "device": device})
    networks, seconds = {}, {}
    for count in counts:
        started = time.perf_counter()
        networks[count] = network(base, count)
        seconds[count] = time.perf_counter() - started
    configs = {count: [base] * count for count in counts}
    measures = {
        str(count): partial(turn, partial(networks[count].train, configs[count], STEPS), CALLS)
        for count in counts
    }
    times = medians(measures, rounds)
    rates = {count: count * STEPS / times[str(count)] for count in counts}
    return Row(model, rates, seconds)


def network(base: Config, count: int) -> Network:
    """A compiled network of `count` replicas that differ in their seeds."""
    seeds = range(count)
    made = Network([Start.of(base.changed(seed=seed, data_seed=seed)) for seed in seeds])
    for _ in made.compile():
        pass
    return made


def table(rows: Sequence[Row]) -> Iterator[str]:
    """A Markdown table of rates, each with its ratio to the first."""
    counts = list(rows[0].rates)
    yield f"| model | {' | '.join(f'R = {count}' for count in counts)} | compile, R = 1 |"
    yield f"| --- | {' | '.join('---' for _ in counts)} | --- |"
    for row in rows:
        first = row.rates[counts[0]]
        cells = [f"{rate:.0f} ({rate / first:.2f})" for rate in row.rates.values()]
        one = f"{row.compile_seconds[counts[0]]:.1f} s"
        yield f"| {row.model} | {' | '.join(cells)} | {one} |"


if __name__ == "__main__":
    sys.exit(main())
