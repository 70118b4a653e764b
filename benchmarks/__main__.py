"""`python -m benchmarks`: measure, then print a table or JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from benchmarks.drawing import measure_drawing
from benchmarks.kernels import Kernel
from benchmarks.latency import measure_latency
from benchmarks.machine import describe
from benchmarks.programs import measure_compile, measure_grok, measure_runs
from benchmarks.report import print_json, print_table
from benchmarks.results import NotMeasuredError, Result, Section, WrongError
from benchmarks.rounds import say
from benchmarks.steps import measure_steps
from grok_tui.device.open import open_device
from grok_tui.text import UserError

SECTIONS = ("steps", "compile", "record", "session", "latency", "drawing", "grok")
# The most rounds for sections that run whole programs.
PROGRAM_ROUNDS = 3


def main() -> int:
    """Return 0 if every section was measured, 1 if some were not, 2 if none can be."""
    options = _parse()
    try:
        device = open_device(options.device)
        machine = describe(device)
        kernels: list[Kernel] = []
        sections = list(_measure(options, device, kernels))
    except (UserError, WrongError) as error:
        say(f"benchmarks: error: {error}")
        return 2
    (print_json if options.json else print_table)(machine, sections, kernels)
    return 1 if any(section.not_measured for section in sections) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON object")
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="measure these sections")
    add("--device", default="auto", help="tinygrad device (default: %(default)s)")
    add("--rounds", type=_positive, default=15, help=f"default: %(default)s; whole programs"
        f" run {PROGRAM_ROUNDS} rounds at most")  # fmt: skip
    add("--kernels", action="store_true", help="list the kernels of the training step, too")
    return parser.parse_args()


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _measure(
    options: argparse.Namespace, device: str, kernels: list[Kernel]
) -> Iterator[Section]:
    """Measure the requested sections, in order; fills `kernels`."""
    rounds = min(options.rounds, PROGRAM_ROUNDS)

    def steps() -> list[Result]:
        results, listed = measure_steps(device, options.rounds, with_kernels=options.kernels)
        kernels.extend(listed)
        return results

    if "steps" in options.only:
        yield _section("steps", steps)
    if "compile" in options.only:
        yield _section("compile", lambda: measure_compile(device, rounds))
    if which := [name for name in ("record", "session") if name in options.only]:
        yield _section(" and ".join(which), lambda: measure_runs(device, rounds, which))
    if "latency" in options.only:
        yield _section("latency", lambda: measure_latency(device, rounds))
    if "drawing" in options.only:
        yield _section("drawing", lambda: measure_drawing(options.rounds))
    if "grok" in options.only:
        yield _section("grok", lambda: measure_grok(device, rounds))


def _section(name: str, measure: Callable[[], list[Result]]) -> Section:
    say(f"--- {name}")
    try:
        return Section(name, tuple(measure()))
    except NotMeasuredError as problem:
        return Section(name, not_measured=str(problem))


if __name__ == "__main__":
    sys.exit(main())
