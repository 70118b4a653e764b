"""`grok-tui sweep`: a grid of settings and seeds, trained by several workers into one map."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grok_tui.arguments import Parser
from grok_tui.commands import COMMANDS
from grok_tui.errors import UserError
from grok_tui.words import duration, percent

if TYPE_CHECKING:
    from grok_tui.sweep.folder import Outcome, SweepFolder
    from grok_tui.sweep.spec import Point


_GO_ON = "what is done is kept, and the same command goes on"


def parse(arguments: Sequence[str]) -> Namespace:
    """`spec`, `output`, `workers`, `scheduler`, `retry_failed` and `json`."""
    parser = Parser(prog="grok-tui sweep", description=COMMANDS["sweep"], allow_abbrev=False)
    add = parser.add_argument
    add("spec", metavar="SPEC", help="a .toml file with base, axes and seeds, or a shipped one")
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="the sweep's directory; what is done there already is kept",
    )
    add("--workers", metavar="N", type=_count, help="processes here; as many as cores")
    add("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.1:8786")
    add("--retry-failed", action="store_true", help="train what failed anew")
    add("--json", action="store_true", help="print sweep.json instead of the map")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def run(options: Namespace) -> int:
    """Train what is missing, print the map; 1 if a point failed."""
    if options.workers and options.scheduler:
        raise UserError("--workers are on this machine; --scheduler has its own")
    from grok_tui.sweep import RESULTS
    from grok_tui.sweep.folder import SweepFolder, locked
    from grok_tui.sweep.phase_map import phase_map
    from grok_tui.sweep.spec import load_spec

    folder = SweepFolder(options.output, load_spec(options.spec))
    try:
        with locked(folder.path):
            folder.save(folder.outcomes())
            if missing := _missing(folder, retry=options.retry_failed):
                _train(folder, missing, options)
    except KeyboardInterrupt:
        _say(f"stopped; {_GO_ON}")
        return 130
    outcomes = folder.outcomes()
    if options.json:
        print((folder.path / RESULTS).read_text(), end="")
    else:
        print(phase_map(folder.spec, outcomes))
    failed = [(point, outcome) for point, outcome in outcomes if outcome.state == "failed"]
    for point, outcome in failed:
        _say(f"{point.name} failed: {outcome.error}")
    if failed:
        _say("--retry-failed trains them anew")
    return 1 if failed else 0


def _missing(folder: SweepFolder, *, retry: bool) -> list[Point]:
    """The points that are to be trained."""
    from grok_tui.sweep.folder import discard

    missing = []
    for point, outcome in folder.outcomes():
        if outcome.state == "failed" and retry:
            folder.broken.pop(point.name, None)
            discard(folder.run_of(point))
            missing.append(point)
        elif outcome.state in ("waiting", "cut off"):
            missing.append(point)
    return missing


def _train(folder: SweepFolder, missing: Sequence[Point], options: Namespace) -> None:
    """Train points, with a line for each that ends."""
    try:
        from grok_tui.sweep.engine import SchedulerLostError, cluster, train
    except ImportError as error:
        raise UserError(f"{error}; install it: pip install 'grok-tui[sweep]'") from None

    outcomes = {point.name: outcome for point, outcome in folder.outcomes()}
    started, ended = time.monotonic(), 0

    def done(point: Point) -> None:
        nonlocal ended
        ended += 1
        outcomes[point.name] = outcome = folder.outcome(point)
        folder.save((p, outcomes[p.name]) for p in folder.points)
        left = (time.monotonic() - started) / ended * (len(missing) - ended)
        _say(f"{ended}/{len(missing)}  {point.name}: {_words(outcome)}, {duration(left)} left")

    with cluster(options.scheduler, options.workers) as client:
        workers = len(client.scheduler_info()["workers"])
        _say(f"{len(missing)} of {len(folder.points)} points to train, {workers} workers")
        try:
            train(client, folder, missing, done)
        except SchedulerLostError as error:
            raise UserError(f"{error}; {_GO_ON}") from None


def _words(outcome: Outcome) -> str:
    if outcome.state == "failed":
        return f"failed: {outcome.error}"
    if outcome.grok_step is not None:
        return f"grokked at step {outcome.grok_step}"
    return f"not grokked after {outcome.steps} steps, test accuracy {percent(outcome.test_acc)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
